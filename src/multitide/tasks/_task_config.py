"""Read tasks from plain values, as in a configuration file, and write them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields

from multitide._checks import check_choice, raise_problems
from multitide._part import annotation_problems
from multitide.tasks._kinds import Auto
from multitide.tasks._registry import TASKS
from multitide.tasks._task import Task


def task_from_config(config: Mapping[str, object]) -> Task:
    """Read a task from a table such as ``{"name": "load", "kind": "regression", "loss": "mae"}``.

    Parameters
    ----------
    config : mapping
        ``name``, optionally ``kind`` (default: inferred from the labels, see :class:`Auto`), and
        the parameters of that kind.

    Raises
    ------
    ParameterError
        With all problems: a missing name, an unknown kind or parameter, an invalid value.
    """
    values = dict(config)
    kind = values.pop("kind", Auto.kind)
    where = f"tasks.{values.get('name', '?')}"
    check_choice(f"{where}.kind", kind, [*TASKS, Auto.kind])
    task_class = TASKS.get(str(kind), Auto)
    problems = annotation_problems(task_class, values, where)
    if task_class is Auto:
        problems += _kind_needed_problems(values, where)
    raise_problems(problems)
    make: Callable[..., Task] = task_class
    task = make(**values)
    task.check(where)  # also what is needed and absent
    return task


def _kind_needed_problems(values: Mapping[str, object], where: str) -> list[str]:
    """Return one message for each parameter that only exists for some kinds of task."""
    problems = []
    for name in values:
        kinds = _kinds_with_parameter(name)
        if kinds:
            needed = " or ".join(f'"{kind}"' for kind in kinds)
            problems.append(f"`{where}.{name}` needs a kind; add kind = {needed}.")
    return problems


def _kinds_with_parameter(name: str) -> list[str]:
    if name in _parameters(Auto):
        return []
    kinds = []
    for kind, task_class in TASKS.items():
        if name in _parameters(task_class):
            kinds.append(kind)
    return kinds


def _parameters(task_class: type[Task]) -> set[str]:
    parameters = set()
    for field in fields(task_class):
        parameters.add(field.name)
    return parameters


def task_to_config(task: Task) -> dict[str, object]:
    """Return a task as plain values.

    They are the name, the kind unless it is inferred, and every parameter that differs from its
    default.
    """
    config: dict[str, object] = {"name": task.name}
    if not isinstance(task, Auto):
        config["kind"] = task.kind
    for field in fields(task):
        value = getattr(task, field.name)
        if value != field.default:
            config[field.name] = value
    return config
