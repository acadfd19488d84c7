"""Clock times without a date: seconds, which go on over midnight."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.errors import DataError

CLOCK = (
    r"(?P<hour>\d{1,3}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d(?:[.,]\d+)?))?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?"
)
DAY = 86400.0  # seconds


def read_clock_times(
    texts: pd.Series, label: str, notes: list[str], series: np.ndarray | None = None
) -> np.ndarray:
    """Return times such as 13:00, 1:00 PM, 13:00:00.5 and 100:30 as seconds, float64.

    A day is added wherever midnight passes.

    Parameters
    ----------
    texts : Series of str
        In the order of the rows; missing ones stay missing.
    label : str
        The column, for messages.
    notes : list of str
        Is extended by what was assumed.
    series : ndarray of int, shape (n_rows,), optional
        Code of the series of each row.

    Raises
    ------
    DataError
        If times step back by less than half a day, so that no midnight explains it; with
        the row.
    """
    parts = texts.str.extract(f"^{CLOCK}$")
    hours = pd.to_numeric(parts["hour"])
    half = parts["half"].str.upper()
    hours = hours.where(half.isna(), hours % 12 + 12 * (half == "P"))
    seconds = pd.to_numeric(parts["second"].str.replace(",", ".").fillna("0"))
    time = 3600.0 * hours + 60.0 * pd.to_numeric(parts["minute"]) + seconds
    return over_midnight(time.to_numpy(dtype=np.float64), texts, label, notes, series)


def over_midnight(
    time: np.ndarray,
    texts: pd.Series,
    label: str,
    notes: list[str],
    series: np.ndarray | None = None,
) -> np.ndarray:
    """Return seconds of the day, with a day added wherever midnight passes in a series."""
    notes.append(f"{label} holds clock times without a date: read as seconds.")
    if series is None:
        series = np.zeros(len(time), dtype=np.int64)
    order = np.argsort(series, kind="stable")
    steps = np.diff(time[order])
    steps[np.diff(series[order]) != 0] = 0.0
    back = np.append(0.0, np.where(steps < 0, steps, 0.0))
    if not back.any():
        return time
    is_clock = np.nanmax(time) <= DAY
    wrong = np.flatnonzero((back < 0) & ((back > -DAY / 2) | (not is_clock)))
    if len(wrong):
        row, before = order[wrong[0]], order[wrong[0] - 1]
        raise DataError(
            f"{label} must hold clock times in the order of "
            "the rows, which step back only at midnight; "
            f"got {texts.iloc[row]!r} in row {row + 1}, after "
            f"{texts.iloc[before]!r} in row {before + 1}. "
            "Name a column of dates too, "
            'e.g. time=["date", "clock"]; '
            "or sort the rows, or name the column "
            "of the recordings with `series`."
        )
    passed = pd.Series((back < 0).astype(np.int64)).groupby(series[order]).cumsum()
    days = np.empty(len(time))
    days[order] = passed
    first = order[np.flatnonzero(back < 0)[0]]
    notes.append(
        f"{label} passes midnight, first in row "
        f"{first + 1} ({texts.iloc[first]}): "
        f"a day was added there ({int((back < 0).sum())} in all)."
    )
    return time + DAY * days
