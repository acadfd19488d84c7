"""Inputs from the calendar: the hour, the weekday, the month and the day of the year."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from multitide._checks import check_choice, gathering, raise_problems, repeated
from multitide.errors import DataError


def _hour(times: pd.DatetimeIndex) -> np.ndarray:
    seconds = (times - times.normalize()).total_seconds()
    return np.asarray(seconds, dtype=np.float64) / 86_400


def _weekday(times: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray(times.dayofweek, dtype=np.float64) / 7


def _month(times: pd.DatetimeIndex) -> np.ndarray:
    return (np.asarray(times.month, dtype=np.float64) - 1) / 12


def _day_of_year(times: pd.DatetimeIndex) -> np.ndarray:
    return (np.asarray(times.dayofyear, dtype=np.float64) - 1) / 365.25


# The position in the cycle, from 0 to 1.
CALENDAR: Mapping[str, Callable[[pd.DatetimeIndex], np.ndarray]] = {
    "hour": _hour,
    "weekday": _weekday,
    "month": _month,
    "day_of_year": _day_of_year,
}


def check_calendar(names: Sequence[str]) -> None:
    """Raise :class:`ParameterError` unless every name is a cycle of the calendar."""
    problems: list[str] = []
    for name in names:
        with gathering(problems):
            check_choice("calendar", name, CALENDAR)
    if twice := repeated(names):
        problems.append(
            f"`calendar` must have different names; got {twice} more than once."
        )
    raise_problems(problems)


def calendar_channels(names: Sequence[str]) -> list[str]:
    """Return the names of the channels: sine and cosine of each cycle."""
    channels = []
    for name in names:
        channels += [f"{name}_sin", f"{name}_cos"]
    return channels


def calendar_values(
    names: Sequence[str], time: np.ndarray | None, channels: Collection[str]
) -> np.ndarray:
    """Return sine and cosine of the position in each cycle, which has no jump at its end.

    Parameters
    ----------
    names : sequence of str
        Of `CALENDAR`.
    time : ndarray or None, shape (n_rows,)
        The time of each row.
    channels : collection of str
        The other channels.

    Returns
    -------
    ndarray of float32, shape (n_rows, 2 * n_names)

    Raises
    ------
    DataError
        If the times are no dates, or a channel has one of the names.
    """
    if time is None or not np.issubdtype(time.dtype, np.datetime64):
        kind = "no time" if time is None else "numbers"
        raise DataError(
            f"`calendar` must be left out unless the times are dates; the rows have {kind}. "
            "Name the column with `time`."
        )
    twice = []
    for name in calendar_channels(names):
        if name in channels:
            twice.append(name)
    if twice:
        raise DataError(
            f"`calendar` must make channels with new names; the table has {twice} already. "
            "Leave `calendar` out, or rename the columns."
        )
    dates = pd.DatetimeIndex(time)
    columns = []
    for name in names:
        angle = 2 * np.pi * CALENDAR[name](dates)
        columns += [np.sin(angle), np.cos(angle)]
    return np.stack(columns, axis=1).astype(np.float32)
