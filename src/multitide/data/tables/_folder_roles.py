"""The roles of the columns that a folder of files adds to its table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from multitide.data.tables._findings import Findings, name_columns
from multitide.data.tables._guess_roles import find_time, taken_columns
from multitide.data.tables._open_tables import Tables
from multitide.data.tables._reading import Reading
from multitide.data.tables._recordings import is_calendar

DATES = ("dt", "ds")  # how data sets that are partitioned by day call the day


def leave_out_calendar_folders(
    tables: Tables, reading: Reading, findings: Findings
) -> Reading:
    """Leave out folders named after dates, year=2024/month=7, if the rows have times themselves."""
    if reading.time is not None:
        return reading
    keys = list(filter(_is_date, _free(tables.folder_columns, reading)))
    if not keys:
        return reading
    without = replace(reading, ignore=(*reading.ignore, *keys))
    if not find_time(tables.measured, without, Findings()).time:
        return reading
    findings.note(f"{name_columns(keys)}: names of folders, left out.")
    return without


def find_series_of_files(
    tables: Tables, reading: Reading, findings: Findings
) -> Reading:
    """Take folders such as engine=3, or else the files, as the series if there is no other.

    The column of file names is an input in no case.
    """
    column = tables.file_column
    if column is None:
        return reading
    is_free = bool(_free([column], reading))
    if reading.series is None and is_free and tables.data[column].nunique() > 1:
        reading = _take_as_series(column, tables.folder_columns, reading, findings)
    if is_free and reading.series != column:
        return replace(reading, ignore=(*reading.ignore, column))
    return reading


def _take_as_series(
    column: str, folders: Collection[str], reading: Reading, findings: Findings
) -> Reading:
    """Take the only folder without dates as the series, or else each file or folder."""
    keys = []
    for key in _free(folders, reading):
        if not _is_date(key):
            keys.append(key)
    if len(keys) == 1:
        findings.note(
            f"`{keys[0]}`, the name of a folder, is the series (`series` changes this)."
        )
        return replace(reading, series=keys[0])
    if folders and not keys:
        return reading
    if keys:
        what = "folder"
    else:
        what = "file"
    findings.note(
        f"Each {what} is one series, named in "
        f"`{column}` (`series` changes this; "
        f'ignore=["{column}"] makes one series of them).'
    )
    return replace(reading, series=column, ignore=(*reading.ignore, *keys))


def _is_date(key: str) -> bool:
    return is_calendar(key) or key.lower() in DATES


def _free(columns: Collection[str], reading: Reading) -> list[str]:
    """Return those of some columns that have no role yet."""
    taken = {*taken_columns(reading), *reading.extra, *(reading.time or ())}
    found = []
    for column in columns:
        if column not in taken:
            found.append(column)
    return found
