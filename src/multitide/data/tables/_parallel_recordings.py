"""Find several recordings of the same times in one table: the column that tells them apart."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pandas as pd

from multitide.data.tables._facts_of_series import GROUP_NAMES
from multitide.data.tables._findings import Findings, name_columns
from multitide.data.tables._reading import Reading
from multitide.data.tables._recordings import is_calendar


def find_parallel(
    data: pd.DataFrame, taken: Collection[str], reading: Reading, findings: Findings
) -> Reading:
    """Take a column as the series if times repeat, but not within any of its values.

    Parameters
    ----------
    data : DataFrame
    taken : collection of str
        The columns with another role.
    reading : Reading
        With its time.
    findings : Findings
        What was found is noted.
    """
    if reading.series or reading.duplicates or not reading.time:
        return reading
    time = list(reading.time)
    if reading.layout != "long" or 2 * len(data[time].drop_duplicates()) > len(data):
        return reading
    chosen = _columns_that_tell_apart(data, taken, time)
    if len(chosen) > 1:
        findings.note(
            f"The times repeat, but not within the values of {name_columns(chosen)}: "
            "name the one that tells recordings apart with `series` (--series)."
        )
    if len(chosen) != 1:
        return reading
    findings.note(
        f"The times repeat, but not within any value of `{chosen[0]}`: read with "
        f'series = "{chosen[0]}" (--series {chosen[0]}).'
    )
    return replace(reading, series=chosen[0])


def _columns_that_tell_apart(
    data: pd.DataFrame, taken: Collection[str], time: list[str]
) -> list[str]:
    """Return the free columns within whose values no time repeats.

    If the name of a single one says that it identifies something, it is the only one.
    """
    found = []
    named = []
    for column in data.columns:
        is_free = column not in taken and column not in time
        if not is_free or is_calendar(column) or not _tells_apart(data, time, column):
            continue
        found.append(column)
        if GROUP_NAMES.search(column):
            named.append(column)
    if len(named) == 1:
        return named
    return found


def _tells_apart(data: pd.DataFrame, time: list[str], column: str) -> bool:
    """Whether no time repeats within a value of a column of few values."""
    values = data[column]
    if pd.api.types.is_float_dtype(values) or values.isna().any():
        return False
    if not 1 < values.nunique() <= len(data) // 2:
        return False
    return not data.duplicated([*time, column]).any()
