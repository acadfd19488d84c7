"""Propose a window and a stride for a table without given windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from multitide.data._timestamps import parse_time, step_text, ticks
from multitide.data.tables._propose_calendar import propose_cycles
from multitide.data.tables._reading import Reading
from multitide.data.tables._resampling import grid_step
from multitide.data.tables._windows import find_segments, is_gap, usual_step
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

NO_TIME = "a guess, because the time between rows is unknown"


@dataclass(frozen=True)
class WindowProposal:
    """A window for a table.

    Attributes
    ----------
    window, stride : int
        Rows per sample, and rows between the starts of two samples.
    why : str
        The reason for this window; "" if the user chose it.
    optional : bool
        Whether a sample may as well be a whole series: labels do not change within one.
    longest : int
        Rows of the longest series.
    cycles : tuple of str
        Cycles of the calendar that the times show several times.
    stretch : int or None
        Rows of the longest stretch without a gap in time; None if there is no usual step.
    """

    window: int
    stride: int
    why: str
    optional: bool = False
    longest: int = 0
    cycles: tuple[str, ...] = ()
    stretch: int | None = None

    @property
    def crosses_gaps(self) -> bool:
        """Whether no window fits between two gaps, so that windows must cross them."""
        return self.stretch is not None and self.window > self.stretch


def propose_window(data: pd.DataFrame, reading: Reading) -> WindowProposal:
    """Propose the shortest natural period (a day, a week, ...) that has at least 12 rows.

    The proposal is a starting point: the right window depends on what the labels describe, which
    the table does not show.

    Parameters
    ----------
    data : DataFrame
        One row per time step.
    reading : Reading
        With the series and the time; no time if rows have none.
    """
    series = reading.series
    if series is None:
        codes = np.zeros(len(data), dtype=np.int64)
    else:
        codes = pd.factorize(data[series])[0]
    longest = int(np.bincount(codes[codes >= 0], minlength=1).max())
    window, why = WINDOW_WITHOUT_TIME, NO_TIME
    times = _ticks(data, reading, codes)
    stretch = None
    cycles: tuple[str, ...] = ()
    if times is not None:
        step = _step(*times, codes, reading)
        cycles = propose_cycles(*times, step, data.columns)
        window, why = _rows_per_period(step, times[1])
        if reading.every is None and step:
            stretch = _longest_stretch(times[0], codes, step)
        elif step:
            spans = pd.Series(times[0]).groupby(codes).agg(np.ptp)
            longest = max(1, int(spans.max() // step))
    if series is not None and window > longest:
        window, why = longest, "the length of the longest series"
    elif series is None and window > max(1, longest // 10):
        window, why = max(1, longest // 10), "a tenth of all rows"
    n_windows = max(1, len(data) - window)
    stride = min(window, -(-n_windows // MAX_WINDOWS))
    optional = series is not None and not _labels_change(data, reading)
    return WindowProposal(window, stride, why, optional, longest, cycles, stretch)


def _longest_stretch(numbers: np.ndarray, codes: np.ndarray, step: float) -> int:
    """Return the most rows of a series without a gap between them."""
    order = np.lexsort((numbers, codes))
    gaps = is_gap(numbers[order], step)
    return int(find_segments(codes[order], gaps)[1].max())


def _labels_change(data: pd.DataFrame, reading: Reading) -> bool:
    """Whether a label column has several values in one series."""
    for column in reading.label_columns:
        if column not in data or column == reading.series:
            continue
        if (data.groupby(reading.series, observed=True)[column].nunique() > 1).any():
            return True
    return False


def _ticks(
    data: pd.DataFrame, reading: Reading, codes: np.ndarray
) -> tuple[np.ndarray, str] | None:
    """Return the times of the rows as numbers, and their unit."""
    if not reading.time:
        if reading.every is not None:
            grid_step(None, reading.every)
        return None
    try:
        times = parse_time(
            data, reading.time, time_format=reading.time_format, series=codes
        ).values
    except DataError:  # read_table reports what is wrong with the times
        return None
    if reading.every is not None and times.dtype.kind == "M":
        return ticks(times, "seconds")
    return ticks(times)


def _step(
    numbers: np.ndarray, unit: str, codes: np.ndarray, reading: Reading
) -> float | None:
    """Return the step from row to row, or that of the grid."""
    if reading.every is not None:
        if unit == "1":
            return grid_step(numbers, reading.every)
        return grid_step(numbers.astype("datetime64[ns]"), reading.every) / 1e9
    order = np.lexsort((numbers, codes))
    return usual_step(numbers[order], codes[order])


def _rows_per_period(step: float | None, unit: str) -> tuple[int, str]:
    """Return the number of rows in a natural period, and which period it is."""
    if unit == "months" and step:
        why = f"a year, with a row every {step_text(step, unit)}"
        return max(2, round(12 / step)), why
    if unit == "seconds" and step:
        for period, seconds in PERIODS.items():
            if seconds >= MIN_ROWS * step:
                why = f"{period}, with a row every {step_text(step, unit)}"
                return round(seconds / step), why
    return WINDOW_WITHOUT_TIME, NO_TIME
