"""Find the column of clock times beside one of days: Date and Time, Datum and Uhrzeit."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from multitide.data._clock_times import CLOCK
from multitide.data._timestamps import unit_of

N_LOOKED_AT = 200  # values of a column
CLOCK_NAMES = re.compile(r"(?i)time|clock|hour|hr|zeit|uhr|heure|hora|시간|시각")


def with_clock(data: pd.DataFrame, days: str, free: Iterable[str]) -> list[str]:
    """Return a column of days with the column of clock times beside it, if there is one.

    Parameters
    ----------
    data : DataFrame
    days : str
        The column of dates.
    free : iterable of str
        The columns without another role.

    Returns
    -------
    list of str
        The days alone, if their rows have a clock time already, no day has two rows, or not exactly
        one other column holds clock times.
    """
    if not _holds_days(data[days]):
        return [days]
    clocks = []
    for column in free:
        if column != days and _holds_clock_times(data[column], column):
            clocks.append(column)
    if len(clocks) == 1:
        return [days, clocks[0]]
    return [days]


def _holds_days(column: pd.Series) -> bool:
    """Whether a column has dates without clock times, and several rows of one day."""
    known = column.dropna()
    if not known.duplicated().any():
        return False
    if pd.api.types.is_datetime64_any_dtype(known):
        return bool((known == known.dt.normalize()).all())
    return not known.head(N_LOOKED_AT).astype("str").str.contains(":").any()


def _holds_clock_times(column: pd.Series, name: str) -> bool:
    if not CLOCK_NAMES.search(name):
        return False
    head = column.dropna().head(N_LOOKED_AT)
    if pd.api.types.is_integer_dtype(column):
        return unit_of(name) == "hour" and bool(column.between(0, 24).all())
    texts = head.astype("str").str.strip()
    return bool(len(texts) and texts.str.fullmatch(CLOCK).all())
