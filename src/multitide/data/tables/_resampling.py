"""Combine rows with the same time stamp, and put rows on a regular grid of times."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from multitide.data._time_bounds import MAX_EXACT
from multitide.data.tables._columns import nullable
from multitide.data.tables._findings import Findings
from multitide.data.tables._reading import Reading
from multitide.data.tables._rows import Rows
from multitide.errors import DataError, ParameterError

# Rows of the grid per row; a finer grid has a wrong unit, and would fill the memory.
MAX_GROWTH = 1000
DAYLIGHT = (
    " Daylight saving time is a likely cause "
    "(an hour that comes twice in autumn): "
    "write times in UTC."
)
MOST_DAYLIGHT = 12  # rows of an hour, or a hundredth of the table
SEVERAL = " If the table holds several recordings, name their id column with `series`."
# How labels of one bin are combined, by label_at; the last label of the bin otherwise.
HOW = {"any": "max", "mean": "mean"}


def merge_duplicates(rows: Rows, reading: Reading, findings: Findings) -> Rows:
    """Combine rows of one series with the same time stamp as `duplicates` says.

    Raises
    ------
    DataError
        If `duplicates` is None and there are such rows; with the time stamps and the remedy.
    """
    if rows.time is None:
        return rows
    first = _begins(rows.series, rows.time)
    if first.all():
        return rows
    if reading.duplicates is None:
        raise DataError(_duplicates_message(rows, reading, np.flatnonzero(~first)))
    findings.note(
        f"{(~first).sum()} rows repeat a time stamp of their series: "
        f"took the {reading.duplicates}."
    )
    starts = np.flatnonzero(first)
    if reading.duplicates == "mean":
        return _merge(rows, starts, reading, "mean")
    if reading.duplicates == "first":
        return rows.take(starts)
    return rows.take(np.append(starts[1:], len(rows)) - 1)


def resample(rows: Rows, reading: Reading, findings: Findings) -> Rows:
    """Put every series on a regular grid: one row per interval `every`, stamped with its start.

    Channels are averaged over the interval (categories: the last one). Labels are the last of the
    interval (the largest for ``label_at="any"``, the mean for ``"mean"``). An interval without rows
    becomes a row of missing values.

    Raises
    ------
    ParameterError
        If there is no time, or `every` is not a step of time.
    """
    if reading.every is None:
        return rows
    size = grid_step(rows.time, reading.every)
    grid = _make_grid(np.asarray(rows.time), size, reading.every)
    starts = np.flatnonzero(_begins(rows.series, grid.bins))
    merged = replace(_merge(rows, starts, reading, "last"), time=None)
    spread = _spread_over_grid(
        merged, grid, grid.bins[starts], len(rows), reading.every
    )
    n_empty = len(spread) - len(starts)
    findings.note(
        f"{len(rows)} rows became {len(spread)}, "
        f"one every {reading.every}; "
        f"{n_empty} of them without data."
    )
    return spread


@dataclass(frozen=True)
class _Grid:
    """The interval number of each row, and the way back from numbers to times."""

    bins: np.ndarray
    to_time: Callable[[np.ndarray], np.ndarray]


def grid_step(time: np.ndarray | None, every: str | float) -> float:
    """Return the step `every` in nanoseconds, or as a number if times are numbers.

    Raises
    ------
    ParameterError
        If there is no time, or `every` is not a step of such times.
    """
    if time is None:
        raise ParameterError(
            "`every` must come with a time column; "
            f"got {every!r} and no time. Name the column with `time`."
        )
    if time.dtype.kind == "M":
        return _nanoseconds(every)
    if isinstance(every, (str, bool)) or not every > 0:
        raise ParameterError(
            "`every` must be a positive number, "
            "because `time` holds numbers; "
            f"got {every!r}."
        )
    return every


def _make_grid(time: np.ndarray, size: float, every: str | float) -> _Grid:
    if time.dtype.kind == "M":
        bins = time.astype("datetime64[ns]").astype(np.int64) // size
        return _Grid(bins, lambda numbers: (numbers * size).astype("datetime64[ns]"))
    with np.errstate(over="ignore"):
        bins = np.floor(time / size + 1e-9)
    if not np.abs(bins).max() < MAX_EXACT:
        raise ParameterError(
            "`every` must not be much finer than the data; "
            f"got {every!r}, and times up to {np.abs(time).max():g}."
        )
    bins = bins.astype(np.int64)
    return _Grid(bins, lambda numbers: numbers * size)


def _nanoseconds(every: str | float) -> int:
    step = None
    if isinstance(every, (str, datetime.timedelta)):
        with suppress(ValueError):
            step = pd.Timedelta(every)
    if step is None or step <= pd.Timedelta(0):
        raise ParameterError(
            "`every` must be a length of time "
            'such as "1h", "10min" or "1D"; '
            f"got {every!r}."
        )
    return int(step.value)


def _spread_over_grid(
    merged: Rows, grid: _Grid, bins: np.ndarray, n_rows: int, every: str | float
) -> Rows:
    """Return merged rows with rows for the empty intervals between them.

    Parameters
    ----------
    merged : Rows
        One row per interval that has data.
    grid : _Grid
    bins : ndarray of int64
        The interval of each merged row.
    n_rows : int
        Number of rows before merging.
    every : str or number
        For the message.
    """
    # Of each series.
    last = np.append(np.flatnonzero(np.diff(merged.series)), len(bins) - 1)
    first = np.append(0, last[:-1] + 1)
    spans = bins[last] - bins[first] + 1
    if spans.sum() > MAX_GROWTH * n_rows + MAX_GROWTH:
        raise ParameterError(
            "`every` must not be much finer than the data; "
            f"got {every!r}, which turns "
            f"{n_rows} rows into {spans.sum()}."
        )
    offsets = np.cumsum(spans) - spans  # where each series begins in the new table
    where = np.repeat(offsets - bins[first], last - first + 1) + bins
    spread = _spread(merged, where, np.repeat(merged.series[first], spans))
    number = np.arange(len(spread)) - np.repeat(offsets, spans)
    time = grid.to_time(np.repeat(bins[first], spans) + number)
    return replace(spread, time=time, number=number)


def _begins(series: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return which rows differ in series or time from the row before."""
    return np.concatenate([[True], (np.diff(series) != 0) | (time[1:] != time[:-1])])


def _duplicates_message(rows: Rows, reading: Reading, repeated: np.ndarray) -> str:
    times = np.asarray(rows.time)
    stamps: list[str] = []
    for row in repeated:
        stamp = str(times[row])
        if times.dtype.kind == "M":
            stamp = str(pd.Timestamp(times[row]))
        if reading.series is not None:
            stamp += f" (series {rows.ids[rows.series[row]]})"
        stamps.append(stamp)
    shown = ", ".join(list(dict.fromkeys(stamps))[:5])
    cause = ""
    few = max(MOST_DAYLIGHT, len(times) // 100)
    if times.dtype.kind == "M" and len(repeated) <= few:
        cause = DAYLIGHT
    if reading.series is None:
        several = SEVERAL
    else:
        several = ""
    return (
        "`time` must not repeat within a series; "
        f"got {len(repeated)} repeated time stamps: "
        f'{shown}.{cause}{several} Pass duplicates="first", '
        '"last" or "mean" to combine such rows.'
    )


def _merge(rows: Rows, starts: np.ndarray, reading: Reading, labels_by: str) -> Rows:
    """Combine each stretch of rows that begins at one of `starts` into one row."""
    values = np.empty((len(starts), rows.values.shape[1]), rows.values.dtype)
    for i, name in enumerate(reading.channels or ()):
        if name in reading.categories:
            combine = _last_measured
        else:
            combine = _mean
        values[:, i] = combine(rows.values[:, i], starts)
    last = np.append(starts[1:], len(rows)) - 1
    group = np.repeat(np.arange(len(starts)), last - starts + 1)
    how = _how_labels_combine(reading, labels_by)
    labels = {}
    for name in rows.labels:
        labels[name] = _merge_labels(rows.labels[name], group, how.get(name, "last"))
    merged = rows.take(last)
    return replace(
        merged, values=values, labels=pd.DataFrame(labels).set_axis(merged.labels.index)
    )


def _how_labels_combine(reading: Reading, otherwise: str) -> dict[str, str]:
    """Return how the labels of each column are combined; a forecast column, as a channel is."""
    how = {}
    for task in reading.tasks or ():
        how[task.column] = HOW.get(task.label_at, otherwise)
    for task in reading.tasks or ():
        if task.kind == "forecast":
            how[task.column] = "mean"
    return how


def _mean(column: np.ndarray, starts: np.ndarray) -> np.ndarray:
    measured = ~np.isnan(column)
    counts = np.add.reduceat(measured.astype(np.int64), starts)
    sums = np.add.reduceat(np.where(measured, column, 0).astype(np.float64), starts)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _last_measured(column: np.ndarray, starts: np.ndarray) -> np.ndarray:
    places = np.maximum.reduceat(
        np.where(np.isnan(column), -1, np.arange(len(column))), starts
    )
    return np.where(places >= starts, column[places], np.nan)


def _merge_labels(column: pd.Series, group: np.ndarray, how: str) -> pd.Series:
    groups = column.reset_index(drop=True).groupby(group)
    is_bool = pd.api.types.is_bool_dtype(column)
    if not pd.api.types.is_numeric_dtype(column) or (is_bool and how == "mean"):
        how = "last"
    merged: pd.Series = groups.agg(how)
    return merged


def _spread(rows: Rows, where: np.ndarray, series: np.ndarray) -> Rows:
    """Put rows at the places `where` of a longer table.

    The other rows are missing; their static and extra columns are filled from the row before.
    """
    shape = (len(series), rows.values.shape[1])
    values = np.full(shape, np.nan, rows.values.dtype)
    values[where] = rows.values
    labels = _spread_frame(rows.labels, where, len(series))
    fixed = _spread_frame(rows.fixed, where, len(series))
    if len(fixed.columns):
        fixed = fixed.groupby(series).ffill()
    return replace(rows, values=values, labels=labels, fixed=fixed, series=series)


def _spread_frame(frame: pd.DataFrame, where: np.ndarray, n_rows: int) -> pd.DataFrame:
    return nullable(frame).set_axis(where).reindex(range(n_rows))
