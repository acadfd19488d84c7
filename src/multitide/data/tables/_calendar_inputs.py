"""The cycles of the calendar that a table's reading asks for, as channels or static inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from multitide._checks import in_backticks
from multitide.data._calendar import calendar_values, check_dates, still_cycles
from multitide.data.tables._cut_samples import Cut
from multitide.data.tables._findings import Findings
from multitide.data.tables._reading import Reading
from multitide.data.tables._rows import Rows


def place_cycles(rows: Rows, cut: Cut, reading: Reading, findings: Findings) -> Reading:
    """Decide which cycles are static inputs, unless an earlier table has decided it.

    Raises
    ------
    DataError
        If the times are no dates.
    """
    if not reading.calendar:
        return reading
    check_dates(rows.time, "Name the column with `time`.")
    assert rows.time is not None
    still = still_cycles(reading.calendar, rows.time, cut.starts, cut.lengths)
    known = reading.still_cycles
    if known is None:
        reading = replace(reading, still_cycles=still)
        _note_places(reading, findings)
        return reading
    moving = [name for name in known if name not in still]
    if moving and (cut.lengths > 1).any():
        findings.note(
            f"{in_backticks(moving)} of `calendar` changes within a sample here, unlike in the "
            "training data: that of the last row is used."
        )
    return reading


def with_channels(rows: Rows, reading: Reading) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the values and names of all channels, the moving cycles last."""
    names = tuple(reading.channels or ())
    moving = [name for name in reading.calendar if name not in _still(reading)]
    if not moving or rows.time is None:
        return rows.values, names
    added = calendar_values(moving, rows.time, _taken(reading))
    columns = np.stack(list(added.values()), axis=1)
    return np.concatenate([rows.values, columns], axis=1), (*names, *added)


def static_values(rows: Rows, cut: Cut, reading: Reading) -> dict[str, np.ndarray]:
    """Return the static inputs of the cycles that stand still: those of each sample's last row."""
    still = _still(reading)
    if not still or rows.time is None:
        return {}
    return calendar_values(still, rows.time[cut.last], _taken(reading))


def _taken(reading: Reading) -> set[str]:
    return {*(reading.channels or ()), *reading.static}


def _still(reading: Reading) -> tuple[str, ...]:
    return reading.still_cycles or ()


def _note_places(reading: Reading, findings: Findings) -> None:
    still = _still(reading)
    moving = [name for name in reading.calendar if name not in still]
    places = []
    if moving:
        places.append(f"{in_backticks(moving)} as channels")
    if still:
        places.append(
            f"{in_backticks(still)} as static inputs, constant within each sample"
        )
    findings.note(f"`calendar`: {'; '.join(places)}.")
