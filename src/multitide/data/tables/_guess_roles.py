"""Find what the user did not name: the series that joins two tables, time, tasks and channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from multitide.data._timestamps import UNITS, unit_of
from multitide.data.tables._clock_column import with_clock
from multitide.data.tables._columns import is_counter, kind_of
from multitide.data.tables._facts_of_series import (
    GROUP_NAMES,
    GROUPS,
    constant_in_series,
    numbers_groups,
    why_no_task,
)
from multitide.data.tables._findings import MAX_NAMES, Findings, name_columns
from multitide.data.tables._open_tables import Tables
from multitide.data.tables._reading import Reading
from multitide.data.tables._task_column import TaskColumn
from multitide.data.tables._time_column import find_time_column, holds_times
from multitide.data.tables._wide_rows import steps_in_columns
from multitide.errors import DataError, ParameterError

N_LOOKED_AT = 20  # values of a column that are tried as dates

# Why a column that the user did not name is not a channel.
REASONS = {
    "text": "is text (list it in `category` to read it as categories)",
    "time": "holds times",
    "empty": "has no value",
}
IN_LABELS = "is a column of `labels` (list it in `channels` if it is an input)"
UNCLEAR_DATES = (
    "looks like times of an unclear format (`time_format` says how they are written)"
)
ONE_OF_TIMES = "holds times (name it with `time` if they are those of the rows)"


def find_series(tables: Tables, reading: Reading, findings: Findings) -> Reading:
    """Take the only column that can join the label table to the data."""
    if reading.series or tables.labels is None:
        return reading
    shared = []
    for column in tables.labels.columns:
        values = tables.labels[column]
        if column in tables.data.columns and values.is_unique and values.notna().all():
            shared.append(column)
    if len(shared) != 1:
        problem = "the tables share no column with one row per value in `labels`"
        repeating = [name for name in tables.labels if name in tables.data]
        if repeating:
            problem += (
                f": {name_columns(repeating)} repeats there. If `labels` has a row per "
                'label, make it one row per series: labels.pivot(index="id", columns="task", '
                'values="value").reset_index()'
            )
        if shared:
            problem = f"{name_columns(shared)} are possible"
        raise ParameterError(
            f"`series` must name the column that joins `labels` to the data; {problem}."
        )
    findings.note(f"`{shared[0]}` joins the labels to the series.")
    return replace(reading, series=shared[0])


def find_time(data: pd.DataFrame, reading: Reading, findings: Findings) -> Reading:
    """Take columns of year, month, day, ...; the only column of dates; or one named "time"."""
    if reading.time is not None:
        return reading
    taken = taken_columns(reading) - set(reading.channels or ())
    free = []
    for column in data.columns:
        if column not in taken:
            free.append(column)
    columns = _date_parts(free)
    if len(columns) < 3:
        columns = find_time_column(data, free, reading)
        if len(columns) == 1 and reading.time_format is None:
            columns = with_clock(data, columns[0], free)
    if columns:
        if len(columns) == 1:
            verb = "is"
        else:
            verb = "are"
        findings.note(f"{name_columns(columns)} {verb} the time (`time` changes this).")
        return replace(reading, time=tuple(columns))
    return reading


def without_time(reading: Reading, findings: Findings) -> Reading:
    """Use the rows in their order if no time was given or found."""
    if reading.time is not None:
        return reading
    if reading.time_format is not None:
        findings.add(
            "`time` must name the columns that `time_format` reads; "
            "got none, and no column holds times that are written as "
            f"{reading.time_format!r}."
        )
    if reading.layout == "long":
        findings.note(
            "No time column was found: "
            "rows are used in file order, one "
            "step apart (`time` changes this)."
        )
    return replace(reading, time=(), time_format=None)


def find_tasks(
    labels: pd.DataFrame | None, reading: Reading, findings: Findings
) -> tuple[Reading, dict[str, str]]:
    """Take the columns of the label table that have no other role and may be labels.

    Returns
    -------
    reading : Reading
        With `tasks`.
    reasons : dict of str to str
        Why each other column of the label table is no task.
    """
    rest: list[str] = []
    reasons: dict[str, str] = {}
    if labels is not None:
        taken = {*taken_columns(reading), *reading.extra}
        for column in labels.columns:
            if column in taken:
                continue
            reason = why_no_task(labels[column])
            if reason:
                reasons[column] = reason
            else:
                rest.append(column)
    if not rest:  # a table of labels has at least one
        rest, reasons = list(reasons), {}
    for column, reason in reasons.items():
        findings.note(f"`{column}` of `labels` {reason}: {_use_of(reason)}.")
    if reading.tasks is not None:
        return reading, reasons
    if rest:
        findings.note(
            "All other columns of `labels` are tasks: "
            f"{name_columns(rest)} (`tasks` changes this)."
        )
    tasks = tuple(TaskColumn(name, name) for name in rest)
    return replace(reading, tasks=tasks), reasons


def _use_of(reason: str) -> str:
    if reason == GROUPS:
        return 'no task. `extra` keeps it for a split by="group" with it as `column`'
    return "no task"


def find_channels(
    tables: Tables, reading: Reading, findings: Findings
) -> tuple[Reading, dict[str, str]]:
    """Take the numeric columns that have no other role.

    Returns
    -------
    reading : Reading
        With `channels`.
    reasons : dict of str to str
        Why each other column is not a channel.
    """
    if reading.channels is not None:
        channels_and_more = dict.fromkeys([*reading.channels, *reading.category])
        return replace(reading, channels=tuple(channels_and_more)), {}
    # A forecast is about rows after the window, so the past of the same column is an input.
    taken = taken_columns(reading) - _only_forecast(reading)
    taken |= {*reading.extra, *(reading.time or ())}
    data = tables.data
    channels: list[str] = []
    reasons: dict[str, str] = {}
    for column in data.columns:
        if column in taken:
            continue
        if column in reading.category:
            channels.append(column)
            continue
        if tables.source_of(column, reading.series) == "labels":
            reason = IN_LABELS
        else:
            reason = _reason_against(data, column, reading)
        if reason:
            reasons[column] = reason
            findings.note(f"`{column}` {reason}: ignored.")
        else:
            channels.append(column)
    if not channels:
        raise DataError(_no_channels(reasons))
    if len(channels) == 1:
        verb = "is a channel"
    else:
        verb = "are channels"
    findings.note(f"{name_columns(channels)} {verb}.")
    _warn_of_facts(data, channels, reading, findings)
    return replace(reading, channels=tuple(channels)), reasons


def _warn_of_facts(
    data: pd.DataFrame, channels: Sequence[str], reading: Reading, findings: Findings
) -> None:
    """Note channels that are no measurements: ids, and labels of series joined to every row."""
    if reading.layout != "long":
        return
    if reading.series is None:
        _warn_of_ids(data, channels, findings)
        _warn_of_wide_rows(channels, reading, findings)
        return
    facts = constant_in_series(data, reading.series, channels)
    if not facts:
        return
    findings.note(
        f"{name_columns(facts)}: inputs with one value per series. If they are labels, or not "
        "known at prediction, leave them out with `ignore`; if they describe the series, list them "
        "in `static`."
    )


def _warn_of_wide_rows(
    channels: Sequence[str], reading: Reading, findings: Findings
) -> None:
    """Note columns that may be the steps of a series, where rows have no time."""
    steps = steps_in_columns(channels)
    if steps and not reading.time:
        findings.note(
            f"`{steps[0]}`, ..., `{steps[-1]}` are {len(steps)} inputs at each time step. If they "
            "are the steps of one series per row, pass the table as arrays instead: "
            "Samples.from_arrays(table[steps].to_numpy()[:, None, :], table[labels])."
        )


def _warn_of_ids(
    data: pd.DataFrame, channels: Sequence[str], findings: Findings
) -> None:
    """Note a channel that seems to tell recordings apart, for windows cross them."""
    for name in channels:
        if GROUP_NAMES.search(name) and numbers_groups(data[name]):
            findings.note(
                f"`{name}` is an input, and is named like an id of recordings. If windows must "
                f"not cross its values, name it with `series` (--series {name})."
            )


def _only_forecast(reading: Reading) -> set[str]:
    """Return the label columns that only forecasts have."""
    others = set()
    for task in reading.tasks or ():
        if task.kind != "forecast":
            others.add(task.column)
    return set(reading.label_columns) - others


def taken_columns(reading: Reading) -> set[str]:
    """Return the columns that have a role already."""
    return {
        *(reading.channels or ()),
        *reading.static,
        *reading.ignore,
        *reading.label_columns,
        *reading.weight_columns,
        reading.series or "",
    }


def _date_parts(free: Sequence[str]) -> list[str]:
    """Return the columns of year, month, day, ..., down to the first unit without one column."""
    parts: list[str] = []
    for unit in UNITS:
        of_unit = []
        for column in free:
            if unit_of(column) == unit:
                of_unit.append(column)
        if len(of_unit) != 1:
            break
        parts += of_unit
    return parts


def _reason_against(data: pd.DataFrame, column: str, reading: Reading) -> str:
    """Return why a column that the user did not name is not a channel; "" if it is one."""
    kind = kind_of(data[column], reading.decimal or ".")
    if kind == "number":
        if is_counter(data[column]):
            return "counts the rows"
        if reading.series not in (None, column) and _counts_within(
            data, column, reading.series
        ):
            return "counts the rows of each series"
    if kind == "text" and _looks_like_dates(data[column]):
        if holds_times(data[column], column, reading):
            return ONE_OF_TIMES
        return UNCLEAR_DATES
    return REASONS.get(kind, "")


def _looks_like_dates(column: pd.Series) -> bool:
    head = column.dropna().head(N_LOOKED_AT).astype("str")
    pattern = r"^\s*\d{1,4}\s*[./-]\s*\d{1,2}\s*[./-]\s*\d{1,4}\b"
    return bool(len(head) and head.str.contains(pattern).all())


def _counts_within(data: pd.DataFrame, column: str, series: str) -> bool:
    """Whether a column counts from 0 or 1 within each stretch of rows of one series."""
    if not pd.api.types.is_integer_dtype(data[column]) or data[column].isna().any():
        return False
    ids = data[series].to_numpy()
    numbers = data[column].to_numpy(dtype=np.int64)
    same = ids[1:] == ids[:-1]
    first = numbers[np.concatenate([[True], ~same])]
    if not same.any() or not np.isin(first, (0, 1)).all():
        return False
    return bool((np.diff(numbers)[same] == 1).all())


def _no_channels(reasons: dict[str, str]) -> str:
    shown = []
    for column, reason in list(reasons.items())[:MAX_NAMES]:
        shown.append(f"`{column}` {reason}")
    why = "; ".join(shown) or "there is no other column"
    return f"`channels` must name at least one column; none was found: {why}."
