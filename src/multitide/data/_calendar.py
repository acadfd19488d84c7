"""Inputs from the calendar: the hour, the weekday, the month and the day of the year."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from multitide._checks import (
    check_choice,
    check_type,
    gathering,
    raise_problems,
    repeated,
)
from multitide.errors import DataError, ParameterError


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
    raise_problems(problems)
    if twice := repeated(names):
        raise ParameterError(
            f"`calendar` must have different names; got {twice} more than once."
        )


def check_dates(time: np.ndarray | None, remedy: str) -> None:
    """Raise :class:`DataError` unless the times are dates.

    Parameters
    ----------
    time : ndarray or None
        The times; None if there are none.
    remedy : str
        How to give them, as a sentence.
    """
    if time is not None and np.issubdtype(time.dtype, np.datetime64):
        return
    kind = "no times" if time is None else "numbers"
    raise DataError(
        f"`calendar` must be left out unless the times are dates; got {kind}. {remedy}"
    )


def still_cycles(
    names: Sequence[str], time: np.ndarray, starts: np.ndarray, lengths: np.ndarray
) -> tuple[str, ...]:
    """Return the cycles that stand still within every sample.

    They describe the sample, such as the weekday of a whole day, and become static inputs. All
    others become channels, and so do all cycles if no sample has several steps.

    Parameters
    ----------
    names : sequence of str
        Of `CALENDAR`.
    time : ndarray of datetime64, shape (n_rows,)
        The time of each row.
    starts, lengths : ndarray of int64, shape (n_samples,)
        Where each sample begins in the rows, and its number of rows.
    """
    if not (lengths > 1).any():
        return ()
    dates = pd.DatetimeIndex(time)
    still = []
    for name in names:
        moves = np.diff(CALENDAR[name](dates)) != 0
        n_moves = np.concatenate([[0], np.cumsum(moves)])
        if (n_moves[starts + lengths - 1] == n_moves[starts]).all():
            still.append(name)
    return tuple(still)


def calendar_values(
    names: Sequence[str], time: np.ndarray, taken: Collection[str]
) -> dict[str, np.ndarray]:
    """Return sine and cosine of the position in each cycle, which has no jump at its end.

    Parameters
    ----------
    names : sequence of str
        Of `CALENDAR`.
    time : ndarray of datetime64, shape (n,)
        The times.
    taken : collection of str
        The names of the other inputs.

    Returns
    -------
    dict of str to ndarray of float32, shape (n,)
        ``hour_sin``, ``hour_cos``, ...

    Raises
    ------
    DataError
        If another input has one of the names.
    """
    dates = pd.DatetimeIndex(time)
    values = {}
    for name in names:
        angle = 2 * np.pi * CALENDAR[name](dates)
        values[f"{name}_sin"] = np.sin(angle).astype(np.float32)
        values[f"{name}_cos"] = np.cos(angle).astype(np.float32)
    twice = [name for name in values if name in taken]
    if twice:
        raise DataError(
            f"`calendar` must make inputs with new names; the data has {twice} already. "
            "Leave `calendar` out, or rename the columns."
        )
    return values


def with_calendar(
    static: pd.DataFrame | None,
    names: str | Sequence[str],
    time: np.ndarray | None,
    channels: Collection[str],
) -> pd.DataFrame | None:
    """Return static inputs with those of the calendar, for samples of one time each.

    Parameters
    ----------
    static : DataFrame or None
        The other static inputs.
    names : str or sequence of str
        Of `CALENDAR`.
    time : ndarray or None, shape (n_samples,)
        The time of each sample.
    channels : collection of str
        The names of the channels.

    Raises
    ------
    DataError
        If the times are no dates, or another input has one of the names.
    ParameterError
        If a name is no cycle of the calendar.
    """
    check_type("calendar", names, Iterable, "Give a list of names.")
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names:
        return static
    check_calendar(names)
    check_dates(time, "Give the times of the samples as `time`.")
    assert time is not None
    others = pd.DataFrame(index=pd.RangeIndex(len(time))) if static is None else static
    values = calendar_values(names, time, {*others, *channels})
    return others.assign(**values)
