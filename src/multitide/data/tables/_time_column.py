"""Find the column that holds the times; one that nearly does is refused, not passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from multitide.data._clock_times import CLOCK
from multitide.data._timestamps import parse_time, unit_of
from multitide.data.tables._columns import kind_of
from multitide.data.tables._reading import Reading
from multitide.errors import DataError

TIME_NAMES = (
    "time",
    "timestamp",
    "datetime",
    "date",
    "date_time",
    "일시",
    "시간",
    "날짜",
)
N_LOOKED_AT = 200  # values of a column, spread over its rows
MIN_SHARE = 0.5  # of values that look like dates, in a column of dates with errors
LIKE_TIME = re.compile(
    r"(?i)(?:^|[_. ])(?:ts|epoch|unix|unixtime|time|timestamp)(?:$|[_. (\[])"
)
# The years 1990 to 2100, in seconds to nanoseconds since 1970.
SECONDS = (631_152_000, 4_102_444_800)
EPOCHS = [(SECONDS[0] * 1000**n, SECONDS[1] * 1000**n) for n in range(4)]
WHOLE_DATE = (
    r"^\s*(?:\d{4}\s*[./년-]\s*\d{1,2}\s*[./월-]\s*\d{1,2}(?!\d)"
    r"|\d{1,2}\s*[./-]\s*\d{1,2}\s*[./-]\s*(?:\d{4}|\d{2})(?!\d))"
)
MAYBE_DATE = r"\d{4}.*\d"


def find_time_column(
    data: pd.DataFrame, free: Sequence[str], reading: Reading
) -> list[str]:
    """Return the one column that is the time, in a list; an empty list if none is.

    Parameters
    ----------
    data : DataFrame
    free : sequence of str
        The columns without another role.
    reading : Reading
        With the user's `time_format`.

    Raises
    ------
    DataError
        If the only column of dates, or one named "time", has values that cannot be read.
    """
    dates, unclear = _columns_of_dates(data, free, reading)
    chosen = _named(dates)[:1]
    if len(dates) == 1:
        chosen = dates
    if chosen:
        _refuse_named(unclear, chosen[0])
        return chosen
    if unclear and not dates and reading.layout == "long":
        _refuse(unclear, (_named(unclear) or list(unclear))[0])
    for column in _named(free):
        if kind_of(data[column]) in ("number", "mixed"):
            return [column]
    for column in free:
        if _counts_time(data[column], column) or _holds_months(data[column], column):
            return [column]
    return []


def holds_times(column: pd.Series, name: str, reading: Reading) -> bool:
    """Whether all values of a column can be read as times."""
    return _date_problem(column, name, reading) == ""


def _counts_time(column: pd.Series, name: str) -> bool:
    """Whether numbers are named as a time, and are seconds since 1970 or only rise."""
    if not LIKE_TIME.search(name) or not pd.api.types.is_numeric_dtype(column):
        return False
    if pd.api.types.is_bool_dtype(column) or column.isna().any() or len(column) < 2:
        return False
    if pd.api.types.is_integer_dtype(column):
        for low, high in EPOCHS:
            if column.between(low, high).all():
                return True
    return bool(column.is_monotonic_increasing and column.is_unique)


def _holds_months(column: pd.Series, name: str) -> bool:
    """Whether a column named month, day, ... holds numbers such as 202407."""
    if unit_of(name) is None or not pd.api.types.is_integer_dtype(column):
        return False
    return len(column) > 0 and bool((column > 9999).all())


def _columns_of_dates(
    data: pd.DataFrame, columns: Sequence[str], reading: Reading
) -> tuple[list[str], dict[str, str]]:
    """Return the columns of dates that can be read, and what is wrong with the others."""
    dates: list[str] = []
    unclear: dict[str, str] = {}
    for column in columns:
        problem = _date_problem(data[column], column, reading)
        if problem == "":
            dates.append(column)
        elif problem:
            unclear[column] = problem
    return dates, unclear


def _named(columns: Iterable[str]) -> list[str]:
    """Return the columns that have a usual name of the time."""
    found = []
    for column in columns:
        if _is_named(column):
            found.append(column)
    return found


def _is_named(column: str) -> bool:
    return column.lower() in TIME_NAMES


def _refuse_named(unclear: dict[str, str], chosen: str) -> None:
    """Raise if a column has the name of the time, and the one that can be read has not."""
    named = _named(unclear)
    if named and not _is_named(chosen):
        _refuse(unclear, named[0])


def _refuse(unclear: dict[str, str], column: str) -> None:
    raise DataError(
        f"{unclear[column]} If `{column}` is not "
        "the time of the rows, name another column "
        "with `time`, or leave it out with `ignore`."
    )


def _date_problem(column: pd.Series, name: str, reading: Reading) -> str | None:
    """Return "" for a column of times, what is wrong with one, or None for another column."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return ""
    measured = column.dropna()
    head = measured.iloc[:: max(1, len(measured) // N_LOOKED_AT)].head(N_LOOKED_AT)
    if not len(head) or kind_of(head) != "text":
        return None
    texts = head.astype("str")
    looks_like_dates = texts.str.contains(WHOLE_DATE)
    if _is_named(name):
        looks_like_dates |= texts.str.strip().str.fullmatch(CLOCK)
    is_sure = np.mean(looks_like_dates) >= MIN_SHARE
    is_formatted = reading.time_format is not None
    if not is_sure and not is_formatted and not texts.str.contains(MAYBE_DATE).all():
        return None
    try:
        parse_time(
            measured.to_frame(name),
            [name],
            time_format=reading.time_format,
            series=_series_of(measured),
        )
    except DataError as error:
        if is_sure:
            return str(error)
        return None
    return ""


def _series_of(measured: pd.Series) -> np.ndarray:
    """Return a series for each row: here the order of the rows does not matter."""
    return np.arange(len(measured))
