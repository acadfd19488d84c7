"""Tell a row of values that stands in place of the column names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from multitide.data.tables._header_row import BODY, NUMBER
from multitide.data.tables._missing import MISSING
from multitide.errors import DataError

MOST_SHOWN = 4  # names, in a message
PLAIN_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?")

Kind = Literal["number", "date", "text", "blank"]


def check_header(
    names: Sequence[str], below: Sequence[Sequence[str]], file: str, line: str
) -> list[str]:
    """Raise if the names are sure to be values; return a note if they may be.

    Names are values where each is of the kind of the values below it: a number above numbers, a
    date above dates. Text above text decides nothing unless it occurs again below.

    Parameters
    ----------
    names : sequence of str
        The row of names.
    below : sequence of sequence of str
        The rows below it.
    file, line : str
        For messages: the name of the file, and ``"line 1"``.

    Raises
    ------
    DataError
        If the names are values.
    """
    columns = _columns(names, below)
    if not _may_be_values(names, columns) or _count_on(names):
        return []
    shown = ", ".join(map(repr, [name.strip() for name in names[:MOST_SHOWN]]))
    if len(names) > MOST_SHOWN:
        shown += ", ..."
    if _are_sure(names, columns):
        raise DataError(
            f"{file!r} must have a line with the names of the columns; "
            f"got the values {shown} in {line}. Add one above it."
        )
    return [
        f"`{file}`: the column names are {shown}. "
        f"If {line} holds values, add a line with names above it."
    ]


def _columns(names: Sequence[str], below: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the values below each name that are not missing."""
    columns: list[list[str]] = [[] for _ in names]
    for row in below[:BODY]:
        for place, field in enumerate(row[: len(names)]):
            if field.strip() and field.strip() not in MISSING:
                columns[place].append(field.strip())
    return columns


def _may_be_values(names: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Whether every name is of the kind of the values below, and one is a number or a date."""
    kinds = set()
    for name, values in zip(names, columns, strict=True):
        kind = _kind(name)
        if values and kind != "blank":
            kinds.add(kind)
            if {kind} != set(map(_kind, values)):
                return False
    return bool(kinds & {"number", "date"})


def _are_sure(names: Sequence[str], columns: Sequence[Sequence[str]]) -> bool:
    """Whether the names can hardly be names: text occurs again, numbers are not whole or repeat."""
    for name, values in zip(names, columns, strict=True):
        if _kind(name) == "text" and name.strip() not in values:
            return False
    numbers = [name.strip() for name in names if _kind(name) in ("number", "date")]
    return len(set(numbers)) < len(numbers) or not all(map(str.isdecimal, numbers))


def _count_on(names: Sequence[str]) -> bool:
    """Whether the names are 0, 1, 2, ... or 2019, 2020, ...: the columns of a wide table."""
    if len(names) < 2 or not all(name.strip().isdecimal() for name in names):
        return False
    numbers = list(map(int, names))
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _kind(field: str) -> Kind:
    field = field.strip()
    if not field:
        return "blank"
    if PLAIN_NUMBER.fullmatch(field):
        return "number"
    if NUMBER.fullmatch(field):
        return "date"
    return "text"
