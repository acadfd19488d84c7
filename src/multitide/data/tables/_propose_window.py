"""Propose a window and a stride for a table that nobody has cut into windows yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from multitide.data._timestamps import parse_time, step_text, ticks
from multitide.data.tables._windows import usual_step
from multitide.errors import DataError

PERIODS = {  # cycles of people and machines, in seconds
    "a second": 1,
    "a minute": 60,
    "an hour": 3600,
    "a day": 86400,
    "a week": 7 * 86400,
    "four weeks": 28 * 86400,
    "a year": 365 * 86400,
}
MIN_ROWS = 12  # per period, so that a network can see its shape
WINDOW_WITHOUT_TIME = 24
MAX_WINDOWS = 100_000  # a longer table gets a larger stride

NO_TIME = "a guess: the time between rows is unknown"


@dataclass(frozen=True)
class WindowProposal:
    """A window for a table.

    Attributes
    ----------
    window, stride : int
        Rows per sample, and rows between the starts of two samples.
    why : str
        The reason for this window; "" if the user chose it.
    """

    window: int
    stride: int
    why: str


def propose_window(
    data: pd.DataFrame,
    time: Sequence[str],
    series: str | None,
    time_format: str | None = None,
) -> WindowProposal:
    """Propose the shortest natural period (a day, a week, ...) that has at least 12 rows.

    The proposal is a starting point: the right window depends on what the labels describe, which
    the table does not show.

    Parameters
    ----------
    data : DataFrame
        One row per time step.
    time : sequence of str
        The time columns; empty if rows have no times.
    series : str or None
        The column that says which series a row belongs to.
    time_format : str, optional
        How the times are written.
    """
    if series is None:
        codes = np.zeros(len(data), dtype=np.int64)
    else:
        codes = pd.factorize(data[series])[0]
    longest = int(np.bincount(codes[codes >= 0], minlength=1).max())
    window, why = _rows_per_period(data, time, codes, time_format)
    if series is not None and window > longest:
        window, why = longest, "the length of the longest series"
    elif series is None and window > max(1, longest // 10):
        window, why = max(1, longest // 10), "a tenth of all rows"
    n_windows = max(1, len(data) - window)
    stride = min(window, -(-n_windows // MAX_WINDOWS))
    return WindowProposal(window, stride, why)


def _rows_per_period(
    data: pd.DataFrame,
    time: Sequence[str],
    codes: np.ndarray,
    time_format: str | None,
) -> tuple[int, str]:
    """Return the number of rows in a natural period, and which period it is."""
    if not time:
        return WINDOW_WITHOUT_TIME, NO_TIME
    try:
        times = parse_time(data, time, time_format=time_format, series=codes)
        numbers, unit = ticks(times.values)
    except DataError:  # read_table reports what is wrong with the times
        return WINDOW_WITHOUT_TIME, NO_TIME
    order = np.lexsort((numbers, codes))
    step = usual_step(numbers[order], codes[order])
    if unit == "months" and step:
        return max(
            2, round(12 / step)
        ), f"a year, with a row every {step_text(step, unit)}"
    if unit == "seconds" and step:
        for period, seconds in PERIODS.items():
            if seconds >= MIN_ROWS * step:
                why = f"{period}, with a row every {step_text(step, unit)}"
                return round(seconds / step), why
    return WINDOW_WITHOUT_TIME, NO_TIME
