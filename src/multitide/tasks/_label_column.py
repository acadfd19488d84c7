"""Read a column of labels: its distinct values, missing rows, and labels as numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import cast

import numpy as np
import pandas as pd

# A label as the user wrote it. JSON distinguishes all four types, so classes are stored as they
# are.
Value = bool | int | float | str

# Above this, a float no longer identifies a single integer.
_LARGEST_WHOLE = 2**53


def distinct_values(labels: pd.Series) -> tuple[np.ndarray, list[Value]]:
    """Find the distinct labels of a column, and which of them each row has.

    Whole floats become ints (pandas converts ints to floats as soon as one is missing), unless the
    column also has fractions. Booleans mixed with numbers become numbers. NaN, None, NaT and blank
    text are missing labels.

    Parameters
    ----------
    labels : Series
        One label per row.

    Returns
    -------
    positions : ndarray of int64, shape (n_samples,)
        Position of the label of each row in `values`; -1 for a missing label.
    values : list of bool, int, float or str
        The distinct labels, in order of appearance. Values of any other type are returned as they
        are; `unusable_values` finds them.
    """
    positions, uniques = pd.factorize(labels)
    if uniques.dtype.kind in "iuf":  # avoids a Python loop over many distinct numbers
        return positions, _as_whole(uniques.to_numpy()).tolist()
    raw = []
    for value in uniques.tolist():
        raw.append(_to_python(value))
    kept = []
    for i, value in enumerate(raw):
        if not _is_blank(value):
            kept.append(i)
    # One more entry at the end, so that position -1 (missing) stays -1.
    new_positions = np.full(len(raw) + 1, -1, dtype=np.int64)
    new_positions[kept] = np.arange(len(kept))
    return new_positions[positions], _with_one_number_type([raw[i] for i in kept])


def unusable_values(values: Sequence[object]) -> list[object]:
    """Return the values that cannot be labels, such as dates, lists and infinities."""
    unusable = []
    for value in values:
        if not _is_usable(value):
            unusable.append(value)
    return unusable


def as_numbers(labels: pd.Series) -> tuple[np.ndarray, list[Value]]:
    """Read a column of labels as numbers.

    Parameters
    ----------
    labels : Series
        One label per row. Text that contains a number is read as that number.

    Returns
    -------
    numbers : ndarray of float64, shape (n_samples,)
        NaN for missing labels.
    refused : list
        The distinct values that are not finite numbers; their rows are NaN in `numbers`.
    """
    if pd.api.types.is_numeric_dtype(labels) and not pd.api.types.is_complex_dtype(
        labels
    ):
        plain = labels.to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = np.isinf(plain)
        return np.where(infinite, np.nan, plain), np.unique(plain[infinite]).tolist()
    positions, values = distinct_values(labels)
    # Position -1 is the NaN at the end.
    parsed = np.array([*map(_to_float, values), np.nan])
    finite = np.isfinite(parsed)
    refused = []
    for i in np.flatnonzero(~finite[:-1]):
        refused.append(values[i])
    return np.where(finite, parsed, np.nan)[positions], refused


def shorten(values: Sequence[object], most: int = 5) -> str:
    """Write the first values of a list for a message, and the number of remaining ones."""
    written = ", ".join(map(repr, values[:most]))
    rest = len(values) - most
    if rest > 0:
        return f"{written} and {rest} more"
    return written


def is_constant(values: np.ndarray) -> bool:
    """Say whether numbers differ by no more than rounding errors."""
    low, high = values.min(), values.max()
    tolerance = np.finfo(np.float64).eps * max(abs(low), abs(high))
    # Halved first, so that nothing overflows.
    return bool(high / 2 - low / 2 <= tolerance)


def no_label_problem(name: str, n_rows: int) -> str:
    """Return the message for a column without any label."""
    return (
        f"`{name}` must have at least one label; "
        f"got none in {n_rows} rows. Remove it from the tasks."
    )


def unusable_problem(name: str, unusable: Sequence[object]) -> str:
    """Return the message for labels that are neither text nor booleans nor finite numbers."""
    return (
        f"`{name}` must hold text, booleans or finite numbers; "
        f"got {shorten(unusable)}. "
        "Convert these values, or use None for missing labels."
    )


def not_finite_problem(name: str, refused: Sequence[object]) -> str:
    """Return the message for labels that are not finite numbers."""
    return (
        f"`{name}` must hold finite numbers; got {shorten(refused)}. "
        "Use NaN for missing labels, or "
        "declare the task as a classification."
    )


def number_problem(name: str, numbers: np.ndarray, refused: Sequence[object]) -> str:
    """Return the message about labels of a numeric task that cannot be used, or "".

    Parameters
    ----------
    name : str
        Name of the task.
    numbers : ndarray of float64, shape (n_samples,) or (n_samples, n_columns)
        Labels from `as_numbers`.
    refused : list
        Values from `as_numbers` that are not finite numbers.
    """
    if refused:
        return not_finite_problem(name, refused)
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return no_label_problem(name, len(numbers))
    if is_constant(known):
        return (
            f"`{name}` must have labels that differ; "
            f"got only {known[0]:g} in {len(known)} labels. "
            "Remove it from the tasks, or "
            "use samples with other labels."
        )
    return ""


def _to_python(value: object) -> Value:
    """Convert NumPy scalars and decimals to Python values.

    A column can hold values of every type; `unusable_values` finds those that are not labels.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Decimal):
        return float(value)
    return cast(Value, value)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def _is_usable(value: object) -> bool:
    if isinstance(value, float):
        return not math.isinf(value)
    return isinstance(value, (bool, int, str))


def _as_whole(values: np.ndarray) -> np.ndarray:
    """Return an array of numbers as ints if all of them are whole."""
    if values.dtype.kind != "f":
        return values
    whole = (np.abs(values) < _LARGEST_WHOLE) & (values == np.floor(values))
    if whole.all():
        return values.astype(np.int64)
    return values


def _with_one_number_type(values: list[Value]) -> list[Value]:
    """Give all numbers of a column one type: int if all are whole, otherwise float."""
    numbers = []
    for value in values:
        if isinstance(value, (bool, int, float)):
            numbers.append(value)
    if all(isinstance(value, bool) for value in numbers):
        return values
    number_type: type[int] | type[float] = float
    if all(map(_is_whole, numbers)):
        number_type = int
    labels: list[bool | int | float | str] = []
    for value in values:
        if isinstance(value, (bool, int, float)):
            labels.append(number_type(value))
        else:
            labels.append(value)
    return labels


def _is_whole(value: float) -> bool:
    return isinstance(value, int) or (
        value.is_integer() and abs(value) < _LARGEST_WHOLE
    )


def _to_float(value: Value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan
