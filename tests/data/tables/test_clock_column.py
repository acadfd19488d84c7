"""A column of days and one of clock times are the time together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from refusals import refused

N = 96
STAMPS = pd.date_range("2024-03-01", periods=N, freq="h")
DAYS: dict[str, Any] = {
    "iso": STAMPS.strftime("%Y-%m-%d"),
    "day first": (STAMPS + pd.Timedelta("20D")).strftime("%d.%m.%Y"),
    "dates": STAMPS.normalize(),
    "digits": STAMPS.strftime("%Y%m%d"),
}
CLOCKS: dict[str, tuple[str, Any]] = {
    "text": ("Time", STAMPS.strftime("%H:%M")),
    "half days": ("Uhrzeit", STAMPS.strftime("%I:%M:%S %p")),
    "hours": ("Hour", STAMPS.hour.astype("int64")),
}


def table(days: Any, clock: tuple[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({"Date": days, clock[0]: clock[1], "x": np.arange(N) % 7 * 1.5})


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("days", ["iso", "day first", "dates"])
def test_days_and_clock_are_joined(days: str, clock: str) -> None:
    samples = read_table(table(DAYS[days], CLOCKS[clock]), window=6)
    assert samples.reading is not None and samples.time is not None
    assert samples.reading["time"] == ["Date", CLOCKS[clock][0]]
    assert samples.channels == ("x",)
    assert (np.diff(samples.time) == np.timedelta64(1, "h")).all()


def test_hours_are_checked() -> None:
    frame = table(DAYS["iso"], ("hour", np.where(STAMPS.hour == 5, 99, STAMPS.hour)))
    with refused("`time`", "hours from 0 to 24", "99", error=DataError):
        read_table(frame, time=["Date", "hour"], window=6)


@pytest.mark.parametrize(
    "columns",
    [
        {"Date": STAMPS.strftime("%Y-%m-%d %H:%M"), "Time": ["12:00"] * N},
        {
            "Date": pd.date_range("2020", periods=N).astype("str"),
            "Time": ["06:12"] * N,
        },
    ],
    ids=["has a clock", "one row a day"],
)
def test_other_dates_stay_alone(columns: dict[str, Any]) -> None:
    samples = read_table(pd.DataFrame({**columns, "x": np.arange(N) % 7.5}), window=6)
    assert samples.reading is not None
    assert samples.reading["time"] == ["Date"]
