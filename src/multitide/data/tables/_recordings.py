"""Find several recordings in one table: a column that counts within each value of another."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from multitide.data._rows_text import rows_text
from multitide.data._timestamps import unit_of
from multitide.data.tables._facts_of_series import GROUP_NAMES
from multitide.data.tables._findings import Findings
from multitide.data.tables._reading import Reading

MIN_SHARE = 0.9  # of the steps of a counter that are equal
# A day has hours, and a week has days, without being a recording of its own.
CALENDAR = ("date", "week", "weekday", "quarter", "season", "dayofweek", "day_of_week")


@dataclass(frozen=True)
class _Counter:
    """A column that counts up and starts again at the rows `starts`."""

    name: str
    starts: np.ndarray
    first: str  # its first values, as text


def find_recordings(
    data: pd.DataFrame, taken: Collection[str], reading: Reading, findings: Findings
) -> Reading:
    """Take a column as the series if another one counts 1, 2, 3, ... within each of its values.

    Without this, the two would be inputs, and windows and splits would cut across recordings.

    Parameters
    ----------
    data : DataFrame
    taken : collection of str
        The columns with another role.
    reading : Reading
        Its time is None if neither the user nor the table says it.
    findings : Findings
        What was found is noted.
    """
    if reading.series or reading.layout != "long" or not _may_count(data, reading):
        return reading
    free = _without_calendar(data.columns, taken)
    counter = _first_counter(data, reading.time or free)
    if counter is None:
        return _hours_of_recordings(data, taken, free, reading, findings)
    group = _group_of(counter, data, free)
    if group is None:
        findings.note(
            f"`{counter.name}` counts {counter.first} and "
            f"starts again in {rows_text(counter.starts)}: "
            "the table may hold several recordings. "
            "Name the column that tells them apart "
            "with `series` (--series), or leave "
            f"`{counter.name}` out with `ignore`."
        )
        return reading
    if _is_swapped(data[group], counter.name):
        counter, group = replace(counter, name=group), counter.name
    return _taken_as_series(reading, group, counter, findings)


def _hours_of_recordings(
    data: pd.DataFrame,
    taken: Collection[str],
    free: Collection[str],
    reading: Reading,
    findings: Findings,
) -> Reading:
    """Take hours or days that count within each id: `hour` of `stay_id`, not of a day."""
    if reading.time is not None:
        return reading
    units = [name for name in data.columns if name not in taken and unit_of(name)]
    ids = [name for name in free if GROUP_NAMES.search(name)]
    counter = _first_counter(data, units)
    if counter is None:
        return reading
    group = _group_of(counter, data, ids)
    if group is None:
        return reading
    return _taken_as_series(reading, group, counter, findings)


def _first_counter(data: pd.DataFrame, columns: Iterable[str]) -> _Counter | None:
    """Return the first of the columns that counts; None if none does."""
    for column in columns:
        counter = _counter(data[column], column)
        if counter is not None:
            return counter
    return None


def _group_of(
    counter: _Counter, data: pd.DataFrame, columns: Iterable[str]
) -> str | None:
    """Return the first column that has one value each time the counter runs; None if none has."""
    for column in columns:
        if column != counter.name and _has_blocks(data[column], counter.starts):
            return column
    return None


def _is_swapped(group: pd.Series, column: str) -> bool:
    """Whether the counting column names the recordings, and the other one counts their time."""
    if not GROUP_NAMES.search(column) or not pd.api.types.is_integer_dtype(group):
        return False
    return bool((group.diff().dropna() >= 0).all())


def _taken_as_series(
    reading: Reading, group: str, counter: _Counter, findings: Findings
) -> Reading:
    options, command = f'series = "{group}"', f"--series {group}"
    time = reading.time
    if time is None:
        options, command = (
            f'{options}, time = "{counter.name}"',
            f"{command} --time {counter.name}",
        )
        time = (counter.name,)
    findings.note(
        f"`{counter.name}` counts {counter.first} "
        f"within each value of `{group}`: "
        f"read with {options} ({command}). "
        "If they are inputs, list them in `channels`."
    )
    return replace(reading, series=group, time=time)


def _may_count(data: pd.DataFrame, reading: Reading) -> bool:
    """Whether the rows have no dates: the columns of a calendar count too."""
    if not reading.time:
        return True
    return len(reading.time) == 1 and pd.api.types.is_integer_dtype(
        data[reading.time[0]]
    )


def _without_calendar(columns: Iterable[str], taken: Collection[str]) -> list[str]:
    """Return the columns that have no other role, nor the name of a part of a date."""
    free = []
    for column in columns:
        if column not in taken and not is_calendar(column):
            free.append(column)
    return free


def is_calendar(column: str) -> bool:
    """Whether the name of a column says that it holds a part of a date."""
    return column.strip().lower() in CALENDAR or unit_of(column) is not None


def _counter(column: pd.Series, name: str) -> _Counter | None:
    """Return a column as a counter if it counts up in equal steps, always from one value."""
    if not pd.api.types.is_integer_dtype(column) or column.isna().any():
        return None
    numbers = column.to_numpy(dtype=np.int64)
    steps = np.diff(numbers)
    starts = np.flatnonzero(steps <= 0) + 1
    forward = steps[steps > 0]
    if not len(starts) or len(forward) < len(starts):
        return None
    step = np.median(forward)
    if (forward == step).mean() < MIN_SHARE or (numbers[starts] != numbers[0]).any():
        return None
    first = numbers[0] + int(step) * np.arange(3)
    return _Counter(name, starts, f"{first[0]}, {first[1]}, {first[2]}, ...")


def _has_blocks(column: pd.Series, starts: np.ndarray) -> bool:
    """Whether a column has one value from each start to the next, and another in each block."""
    if pd.api.types.is_float_dtype(column) or column.isna().any():
        return False
    codes = pd.factorize(column)[0]
    changes = np.flatnonzero(np.diff(codes)) + 1
    return np.array_equal(changes, starts) and int(codes.max()) == len(starts)
