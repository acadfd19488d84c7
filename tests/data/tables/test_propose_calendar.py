"""Cycles are proposed where rows resolve them and the table covers several."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multitide.data.tables._propose_calendar import (
    MIN_PERIODS,
    PERIODS,
    propose_cycles,
)

HOUR, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("step", "n_rows", "cycles"),
    [
        (HOUR, 24 * 3, ("hour",)),
        (HOUR, 24 * 3 - 1, ()),
        (HOUR, 24 * 21, ("hour", "weekday")),
        (DAY, 21, ("weekday",)),
        (DAY, 366 * 3, ("weekday", "day_of_year")),
        (7 * DAY, 53 * 3, ("day_of_year",)),
        (1.0, 86_400 * 3, ("hour",)),
    ],
)
def test_cycles_of_a_table(step: float, n_rows: int, cycles: tuple[str, ...]) -> None:
    assert propose_cycles(np.arange(n_rows) * step, "seconds", step, []) == cycles


def test_months_have_the_month() -> None:
    assert propose_cycles(np.arange(36), "months", 1.0, []) == ("month",)
    assert propose_cycles(np.arange(35), "months", 1.0, []) == ()
    assert propose_cycles(np.arange(36), "months", 12.0, []) == ()


@given(step=st.floats(0.1, 1e7), n_rows=st.integers(2, 10_000))
def test_every_proposed_cycle_is_resolved_and_seen_several_times(
    step: float, n_rows: int
) -> None:
    ticks = np.arange(n_rows) * step
    proposed = propose_cycles(ticks, "seconds", step, [])
    for name, period in PERIODS.items():
        fits = 2 * step <= period and n_rows * step >= MIN_PERIODS * period
        assert (name in proposed) == fits or np.isclose(
            n_rows * step, MIN_PERIODS * period
        )


def test_nothing_is_proposed_without_dates_a_step_or_free_names() -> None:
    ticks = np.arange(24 * 100) * HOUR
    assert propose_cycles(ticks, "1", HOUR, []) == ()
    assert propose_cycles(ticks, "seconds", None, []) == ()
    assert propose_cycles(ticks, "seconds", HOUR, ["hour_sin"]) == ("weekday",)
