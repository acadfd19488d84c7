"""Windows as pairs of integers: where series break, where windows start, and their labels.

Nothing here copies a series: a million windows are two int64 arrays. All functions take the rows of
a table that is already in order (series after series, each in the order of time).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from multitide.data.tables._columns import nullable
from multitide.data.tables._read_options import LabelAt
from multitide.errors import DataError

Index = NDArray[np.int64]

# Of a step: loggers jitter less, and a skipped row is a whole step.
GAP_TOLERANCE = 0.25


def usual_step(ticks: np.ndarray, series: np.ndarray) -> float | None:
    """Return the usual step between rows of one series.

    This is the most common step, or the median if most steps differ.

    Parameters
    ----------
    ticks : ndarray, shape (n_rows,)
        Time of each row as numbers, ascending within a series.
    series : ndarray of int, shape (n_rows,)
        Code of the series of each row.

    Returns
    -------
    float or None
        In the unit of `ticks`; None if every series has a single row.
    """
    steps = np.diff(ticks)[np.diff(series) == 0]
    if not len(steps):
        return None
    sizes, counts = np.unique(steps, return_counts=True)
    if 2 * counts.max() >= len(steps):
        return float(sizes[counts.argmax()])
    return float(np.median(steps))


def is_gap(ticks: np.ndarray, step: float) -> NDArray[np.bool_]:
    """Return which of the n_rows - 1 steps differ from `step` by more than a quarter of it."""
    return np.asarray(np.abs(np.diff(ticks) - step) > GAP_TOLERANCE * abs(step))


def find_segments(
    series: np.ndarray, gaps: np.ndarray | None = None
) -> tuple[Index, Index]:
    """Return the stretches of rows that windows may lie in.

    Parameters
    ----------
    series : ndarray of int, shape (n_rows,)
        Code of the series of each row; a new series begins a new segment.
    gaps : ndarray of bool, shape (n_rows - 1,), optional
        Steps that windows may not cross.

    Returns
    -------
    starts, lengths : ndarray of int64, shape (n_segments,)
    """
    if not len(series):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    breaks = np.diff(series) != 0
    if gaps is not None:
        breaks = breaks | gaps
    starts = np.concatenate([[0], np.flatnonzero(breaks) + 1]).astype(np.int64)
    return starts, np.diff(np.append(starts, len(series)))


def cut_windows(
    starts: Index, lengths: Index, window: int, stride: int
) -> tuple[Index, Index]:
    """Return where the windows of each segment start, and the segment of each window.

    Parameters
    ----------
    starts, lengths : ndarray of int64, shape (n_segments,)
        From :func:`find_segments`.
    window, stride : int
        Rows per window, and rows between the starts of two windows.

    Returns
    -------
    window_starts, segment : ndarray of int64, shape (n_windows,)
    """
    counts = np.maximum((lengths - window) // stride + 1, 0)
    segment = np.repeat(np.arange(len(starts)), counts)
    number = np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts, counts)
    return starts[segment] + number * stride, segment


def label_windows(
    labels: pd.Series,
    starts: Index,
    lengths: Index,
    ends: Index,
    label_at: LabelAt = "end",
    lead: int = 0,
) -> pd.Series:
    """Return one label per window, from one label per row.

    Parameters
    ----------
    labels : Series, n_rows rows
        Labels of the rows; ``"mean"``, ``"majority"`` and ``"any"`` skip missing ones.
    starts, lengths : ndarray of int64, shape (n_windows,)
        The windows.
    ends : ndarray of int64, shape (n_windows,)
        One past the last row of the segment of each window. A label beyond it would lie across a
        gap, so it is missing.
    label_at : {"end", "start", "mean", "majority", "any"}
        The label of the window's last or first row, or the mean, the most common (ties: the
        smallest) or the largest label of its rows. ``"any"`` suits labels that are true, or above
        zero, when an event happened.
    lead : int
        Number of rows by which the label lies later.

    Returns
    -------
    Series, n_windows rows
        Missing where the rows of the label lie beyond the segment or have no label.

    Raises
    ------
    DataError
        If `label_at` is ``"mean"`` or ``"any"`` and labels are not numeric.
    """
    starts, stops = starts + lead, starts + lengths + lead
    if label_at == "end":
        return _take_before(labels, stops - 1, ends)
    if label_at == "start":
        return _take_before(labels, starts, ends)
    starts = np.minimum(starts, len(labels))
    stops = np.where(stops <= ends, stops, starts)
    if label_at == "majority":
        return _majority(labels, starts, stops)
    if not pd.api.types.is_numeric_dtype(labels):
        raise DataError(
            '`label_at` must be "end", "start" '
            'or "majority" for text labels; '
            f"got {label_at!r}."
        )
    if label_at == "mean":
        return _mean(labels, starts, stops)
    return _largest(labels, starts, stops)


def last_known(values: np.ndarray, starts: Index, lengths: Index) -> np.ndarray:
    """Return the last value of each window that is not missing, float64 (n_windows,).

    NaN for windows without any value.

    Parameters
    ----------
    values : ndarray, shape (n_rows,)
    starts, lengths : ndarray of int64, shape (n_windows,)
    """
    rows = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    last = rows[starts + lengths - 1]
    return np.where(last >= starts, values[last], np.nan)


def _take_before(labels: pd.Series, rows: Index, ends: Index) -> pd.Series:
    """Return the labels of rows; missing for rows at or beyond `ends`."""
    return _take(labels, np.where(rows < ends, rows, -1))


def _take(labels: pd.Series, rows: Index) -> pd.Series:
    """Return the labels of rows; missing for row -1."""
    array = labels.array
    if (rows < 0).any() and isinstance(array, pd.arrays.NumpyExtensionArray):
        array = nullable(labels).array  # int -> Int64, not float
    return pd.Series(pd.api.extensions.take(array, rows, allow_fill=True))


def _mean(labels: pd.Series, starts: Index, stops: Index) -> pd.Series:
    numbers = labels.to_numpy(dtype=np.float64, na_value=np.nan)
    measured = ~np.isnan(numbers)
    counts = _reduce(np.add, measured.astype(np.int64), starts, stops, 0)
    sums = _reduce(np.add, np.where(measured, numbers, 0.0), starts, stops, 0)
    return pd.Series(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def _largest(labels: pd.Series, starts: Index, stops: Index) -> pd.Series:
    numbers = labels.to_numpy(dtype=np.float64, na_value=np.nan)
    largest = pd.Series(_reduce(np.fmax, numbers, starts, stops, np.nan))
    if pd.api.types.is_bool_dtype(labels):
        largest = largest.astype("boolean")
    return largest


def _majority(labels: pd.Series, starts: Index, stops: Index) -> pd.Series:
    codes, classes = pd.factorize(labels, sort=True)
    best = np.full(len(starts), -1)
    most = np.zeros(len(starts), np.int64)
    for code in range(len(classes)):
        seen = np.concatenate([[0], np.cumsum(codes == code)])
        count = seen[stops] - seen[starts]
        best = np.where(count > most, code, best)
        most = np.maximum(count, most)
    return _take(pd.Series(classes), best)


def _reduce(
    function: np.ufunc, values: np.ndarray, starts: Index, stops: Index, empty: float
) -> np.ndarray:
    """Return function.reduce(values[start:stop]) for every pair.

    Unlike differences of running sums, this is exact.
    """
    neutral = np.asarray(empty, dtype=values.dtype)
    padded = np.append(values, neutral)
    if not len(starts):
        return padded[:0]
    pairs = np.column_stack([starts, stops]).ravel()
    reduced = function.reduceat(padded, pairs)[::2]
    return np.where(stops > starts, reduced, neutral)
