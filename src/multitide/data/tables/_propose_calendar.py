"""Propose cycles of the calendar as inputs, for a table whose times are dates."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

DAY = 86_400.0
# In seconds; a month says nothing that the day of the year does not.
PERIODS = {"hour": DAY, "weekday": 7 * DAY, "day_of_year": 365.25 * DAY}
MONTHS_OF_YEAR = 12
MIN_PERIODS = 3  # of a cycle in the table, to tell the cycle from a trend


def propose_cycles(
    ticks: np.ndarray, unit: str, step: float | None, columns: Collection[str]
) -> tuple[str, ...]:
    """Return the cycles that a table shows several times, and at several positions.

    Parameters
    ----------
    ticks : ndarray, shape (n_rows,)
        The times as numbers.
    unit : str
        Their unit: "seconds", "months", or "1" for plain numbers, which have no calendar.
    step : float or None
        The usual step between rows of one series, if there is one.
    columns : collection of str
        The columns of the table; cycles whose inputs would have one of their names are left out.
    """
    if not step or unit == "1":
        return ()
    periods = PERIODS
    if unit == "months":
        periods = {"month": float(MONTHS_OF_YEAR)}
    span = float(np.ptp(ticks)) + step
    cycles = []
    for name, period in periods.items():
        is_new = not {f"{name}_sin", f"{name}_cos"} & set(columns)
        if is_new and 2 * step <= period and span >= MIN_PERIODS * period:
            cycles.append(name)
    return tuple(cycles)
