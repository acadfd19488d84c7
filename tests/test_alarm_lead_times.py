"""The time between the first alarm and the end of each series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import multitide as mt
from refusals import refused

PREDICTED = [90, 40, 60, 20, 80, 70]
SERIES = ["a", "a", "a", "a", "b", "b"]


def make(time: object = None) -> mt.Samples:
    return mt.Samples.from_arrays(np.zeros((6, 1, 3)), series=SERIES, time=time)  # type: ignore[arg-type]


def test_leads_are_counted_in_samples_without_times() -> None:
    found = mt.alarm_lead_times(make(), PREDICTED, limit=50).set_index("series")
    assert found.loc["a", ["end", "alarm", "lead"]].tolist() == [3, 1, 2]
    assert found.loc["a", "share"] == pytest.approx(2 / 3)
    assert found.loc["b", ["alarm", "lead", "share"]].isna().all()


@pytest.mark.parametrize("dates", [False, True])
def test_leads_are_times_in_any_order_of_the_rows(dates: bool) -> None:
    time = pd.Series([0.0, 1, 4, 9, 2, 3])
    if dates:
        time = pd.Timestamp("2026-01-01") + pd.to_timedelta(time, unit="h")
    samples = make(time)
    order = np.array([3, 5, 0, 2, 1, 4])
    predicted = np.array(PREDICTED)[order]
    found = mt.alarm_lead_times(samples[order], predicted, 50).set_index("series")
    expected = pd.Timedelta("8h") if dates else 8
    assert found.loc["a", "lead"] == expected
    assert pd.isna(found.loc["b", "lead"])


def test_wrong_arguments_are_refused() -> None:
    with refused("`predicted`", "6", "(2,)"):
        mt.alarm_lead_times(make(), [1, 2], 50)
    for limit in (float("nan"), float("inf"), "50", True):
        with refused("`limit`", limit):
            mt.alarm_lead_times(make(), PREDICTED, limit)  # type: ignore[arg-type]
