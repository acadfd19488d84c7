"""Cut the rows of a table into samples: windows, whole series or single rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from multitide.data._timestamps import step_text, ticks
from multitide.data.tables._findings import Findings
from multitide.data.tables._reading import Reading, TimeStep
from multitide.data.tables._rows import Rows
from multitide.data.tables._stretches import stretches_of
from multitide.data.tables._windows import (
    Index,
    cut_windows,
    find_segments,
    is_gap,
    usual_step,
)
from multitide.errors import DataError

logger = logging.getLogger("multitide")

IRREGULAR = (
    'Put them on a grid with `every`, or use the rows in order with on_gap="ignore".'
)
MAX_GAP_SHARE = 0.25  # of the steps; with more, times count as irregular


class NoWindow(DataError):
    """No stretch of rows is as long as the window."""


@dataclass(frozen=True)
class Cut:
    """Where samples lie in the rows of a table.

    Attributes
    ----------
    starts, lengths : ndarray of int64, shape (n_samples,)
        First row and number of rows of each sample.
    ends : ndarray of int64, shape (n_samples,)
        One past the last row of the segment that a sample lies in.
    step : dict or None
        The usual time step, if it was needed.
    """

    starts: Index
    lengths: Index
    ends: Index
    step: TimeStep | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def last(self) -> Index:
        """The last row of each sample."""
        return self.starts + self.lengths - 1


@dataclass(frozen=True)
class _Gaps:
    """Which of the n_rows - 1 steps between rows are gaps, and the usual step."""

    is_gap: np.ndarray | None = None
    step: TimeStep | None = None
    other_step: str = ""  # how the step differs from that of the training data

    @property
    def any(self) -> bool:
        return self.is_gap is not None and bool(self.is_gap.any())


def cut_samples(rows: Rows, reading: Reading, findings: Findings) -> Cut:
    """Cut rows into samples.

    Raises
    ------
    DataError
        If every series, or every stretch without a gap, is shorter than the window.
    """
    if reading.layout == "vectors":
        every = np.arange(len(rows))
        return Cut(every, np.ones(len(rows), np.int64), every + 1, reading.step)
    if reading.window is None:
        starts, lengths = find_segments(rows.series)
        return Cut(starts, lengths, starts + lengths, reading.step)
    gaps = _find_gaps(rows, reading, findings)
    starts, lengths = find_segments(rows.series, gaps.is_gap)
    window_starts, segment = cut_windows(
        starts, lengths, reading.window, reading.stride
    )
    if not len(segment):
        raise NoWindow(_no_window_fits(reading.window, lengths, rows, gaps))
    _note_short_segments(rows, starts, lengths, gaps, reading, findings)
    _note_rests(rows, starts, lengths, reading, findings)
    sizes = np.full(len(segment), reading.window, dtype=np.int64)
    return Cut(window_starts, sizes, (starts + lengths)[segment], gaps.step)


def _find_gaps(rows: Rows, reading: Reading, findings: Findings) -> _Gaps:
    if reading.on_gap == "ignore":
        return _Gaps(step=reading.step)
    same_series = np.diff(rows.series) == 0
    if rows.time is None:
        return _Gaps(is_gap(rows.number, 1) & same_series, reading.step)
    known = reading.step
    numbers, unit = ticks(rows.time, known["unit"] if known else None)
    here = usual_step(numbers, rows.series)
    if here is None:
        return _Gaps(np.zeros(len(rows) - 1, dtype=bool), known)
    size = here or 1.0
    if known and known["size"]:
        size = float(known["size"])
    gaps = is_gap(numbers, size) & same_series
    _note_step(size, unit, gaps, findings)
    other_step = ""
    if here != size:
        other_step = (
            f" The usual time step is {step_text(here, unit)} here; "
            f"it was {step_text(size, unit)} in the training data."
        )
    return _Gaps(gaps, {"size": size, "unit": unit}, other_step)


def _note_step(size: float, unit: str, gaps: np.ndarray, findings: Findings) -> None:
    n_gaps = int(gaps.sum())
    what = "no gaps"
    if n_gaps:
        what = f"{n_gaps} gap{'s' if n_gaps > 1 else ''}, which windows do not cross"
    note = f"The usual time step is {step_text(size, unit)}; {what}."
    if n_gaps > MAX_GAP_SHARE * len(gaps):
        note += f" Times are irregular. {IRREGULAR}"
    findings.note(note)


def _note_short_segments(
    rows: Rows,
    starts: Index,
    lengths: Index,
    gaps: _Gaps,
    reading: Reading,
    findings: Findings,
) -> None:
    """Note what is shorter than a window; warn if gaps make most rows useless."""
    window = int(reading.window or 1)
    short = lengths < window
    if not short.any():
        return
    n_lost = int(lengths[short].sum())
    if gaps.any and 2 * n_lost > lengths.sum():
        logger.warning(
            "Because of gaps in time, %d of %d rows are in no window. %s",
            n_lost,
            lengths.sum(),
            IRREGULAR,
        )
    sizes = np.bincount(rows.series)
    whole = lengths == sizes[rows.series[starts]]
    kinds = {"series": whole, "stretches of rows without a gap": ~whole}
    for what, of_kind in kinds.items():
        chosen = short & of_kind
        if chosen.any():
            n_rows = int(lengths[chosen].sum())
            why = f"fewer rows than the window ({window})"
            if what != "series":
                why = f"between gaps, {why}"
            findings.leave_out(
                f"{chosen.sum()} of {of_kind.sum()} "
                f"{what} have fewer rows than the window "
                f"({window}), {n_rows} rows in all",
                stretches_of(rows, starts[chosen], lengths[chosen], why),
                reading.series,
            )


def _note_rests(
    rows: Rows, starts: Index, lengths: Index, reading: Reading, findings: Findings
) -> None:
    """Note the rows after the last window of a stretch, where another stride does not fit."""
    window, stride = int(reading.window or 1), reading.stride
    rests = np.where(lengths >= window, (lengths - window) % stride, 0)
    has_rest = rests > 0
    if not has_rest.any():
        return
    findings.leave_out(
        f"{rests.sum()} rows come after the last window (stride {stride})",
        stretches_of(
            rows,
            (starts + lengths - rests)[has_rest],
            rests[has_rest],
            f"after the last window (stride {stride})",
        ),
        reading.series,
    )


def _no_window_fits(window: int, lengths: Index, rows: Rows, gaps: _Gaps) -> str:
    longest = int(lengths.max())
    longest_series = int(find_segments(rows.series)[1].max())
    if longest_series > longest:
        text = (
            "`window` must fit between two gaps in time; "
            f"got {window}, and the longest stretch "
            f"without a gap has {longest} rows. "
            'With on_gap="ignore" the longest '
            f"series has {longest_series}."
        )
    else:
        text = f"`window` must be at most the longest series ({longest} rows); got {window}."
    return text + gaps.other_step
