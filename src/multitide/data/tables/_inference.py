"""What is found by looking: the series that joins two tables, the time, the tasks, the channels, and a window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from multitide.data._timestamps import UNITS, parse_time, unit_of
from multitide.data.tables._columns import is_counter, kind_of
from multitide.data.tables._reading import Reading, TaskColumn
from multitide.errors import DataError, ParameterError

TIME_NAMES = ("time", "timestamp", "datetime", "date", "date_time", "일시", "시간", "날짜")


def name_columns(names: Iterable[str]) -> str:
    """Return "`a`, `b`, ... (12 columns)"."""
    names = list(names)
    shown = ", ".join(f"`{name}`" for name in names[:8])
    return shown + (f", ... ({len(names)} columns)" if len(names) > 8 else "")


def find_series(
    data: pd.DataFrame, labels: pd.DataFrame | None, reading: Reading, notes: list[str]
) -> Reading:
    """Take the one column that both tables share, if a label table needs joining."""
    if reading.series or labels is None:
        return reading
    shared = [
        c
        for c in labels.columns
        if c in data.columns and labels[c].is_unique and labels[c].notna().all()
    ]
    if len(shared) != 1:
        found = (
            f"{name_columns(shared)} could be it"
            if shared
            else "the tables share no column that could be it"
        )
        raise ParameterError(
            f"`series` must name the column that joins `labels` to the data; {found}."
        )
    notes.append(f"`{shared[0]}` joins the labels to the series.")
    return replace(reading, series=shared[0])


def _taken(reading: Reading) -> set[str]:
    tasks = {task.column for task in reading.tasks or ()}
    return {
        *(reading.channels or ()),
        *reading.static,
        *reading.ignore,
        *tasks,
        reading.series or "",
    }


def find_time(data: pd.DataFrame, reading: Reading, notes: list[str]) -> Reading:
    """Take the obvious: year, month, day, ...; the only column of dates; a column that is called time."""
    if reading.time is not None:
        return reading
    free = [
        column
        for column in data.columns
        if column not in _taken(reading) - set(reading.channels or ())
    ]
    parts: list[str] = []
    for unit in UNITS:
        found = [column for column in free if unit_of(column) == unit]
        if len(found) != 1:
            break
        parts += found
    if len(parts) < 3:
        dated = [column for column in free if _is_dates(data[column])]
        named = [
            column
            for column in free
            if column.lower() in TIME_NAMES and kind_of(data[column]) == "number"
        ]
        parts = (
            dated
            if len(dated) == 1
            else [c for c in dated if c.lower() in TIME_NAMES][:1] or named[:1]
        )
    if parts:
        notes.append(
            f"{name_columns(parts)} {'is' if len(parts) == 1 else 'are'} the time (`time` changes this)."
        )
    elif reading.layout == "long":
        notes.append(
            "No column is the time: rows are taken as they come, one step apart (`time` changes this)."
        )
    return replace(reading, time=tuple(parts))


def _is_dates(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    head = column.dropna().head(20)
    if (
        not len(head)
        or kind_of(head) != "text"
        or not head.astype("str").str.contains(r"\d{4}.*\d", regex=True).all()
    ):
        return False
    try:
        parse_time(head.to_frame("head"), ["head"])
    except DataError:
        return False
    return True


def find_tasks(labels: pd.DataFrame | None, reading: Reading, notes: list[str]) -> Reading:
    """Take the columns of the label table that have no other role."""
    if reading.tasks is not None:
        return reading
    rest = (
        []
        if labels is None
        else [c for c in labels.columns if c not in {*_taken(reading), *reading.extra}]
    )
    if rest:
        notes.append(
            f"All other columns of `labels` are tasks: {name_columns(rest)} (`tasks` changes this)."
        )
    return replace(reading, tasks=tuple(TaskColumn(column, column) for column in rest))


def find_channels(
    data: pd.DataFrame, reading: Reading, notes: list[str], why: dict[tuple[str, str], str]
) -> Reading:
    """Take the columns of numbers that have no other role, and say why the others are left out."""
    if reading.channels is not None:
        return reading
    # What a forecast asks for lies ahead of the window, so that its past is an input.
    now = {task.column for task in reading.tasks or () if task.kind != "forecast"}
    ahead = {task.column for task in reading.tasks or ()} - now
    free = [
        c
        for c in data.columns
        if c not in {*_taken(reading) - ahead, *reading.extra, *(reading.time or ())}
    ]
    reasons = {column: _reason_against(data, column, reading) for column in free}
    channels = tuple(column for column, reason in reasons.items() if not reason)
    for column, reason in reasons.items():
        if reason:
            why["data", column] = reason
            notes.append(f"`{column}` {reason}: ignored.")
    if not channels:
        found = (
            "; ".join(f"`{column}` {reason}" for column, reason in list(reasons.items())[:8])
            or "no other column"
        )
        raise DataError(
            f"`channels` must name at least one column; found none by looking: {found}."
        )
    notes.append(
        f"{name_columns(channels)} {'is a channel' if len(channels) == 1 else 'are channels'}."
    )
    return replace(reading, channels=channels)


def _reason_against(data: pd.DataFrame, column: str, reading: Reading) -> str:
    """Say why a column that nobody mentioned is no channel; "" if it is one."""
    kind = kind_of(data[column], reading.decimal or ".")
    if kind == "number" and is_counter(data[column]):
        return "counts the rows"
    if (
        kind == "number"
        and reading.series
        and column != reading.series
        and _counts_each(data, column, reading.series)
    ):
        return "counts the rows of each series"
    if kind == "text" and _looks_dated(data[column]):
        return "looks like times that cannot be read for certain (write them as 2024-07-04 13:00)"
    reasons = {
        "text": "is text (list it in `channels` to read it as categories)",
        "time": "holds times",
        "empty": "has no value",
    }
    return reasons.get(kind, "")


def _looks_dated(column: pd.Series) -> bool:
    head = column.dropna().head(20).astype("str")
    return bool(
        len(head) and head.str.contains(r"^\s*\d{1,4}\s*[./-]\s*\d{1,2}\s*[./-]\s*\d{1,4}\b").all()
    )


def _counts_each(data: pd.DataFrame, column: str, series: str) -> bool:
    if not pd.api.types.is_integer_dtype(data[column]) or data[column].isna().any():
        return False
    ids, numbers = data[series].to_numpy(), data[column].to_numpy(dtype=np.int64)
    same = ids[1:] == ids[:-1]
    begins = numbers[np.concatenate([[True], ~same])]
    return bool(
        same.any() and np.isin(begins, (0, 1)).all() and (np.diff(numbers)[same] == 1).all()
    )
