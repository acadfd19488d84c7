"""Which values of a table mean that nothing was measured, and how many cells hold them."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import cast

import pandas as pd

# What is missing unless the user says otherwise; empty cells always are.
MISSING = (
    "-",
    "--",
    "NA",
    "N/A",
    "n/a",
    "nan",
    "NaN",
    "null",
    "NULL",
    "Null",
    "#N/A",
    "<NA>",
    "?",
)

Counts = Mapping[str, Mapping[str, int]]


def count_missing(frame: pd.DataFrame, missing: Collection[str]) -> Counts:
    """Return how many cells of each column hold each of the values that mean missing."""
    counts: dict[str, dict[str, int]] = {}
    for name, column in frame.items():
        for value, n in _found(column, missing).items():
            of_column = counts.setdefault(str(name), {})
            of_column[_text(value)] = of_column.get(_text(value), 0) + int(n)
    return counts


def clear_missing(frame: pd.DataFrame, missing: Collection[str]) -> pd.DataFrame:
    """Return a table without the values that mean missing."""
    changed = {}
    for name, column in frame.items():
        values = list(_found(column, missing))
        if not values:
            continue
        if isinstance(column.dtype, pd.CategoricalDtype):
            changed[str(name)] = column.cat.remove_categories(values)
            continue
        is_missing = column.isin(values)
        if pd.api.types.is_integer_dtype(column):
            column = column.astype("Int64")
        changed[str(name)] = column.mask(is_missing)
    return frame.assign(**changed)


def missing_notes(counts: Counts) -> list[str]:
    """Return one sentence about what was read as missing; none for nothing."""
    said = []
    for name, of_column in counts.items():
        values = [f"{value!r} ({n})" for value, n in sorted(of_column.items())]
        said.append(f"`{name}` {', '.join(values)}")
    if not said:
        return []
    return [f"Read as missing: {'; '.join(said)} (`missing` changes this)."]


def as_missing(values: Sequence[str] | None) -> tuple[str, ...]:
    """Return the values that mean missing, as text."""
    if values is None:
        return MISSING
    return tuple(values)


def _found(column: pd.Series, missing: Collection[str]) -> dict[Hashable, int]:
    """Return the values of a column that mean missing, and how often each occurs."""
    if not _may_mean_missing(column):
        return {}
    wanted: set[object] = set(missing)
    if pd.api.types.is_numeric_dtype(column):
        wanted = {_number(text) for text in missing}
        if not any(math.isfinite(cast(float, number)) for number in wanted):
            return {}
    if isinstance(column.dtype, pd.StringDtype):
        # Most texts mean something. To look at each of them below would take most of the reading.
        column = column[column.str.strip().isin(wanted)]
    counts = column.value_counts(sort=False)
    occurring = {}
    for value, n in counts[counts > 0].items():
        if isinstance(value, Hashable) and _key(value) in wanted:
            occurring[value] = int(n)
    return occurring


def _may_mean_missing(column: pd.Series) -> bool:
    """Return whether values of this type can be written as text or as a number."""
    types = pd.api.types
    if types.is_bool_dtype(column) or types.is_complex_dtype(column):
        return False
    # A time is never a code for a missing value. To look would make an object of each.
    is_duration = types.is_timedelta64_dtype(column)
    return not types.is_datetime64_any_dtype(column) and not is_duration


def _key(value: object) -> object:
    if isinstance(value, str):
        return value.strip()
    return value


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(_key(value))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
