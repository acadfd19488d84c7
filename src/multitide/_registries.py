"""Parts from plain values and back: what TOML, JSON and a string mean.

A part is a string (``"lstm_fcn"``), a table (``{name = "lstm_fcn", num_layers = 2}``) or a
:class:`Part`; the three are the same thing. (Tasks have names of their own; see
:func:`multitide.tasks.task_from_config`.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from torch import nn

from multitide._checks import check_choice, gathering, one_of, raise_problems
from multitide._part import Part, annotation_problems, annotations_of
from multitide._toml import NONE, plain_value
from multitide.backbones import BACKBONES
from multitide.balancing import AGGREGATORS, WEIGHTINGS
from multitide.data._splitter import Splitter
from multitide.encodings import ENCODINGS
from multitide.errors import ParameterError
from multitide.representations import REPRESENTATIONS
from multitide.sharing import SHARINGS

Registry = Mapping[str, type[Part]]

OWN_PART = (
    "A part of your own is a dataclass of "
    "parameters whose method builds the module: "
    "see docs/internals/adding-a-part.md."
)
# A registry with one entry needs no name: `[inputs]` can only be inputs.
SPLITTERS: Registry = {"splitter": Splitter}
REGISTRIES: tuple[Registry, ...] = (
    BACKBONES,
    SHARINGS,
    WEIGHTINGS,
    AGGREGATORS,
    ENCODINGS,
    REPRESENTATIONS,
    SPLITTERS,
)


def part_from_config(registry: Registry, spec: object, where: str) -> Part:
    """Make a part from what a user wrote.

    Parameters
    ----------
    registry : dict of str to class
        The parts to choose from. With a single one its name may be left out of a table.
    spec : str, mapping or Part
        A name; a table with the name and parameters (lists become tuples, ``"none"`` becomes None
        where that is allowed, tables become parts); or the part, which is returned unchanged.
    where : str
        The parameter in messages, e.g. ``"backbone"``.

    Raises
    ------
    ParameterError
        With every problem of the part.
    """
    if isinstance(spec, Part):
        if not isinstance(spec, family := _family(next(iter(registry.values())))):
            raise ParameterError(
                f"`{where}` must be a {family.__name__}; got {spec!r}."
            )
        return spec
    if isinstance(spec, str):
        return _make(_part_class(registry, spec, where), {}, where)
    if not isinstance(spec, Mapping):
        raise ParameterError(
            f"`{where}` must be a name "
            f"({one_of(registry)}), a dict or a part; "
            f"{_got(spec)}"
        )
    values = dict(spec)
    if "name" not in values and len(registry) > 1:
        raise ParameterError(
            f"`{where}.name` must be {one_of(registry)}; it is not given."
        )
    name = values.pop("name", next(iter(registry)))
    return _make(_part_class(registry, name, f"{where}.name"), values, where)


def known_name(registry: Registry, spec: object) -> str | None:
    """Return the name in the table of a part; None unless it is a table with a registered name.

    A stored table may hold anything where the name should be.
    """
    if not isinstance(spec, Mapping):
        return None
    name = spec.get("name")
    if isinstance(name, str) and name in registry:
        return name
    return None


def _got(spec: object) -> str:
    """Say what was given in place of a part, and what to do if it is a class or a torch module."""
    own = " " + OWN_PART
    if isinstance(spec, type) and issubclass(spec, Part):
        return f"got the class {spec.__name__}. Give an object: {spec.__name__}()."
    if isinstance(spec, type) and issubclass(spec, nn.Module):
        return f"got the class {spec.__name__}, a torch module.{own}"
    if isinstance(spec, nn.Module):
        return f"got {type(spec).__name__}, a torch module.{own}"
    return f"got {spec!r}."


def part_to_config(registry: Registry, spec: object) -> dict[str, object]:
    """Return a part as plain JSON values, with every parameter.

    `part_from_config` reads it back.

    Parameters
    ----------
    registry : dict of str to class
        Where its class has a name.
    spec : str, mapping or Part
        As in `part_from_config`.

    Raises
    ------
    ParameterError
        If its class has no name in the registry, or a parameter is no plain value.
    """
    part = part_from_config(registry, spec, "name")
    names = {}
    for name, registered in registry.items():
        names[registered] = name
    if type(part) not in names:
        kind = type(part).__name__
        raise ParameterError(
            f"`{kind}` must have a name to be written down; "
            "add it to the registry of its kind, as in "
            f"multitide.backbones.BACKBONES['my_backbone'] = {kind}."
        )
    values = {}
    for name, value in part.get_params(deep=False).items():
        values[name] = _plain(value, name)
    return {"name": names[type(part)], **values}


def part_table(part: Part) -> dict[str, object]:
    """Return a part as plain JSON values; its class must be in the registry of its kind."""
    return part_to_config(_registered_under(_family(type(part))), part)


def _part_class(registry: Registry, name: object, where: str) -> type[Part]:
    try:
        return registry[str(name)]  # a registry may find more names than it lists
    except KeyError:
        check_choice(where, name, registry)
        raise


def _make(part: type[Part], values: dict[str, object], where: str) -> Part:
    problems: list[str] = []
    hints = annotations_of(part)
    made: dict[str, Any] = {}
    for name, value in values.items():
        with gathering(problems):
            made[name] = _field_value(hints.get(name), value, f"{where}.{name}")
    raise_problems([*problems, *annotation_problems(part, made, where)])
    return part(**made)


def _field_value(hint: object, value: object, where: str) -> object:
    """Return what a part's field holds for a plain value."""
    kinds = list(_flat(hint))
    if value == NONE and type(None) in kinds:
        return None
    if isinstance(value, list):
        return tuple(_field_value(hint, inner, where) for inner in value)
    families: list[type[Part]] = []
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, Part):
            families.append(kind)
    if isinstance(value, Mapping) and families:
        return part_from_config(_registered_under(*families), value, where)
    return value


def _plain(value: object, where: str) -> object:
    """Return a parameter's value as plain JSON values, with parts as tables."""
    if isinstance(value, Part):
        return part_table(value)
    if isinstance(value, Mapping):
        table = {}
        for key, inner in value.items():
            table[str(key)] = _plain(inner, f"{where}.{key}")
        return table
    if isinstance(value, (list, tuple)):
        return [_plain(inner, where) for inner in value]
    return plain_value(value, where)


def _registered_under(*families: type[Part]) -> Registry:
    """Return every registered part of these kinds, by name."""
    parts: dict[str, type[Part]] = {}
    for registry in REGISTRIES:
        for name, part in registry.items():
            if issubclass(part, families):
                parts[name] = part
    return parts


def _flat(hint: object) -> Iterator[object]:
    """Yield a type hint and every type within it."""
    yield hint
    for inner in get_args(hint):
        yield from _flat(inner)


def _family(part: type[Part]) -> type[Part]:
    """Return the common parent of all parts of a kind, the one right below `Part`."""
    parents = []
    for each in part.__mro__:
        if issubclass(each, Part) and each is not Part:
            parents.append(each)
    return parents[-1]
