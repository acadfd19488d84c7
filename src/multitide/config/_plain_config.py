"""The content of a configuration without parts: tables, lists and values that a file can hold."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from multitide._part import Part
from multitide._registries import SPLITTERS, Registry, part_table, part_to_config
from multitide.data._splitter import Splitter
from multitide.data.tables._read_table import read_table
from multitide.fitting._parameters import Parameters
from multitide.fitting._recipe import PART_PARAMETERS
from multitide.tasks import Task, task_to_config

REGISTRIES: Mapping[str, Registry] = {
    **PART_PARAMETERS,
    "split": SPLITTERS,
    "validation": SPLITTERS,
}


def plain_config(table: Mapping[str, object]) -> dict[str, object]:
    """Return the content of a configuration with parts and tasks as tables.

    TOML has no null. A None is left out where the parameter's default is None.

    Parameters
    ----------
    table : mapping
        The sections ``data``, ``split``, ``tasks``, ``compare`` and ``tune``, and parameters of the
        estimator by name.
    """
    plain: dict[str, object] = {}
    for name, value in table.items():
        if isinstance(value, Part):
            plain[name] = _part_table(value, REGISTRIES[name])
        elif name == "tasks" and isinstance(value, (list, tuple)):
            plain[name] = list(map(_task_table, value))
        else:
            plain[name] = _without_nones(_without_parts(value), name)
    return _drop_nones(plain, Parameters)


def _part_table(part: Part, registry: Registry) -> dict[str, object]:
    table = part_to_config(registry, part)
    if len(registry) == 1:  # the name says nothing
        del table["name"]
    return _drop_nones(table, type(part))


def _task_table(task: object) -> object:
    if isinstance(task, Task):
        return _drop_nones(task_to_config(task), type(task))
    return task


def _without_parts(value: object) -> object:
    """Return a value with the parts inside it as tables."""
    if isinstance(value, Part):
        return _drop_nones(part_table(value), type(value))
    if isinstance(value, Mapping):
        parts = {}
        for key, inner in value.items():
            parts[key] = _without_parts(inner)
        return parts
    if isinstance(value, (list, tuple)):
        plain = []
        for inner in value:
            plain.append(_without_parts(inner))
        return plain
    return value


def _without_nones(section: object, name: str) -> object:
    """Drop a section's Nones; with several data sets, those of each table."""
    if isinstance(section, list):
        nones = []
        for row in section:
            nones.append(_without_nones(row, name))
        return nones
    if isinstance(section, Mapping):
        owner = _owner(name)
        if owner is None:
            return section
        return _drop_nones(section, owner)
    return section


def _owner(name: str) -> Callable[..., object] | None:
    """Return what takes the values of a section as arguments."""
    from multitide.study import compare
    from multitide.tuning import tune

    owners: dict[str, Callable[..., object]] = {
        "data": read_table,
        "split": Splitter,
        "compare": compare,
        "tune": tune,
    }
    return owners.get(name)


def _drop_nones(
    values: Mapping[str, object], owner: Callable[..., object]
) -> dict[str, object]:
    """Return the values without each None that is the default of the owner's parameter."""
    parameters = inspect.signature(owner).parameters
    kept = {}
    for name, value in values.items():
        default_is_none = name in parameters and parameters[name].default is None
        if value is not None or not default_is_none:
            kept[name] = value
    return kept
