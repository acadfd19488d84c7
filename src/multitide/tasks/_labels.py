"""How a column of labels is read: which values it has, which of them are missing, and which numbers they are."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

# One label as a user wrote it. JSON keeps all four apart, which is why classes are stored as they
# are.
Value = bool | int | float | str

# Beyond it a float no longer says which whole number was meant.
_LARGEST_WHOLE = 2**53


def distinct_values(labels: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Find the distinct labels of a column and who has which.

    Whole floats become ints (pandas makes floats of ints as soon as one is missing), unless some
    number of the column is not whole; booleans among numbers become numbers; NaN, None, NaT and
    blank text are no labels.

    Parameters
    ----------
    labels : Series
        One label a row.

    Returns
    -------
    positions : ndarray of int64, shape (n_samples,)
        Position of each row's label in `values`; -1 where nobody measured.
    values : list of bool, int, float, str (or of whatever else the column holds)
        The distinct labels, in order of appearance.
    """
    positions, uniques = pd.factorize(labels)
    if uniques.dtype.kind in "iuf":  # a million numbers without a million questions
        return positions, _as_whole(uniques.to_numpy()).tolist()
    raw = [_plain(value) for value in uniques.tolist()]
    kept = [i for i, value in enumerate(raw) if not isinstance(value, str) or value.strip()]
    # One more slot at the end, so that position -1 (missing) stays -1.
    moved = np.full(len(raw) + 1, -1, dtype=np.int64)
    moved[kept] = np.arange(len(kept))
    return moved[positions], _as_written([raw[i] for i in kept])


def strange_values(values: list[Any]) -> list[Any]:
    """Return the values that are no label at all: dates, lists, infinities."""
    return [
        v
        for v in values
        if not isinstance(v, (bool, int, float, str)) or (isinstance(v, float) and math.isinf(v))
    ]


def as_numbers(labels: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Read a column of labels as numbers.

    Parameters
    ----------
    labels : Series
        One label a row; text that reads as a number is one.

    Returns
    -------
    numbers : ndarray of float64, shape (n_samples,)
        NaN where nobody measured.
    refused : list
        The distinct values that are no finite number; their rows are NaN in `numbers`.
    """
    if pd.api.types.is_numeric_dtype(labels) and not pd.api.types.is_complex_dtype(labels):
        plain = labels.to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = np.isinf(plain)
        return np.where(infinite, np.nan, plain), np.unique(plain[infinite]).tolist()
    positions, values = distinct_values(labels)
    parsed = np.array([*map(_to_float, values), np.nan])
    refused = [
        value for value, number in zip(values, parsed[:-1], strict=True) if not np.isfinite(number)
    ]
    return np.where(np.isfinite(parsed), parsed, np.nan)[positions], refused


def shorten(values: list[Any], most: int = 5) -> str:
    """Write a list of values for a message: the first few, then how many more."""
    rest = len(values) - most
    return ", ".join(repr(value) for value in values[:most]) + (
        f" and {rest} more" if rest > 0 else ""
    )


def _plain(value: Any) -> Any:
    """Return the Python value of a NumPy or decimal one."""
    if isinstance(value, np.generic):
        return value.item()
    return float(value) if isinstance(value, Decimal) else value


def _as_whole(values: np.ndarray) -> np.ndarray:
    """Return an array of numbers as ints where all of them are whole."""
    whole = (np.abs(values) < _LARGEST_WHOLE) & (values == np.floor(values))
    return values.astype(np.int64) if values.dtype.kind == "f" and whole.all() else values


def _as_written(values: list[Any]) -> list[Any]:
    """Give all numbers of a column one type: ints when all are whole, floats otherwise."""
    found = [value for value in values if isinstance(value, (bool, int, float))]
    if all(isinstance(value, bool) for value in found):
        return values
    number = int if all(map(_is_whole, found)) else float
    return [number(value) if isinstance(value, (bool, int, float)) else value for value in values]


def _is_whole(value: float) -> bool:
    return isinstance(value, int) or (value.is_integer() and abs(value) < _LARGEST_WHOLE)


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
