"""Rows at one time made into one row, and rows put on a regular grid of times."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from multitide.data.tables._columns import nullable
from multitide.data.tables._reading import Reading
from multitide.data.tables._rows import Rows
from multitide.errors import DataError, ParameterError

MAX_GROWTH = 1000  # a finer grid than this is a slip of the unit, and would fill the memory
DAYLIGHT = " Daylight saving time is a likely cause (an hour that comes twice in autumn): write times in UTC."
SEVERAL = (
    " If the table holds several recordings, name the column that tells them apart with `series`."
)
HOW = {
    "any": "max",
    "mean": "mean",
}  # label_at -> how labels in one bin become one; else the last of them


def merge_duplicates(rows: Rows, reading: Reading) -> tuple[Rows, Reading]:
    """Make rows of one series with one time stamp into one row, the way that was asked.

    Raises
    ------
    DataError
        If nothing was asked and there are such rows; with the stamps, the likely cause and the
        option that helps.
    """
    if rows.time is None:
        return rows, reading
    first = np.concatenate(
        [[True], (np.diff(rows.series) != 0) | (rows.time[1:] != rows.time[:-1])]
    )
    if first.all():
        return rows, reading
    if reading.duplicates is None:
        raise DataError(_duplicate_message(rows, reading, np.flatnonzero(~first)))
    starts = np.flatnonzero(first)
    note = (
        f"{(~first).sum()} rows repeat a time stamp of their series: took the {reading.duplicates}."
    )
    reading = reading.noted(note)
    if reading.duplicates == "mean":
        return _merge(rows, starts, reading, "mean"), reading
    return rows.take(
        starts if reading.duplicates == "first" else np.append(starts[1:], len(rows)) - 1
    ), reading


def _duplicate_message(rows: Rows, reading: Reading, repeated: np.ndarray) -> str:
    times = np.asarray(rows.time)
    one = reading.series is None
    stamps = [
        _stamp(times[i]) if one else f"{_stamp(times[i])} (series {rows.ids[rows.series[i]]})"
        for i in repeated
    ]
    shown = ", ".join(list(dict.fromkeys(stamps))[:5])
    cause = DAYLIGHT if times.dtype.kind == "M" else ""
    return (
        f"`time` must not repeat within a series; got {len(repeated)} repeated time stamps: {shown}."
        f'{cause}{SEVERAL if one else ""} duplicates="first", "last" or "mean" keeps one row of each.'
    )


def _stamp(time: Any) -> str:
    return str(pd.Timestamp(time)) if isinstance(time, np.datetime64) else str(time)


def resample(rows: Rows, reading: Reading) -> tuple[Rows, Reading]:
    """Put every series on a regular grid: one row a bin of `every`, stamped with the bin's start.

    Channels are averaged over the bin (categories: the last), labels are the bin's last (its
    largest for ``label_at="any"``, its mean for ``"mean"``); a bin without rows is a row of missing
    values.

    Raises
    ------
    ParameterError
        If there is no time, or `every` is no step of it.
    """
    if reading.every is None:
        return rows, reading
    if rows.time is None:
        raise ParameterError(f"`every` needs a `time` column; got {reading.every!r} and no time.")
    bins, stamp = _bins(rows.time, reading.every)
    starts = np.flatnonzero(
        np.concatenate([[True], (np.diff(rows.series) != 0) | (np.diff(bins) != 0)])
    )
    merged = replace(_merge(rows, starts, reading, "last"), time=None)
    bins = bins[starts]
    ends = np.append(np.flatnonzero(np.diff(merged.series)), len(starts) - 1)
    begins = np.append(0, ends[:-1] + 1)
    spans = bins[ends] - bins[begins] + 1
    if spans.sum() > MAX_GROWTH * len(rows) + MAX_GROWTH:
        raise ParameterError(
            f"`every` must not be much finer than the data; got {reading.every!r}, which makes {spans.sum()} rows of "
            f"{len(rows)}."
        )
    where = np.repeat(np.cumsum(spans) - spans - bins[begins], ends - begins + 1) + bins
    grid = _spread(merged, where, np.repeat(merged.series[begins], spans))
    number = np.arange(len(grid)) - np.repeat(np.cumsum(spans) - spans, spans)
    grid = replace(grid, time=stamp(np.repeat(bins[begins], spans) + number), number=number)
    empty = len(grid) - len(starts)
    note = f"{len(rows)} rows became {len(grid)}, one every {reading.every}; {empty} of them without data."
    return grid, reading.noted(note)


def _bins(time: np.ndarray, every: str | float) -> tuple[np.ndarray, Any]:
    """Return the number of each row's bin, and the way back from numbers to times."""
    if time.dtype.kind == "M":
        try:
            step = pd.Timedelta(every) if isinstance(every, (str, datetime.timedelta)) else None
        except ValueError:
            step = None
        if step is None or step <= pd.Timedelta(0):
            raise ParameterError(
                f'`every` must be a length of time such as "1h", "10min" or "1D"; got {every!r}.'
            )
        size = step.value
        return time.astype("datetime64[ns]").astype(np.int64) // size, lambda b: (b * size).astype(
            "datetime64[ns]"
        )
    if isinstance(every, (str, bool)) or not every > 0:
        raise ParameterError(
            f"`every` must be a positive number, as `time` holds numbers; got {every!r}."
        )
    return np.floor(time / every + 1e-9).astype(np.int64), lambda b: b * every


def _merge(rows: Rows, starts: np.ndarray, reading: Reading, labels_by: str) -> Rows:
    """Make each stretch of rows that begins at one of `starts` into one row."""
    values = np.empty((len(starts), rows.values.shape[1]), dtype=np.float32)
    last = np.append(starts[1:], len(rows)) - 1
    for i, name in enumerate(reading.channels or ()):
        column = rows.values[:, i]
        values[:, i] = (
            _last_measured(column, starts) if name in reading.categories else _mean(column, starts)
        )
    group = np.repeat(np.arange(len(starts)), last - starts + 1)
    how = {task.column: HOW.get(task.label_at, labels_by) for task in reading.tasks or ()}
    how |= {
        task.column: "mean" for task in reading.tasks or () if task.kind == "forecast"
    }  # as a channel's value
    labels = pd.DataFrame(
        {c: _merge_labels(rows.labels[c], group, how.get(c, "last")) for c in rows.labels}
    )
    merged = rows.take(last)
    return replace(
        merged, values=values, labels=labels.set_axis(merged.labels.index), fixed=merged.fixed
    )


def _mean(column: np.ndarray, starts: np.ndarray) -> np.ndarray:
    measured = ~np.isnan(column)
    counts = np.add.reduceat(measured.astype(np.int64), starts)
    sums = np.add.reduceat(np.where(measured, column, 0).astype(np.float64), starts)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _last_measured(column: np.ndarray, starts: np.ndarray) -> np.ndarray:
    places = np.maximum.reduceat(np.where(np.isnan(column), -1, np.arange(len(column))), starts)
    return np.where(places >= starts, column[places], np.nan)


def _merge_labels(column: pd.Series, group: np.ndarray, how: str) -> pd.Series:
    groups = column.reset_index(drop=True).groupby(group)
    is_bool = pd.api.types.is_bool_dtype(column)
    if not pd.api.types.is_numeric_dtype(column) or (is_bool and how == "mean"):
        how = "last"
    merged: pd.Series = groups.agg(how)
    return merged


def _spread(rows: Rows, where: np.ndarray, series: np.ndarray) -> Rows:
    """Put rows at the places `where` of a longer table; the other rows are missing (static and extra: filled)."""
    values = np.full((len(series), rows.values.shape[1]), np.nan, dtype=np.float32)
    values[where] = rows.values
    labels, fixed = (
        nullable(frame).set_axis(where).reindex(range(len(series)))
        for frame in (rows.labels, rows.fixed)
    )
    fixed = fixed.groupby(series).ffill() if len(fixed.columns) else fixed
    return replace(rows, values=values, labels=labels, fixed=fixed, series=series)
