"""The order of rows: series after series, each in the order of time; what was moved is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from multitide.data._timestamps import step_text
from multitide.data.tables._findings import Findings
from multitide.data.tables._reading import Reading
from multitide.data.tables._rows import Rows, position_in_series
from multitide.errors import DataError

MOVED = "The rows were not in the order of time: sorted."
ONE_DAY = np.timedelta64(1, "D")


def sort_rows(rows: Rows, reading: Reading, findings: Findings) -> Rows:
    """Put series one after another, each in the order of time; note if that changed the order.

    Rows stamped 0:00 of the day that they end are moved to the next day first. An earlier table
    that had such rows decides it for tables that are too short to show it.

    Raises
    ------
    DataError
        If rows seem to be stamped 0:00 of the day that they end, but others are out of order.
    """
    if reading.ends_of_days:
        rows = _all_shifted(rows, findings)
    else:
        rows = _mend_midnights(rows, findings)
    keys = [rows.number, rows.series]
    if rows.time is not None:
        keys.insert(1, rows.time)
    order = np.lexsort(tuple(keys))
    if (order == np.arange(len(rows))).all():
        return rows
    _note_moved(rows, findings)
    sorted_rows = rows.take(order)
    return replace(sorted_rows, number=position_in_series(sorted_rows.series))


def _note_moved(rows: Rows, findings: Findings) -> None:
    """Say how many rows come after a later one of their series, how far, and the first."""
    if rows.time is None:
        return
    order = np.argsort(rows.series, kind="stable")
    time, series = rows.time[order], rows.series[order]
    if time.dtype.kind == "M":
        numbers = time.astype("datetime64[ns]").astype(np.int64)
    else:
        numbers = time
    latest = pd.Series(numbers).groupby(series).cummax().to_numpy()
    is_late = latest > numbers
    if not is_late.any():
        return
    # Differences of 64-bit integers may wrap.
    furthest = float((latest.astype(np.float64) - numbers.astype(np.float64)).max())
    place = np.flatnonzero(is_late)[order[is_late].argmin()]
    how_far, first, after = f"{furthest:g}", str(time[place]), str(latest[place])
    if time.dtype.kind == "M":
        how_far = step_text(furthest / 1e9, "seconds")
        first, after = str(pd.Timestamp(time[place])), str(pd.Timestamp(latest[place]))
    findings.note(
        f"{MOVED} "
        f"{int(is_late.sum())} of {len(rows)} rows come "
        f"after a later one, by at most {how_far}; "
        f"the first is row {order[place] + 1} "
        f"({first}, after {after})."
    )


def _mend_midnights(rows: Rows, findings: Findings) -> Rows:
    """Add a day to rows stamped 0:00 of the day that they end, as some meters write them."""
    if rows.time is None or rows.time.dtype.kind != "M":
        return rows
    forward = np.argsort(rows.series, kind="stable")
    suspects = []
    for order in (forward, forward[::-1]):  # the latest row may come first
        time, series = rows.time[order], rows.series[order]
        if _in_order(time, series):
            return rows
        late = _late_midnights(time, series)
        shifted = np.where(late, time + ONE_DAY, time)
        if _in_order(shifted, series) and _is_sure(shifted, late):
            midnight = _midnights(time)
            if _in_order(np.where(midnight, time + ONE_DAY, time), series):
                late = midnight  # also of a first row, which no time comes before
            return _shifted(rows, order[late], findings)
        suspects.append(order[late & ~_is_last(series)])
    _refuse_late_midnights(rows.time, suspects)
    return rows


def _refuse_late_midnights(time: np.ndarray, suspects: Sequence[np.ndarray]) -> None:
    """Raise if many of the rows stamped 0:00 come after a later time of the same day."""
    for late_rows in suspects:
        midnights = int(_midnights(time).sum())
        if len(late_rows) >= 2 and 2 * len(late_rows) >= midnights:
            first = int(late_rows.min())
            raise DataError(
                "`time` must be in order if rows are "
                "stamped 0:00 of the day that they end; "
                f"got {pd.Timestamp(time[first])} "
                f"in row {first + 1}, after a later time "
                f"of the same day ({len(late_rows)} "
                "rows), and other rows out of order. "
                "Add a day to these rows, or sort the table."
            )


def _all_shifted(rows: Rows, findings: Findings) -> Rows:
    if rows.time is None or rows.time.dtype.kind != "M":
        return rows
    midnights = np.flatnonzero(_midnights(rows.time))
    if not len(midnights):
        return rows
    return _shifted(rows, midnights, findings)


def _midnights(time: np.ndarray) -> np.ndarray:
    """Return which rows are stamped 0:00."""
    found: np.ndarray = time == time.astype("datetime64[D]")
    return found


def _shifted(rows: Rows, late: np.ndarray, findings: Findings) -> Rows:
    time = np.asarray(rows.time).copy()
    first = int(late.min())
    findings.note(
        f"{len(late)} rows stamped 0:00 are the last of their day, first row "
        f"{first + 1} ({pd.Timestamp(time[first])}): "
        "taken as the end of that day, 0:00 of the next."
    )
    time[late] += ONE_DAY
    return replace(rows, time=time, ends_of_days=True)


def _late_midnights(time: np.ndarray, series: np.ndarray) -> np.ndarray:
    """Return which rows are 0:00 of a day between a later time of that day and the next day."""
    date = time.astype("datetime64[D]")
    follows = np.append(False, (series[1:] == series[:-1]) & (date[1:] == date[:-1]))
    follows[1:] &= time[1:] < time[:-1]
    ends = _is_last(series)
    ends[:-1] |= date[1:] > date[:-1]
    late: np.ndarray = (time == date) & follows & ends
    return late


def _is_last(series: np.ndarray) -> np.ndarray:
    """Return which rows are the last of their series."""
    return np.append(series[1:] != series[:-1], True)


def _in_order(time: np.ndarray, series: np.ndarray) -> bool:
    return bool(((time[1:] >= time[:-1]) | (series[1:] != series[:-1])).all())


def _is_sure(shifted: np.ndarray, late: np.ndarray) -> bool:
    """Whether the end of a day was seen twice, or once with the usual step before it."""
    if late.sum() >= 2:
        return True
    steps = np.diff(shifted).astype("timedelta64[ns]").astype(np.int64)
    before = steps[np.flatnonzero(late)[0] - 1]
    return len(steps) > 2 and bool(before == np.median(steps))
