"""Clock times keep the order of the rows over midnight, or are refused."""

from __future__ import annotations

from datetime import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._timestamps import parse_time
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from refusals import refused


def parse(values: Any, **options: Any) -> np.ndarray:
    return parse_time(pd.DataFrame({"t": values}), ["t"], **options).values


@pytest.mark.parametrize(
    "form", ["%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S%p"]
)
@pytest.mark.parametrize("step", ["5min", "1h", "7h"])
def test_midnight_adds_a_day(form: str, step: str) -> None:
    stamps = pd.date_range("2024-07-04 20:00", periods=60, freq=step)
    seconds = parse(stamps.strftime(form))
    expected = (stamps - stamps[0].normalize()).total_seconds()
    assert seconds.tolist() == expected.tolist()
    assert parse(stamps.strftime(form), time_format=form).tolist() == expected.tolist()


def test_times_of_python_and_digits_pass_midnight_too() -> None:
    stamps = pd.date_range("2024-07-04 23:00", periods=4, freq="30min")
    expected = [82800, 84600, 86400, 88200]
    assert parse([time(s.hour, s.minute) for s in stamps]).tolist() == expected
    assert parse([2300, 2330, 0, 30], time_format="%H%M").tolist() == expected


def test_every_series_has_midnights_of_its_own() -> None:
    data = pd.DataFrame(
        {
            "run": ["a", "b", "a", "b", "a", "b"],
            "t": ["23:00", "10:00", "23:30", "10:30", "00:00", "11:00"],
            "x": [1.5, 10, 2, 20, 3, 30],
        }
    )
    samples = read_table(data, series="run", time="t", window=3)
    assert samples.gather([0, 1])[:, 0].tolist() == [[1.5, 2, 3], [10, 20, 30]]
    assert samples.time is not None and samples.time.tolist() == [86400, 39600]
    assert samples.reading is not None
    assert any(
        "row 5" in note and "midnight" in note for note in samples.reading["assumed"]
    )


def test_the_order_of_the_rows_is_kept() -> None:
    texts = [f"{h % 24:02}:{m:02}" for h in range(22, 27) for m in range(0, 60, 5)]
    frame = pd.DataFrame({"t": texts, "x": np.arange(60.0)})
    for options in ({"time": "t"}, {"time": "t", "time_format": "%H:%M"}):
        samples = read_table(frame, window=12, **options)  # type: ignore[arg-type]
        assert samples.X[0][0, :2].tolist() == [0, 1]
        assert len(samples) == 49


@pytest.mark.parametrize(
    "texts",
    [["10:00", "11:00", "10:30"], ["26:00", "27:00", "01:00"], ["59:50", "0:10"]],
)
def test_a_step_back_that_no_midnight_explains_is_refused(texts: list[str]) -> None:
    row = len(texts)
    with refused("`t`", repr(texts[-1]), f"in row {row}", "dates", error=DataError):
        parse(texts)


@pytest.mark.parametrize("text", ["12:75", "1:2", "12:00:61", "noon"])
def test_no_clock_times(text: str) -> None:
    with refused("`t`", repr(text), "in row 2", error=DataError):
        parse(["12:00", text])
