"""Values that fields of numbers and of booleans take: those of any library, but nothing similar.

Pydantic would read ``True`` as 1, ``"5"`` as 5, ``2.0`` as 2 and 1 as ``True``; the code that uses
a field would get the value as it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import numpy as np


class NotOfThisKind:
    """Stands for a value that the type of its field excludes, and is shown as that value."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __repr__(self) -> str:
        return repr(self._value)


def strict_value(hint: object, value: object) -> object:
    """Return the value that pydantic checks in place of what was given.

    Parameters
    ----------
    hint : type hint
        Of the field.
    value : object
        NumPy scalars become Python's. In a field of numbers or booleans, a boolean, text or
        number that its type does not name becomes a value that pydantic refuses.
    """
    kinds = set(_flat(hint))
    if not kinds & {bool, int, float} or kinds & {Any, object}:
        return value
    return _strict(kinds, value)


def _strict(kinds: set[object], value: object) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)):
        return type(value)([_strict(kinds, inner) for inner in value])
    if isinstance(value, Mapping):
        strict = {}
        for key, inner in value.items():
            strict[key] = _strict(kinds, inner)
        return strict
    if type(value) in (bool, str, int, float) and not _is_among(kinds, value):
        return NotOfThisKind(value)
    return value


def _is_among(kinds: set[object], value: object) -> bool:
    """Say whether a field of these kinds has this type, or this word among its choices."""
    if isinstance(value, str) and value in kinds:
        return True
    if type(value) is int and float in kinds:
        return True
    return type(value) in kinds


def _flat(hint: object) -> Iterator[object]:
    """Yield the types and words in a type hint."""
    if isinstance(hint, (str, type)) or hint is Any:
        yield hint
    for inner in get_args(hint):
        yield from _flat(inner)
