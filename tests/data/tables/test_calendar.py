"""The calendar as inputs: cycles of the time of each row, without a jump at their end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import multitide as mt
from makers import small
from multitide.data.tables._calendar import CALENDAR
from multitide.errors import DataError, MultitideError, ParameterError


def table(n: int = 24 * 20, freq: str = "h") -> pd.DataFrame:
    time = pd.date_range("2023-12-25", periods=n, freq=freq)
    rng = np.random.default_rng(0)
    level = np.sin(2 * np.pi * time.hour / 24) + 0.1 * rng.normal(size=n)
    return pd.DataFrame({"time": time, "noise": rng.normal(size=n), "load": level})


def test_the_channels_are_sine_and_cosine_of_each_cycle() -> None:
    data = table()
    samples = mt.read_table(
        data, tasks=["load"], window=5, calendar=["hour", "weekday"]
    )
    names = ("noise", "hour_sin", "hour_cos", "weekday_sin", "weekday_cos")
    assert samples.channels == names
    found = samples.gather(slice(None))
    hours = data["time"].dt.hour.to_numpy()
    days = data["time"].dt.dayofweek.to_numpy()
    for i in (0, 100, len(samples) - 1):
        rows = slice(i, i + 5)
        np.testing.assert_allclose(
            found[i, 1], np.sin(2 * np.pi * hours[rows] / 24), atol=1e-6
        )
        np.testing.assert_allclose(
            found[i, 4], np.cos(2 * np.pi * days[rows] / 7), atol=1e-6
        )


@pytest.mark.parametrize("name", CALENDAR)
def test_a_cycle_runs_from_0_to_1_and_has_no_jump(name: str) -> None:
    times = pd.date_range("2023-01-01", "2024-01-01", freq="30min", inclusive="left")
    position = CALENDAR[name](times)
    assert position.min() == 0
    assert 0.83 < position.max() < 1
    angle = 2 * np.pi * position
    step = np.hypot(np.diff(np.sin(angle)), np.diff(np.cos(angle)))
    assert step.max() < 2 * np.pi / 6.9 if name != "month" else 2 * np.pi / 11


@pytest.mark.slow
def test_the_time_of_day_is_learned_and_new_data_are_read_alike(tmp_path: Path) -> None:
    data = table(24 * 60)
    data.to_csv(tmp_path / "data.csv", index=False)
    options: dict[str, Any] = {"tasks": ["load"], "window": 12}
    r2 = {}
    for calendar in ((), ("hour",)):
        samples = mt.read_table(tmp_path / "data.csv", calendar=calendar, **options)
        split = mt.Splitter(by="time").split(samples)
        model = small(max_epochs=6, lr=0.01).fit(
            samples[split.train], validation=samples[split.validation]
        )
        metrics = model.evaluate(samples[split.test])
        r2[calendar] = metrics.set_index("metric")["value"]["r2"]
    assert r2[("hour",)] > 0.5 > r2[()]


def test_resampled_rows_have_the_time_of_the_grid() -> None:
    samples = mt.read_table(
        table(200, "15min"), tasks=["load"], window=3, every="1h", calendar="hour"
    )
    first = samples.gather(slice(0, 1))[0]
    np.testing.assert_allclose(
        first[1], np.sin(2 * np.pi * np.arange(3) / 24), atol=1e-6
    )


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"calendar": "hours"}, ParameterError, "Did you mean 'hour'"),
        ({"calendar": ["hour"], "time": ()}, DataError, "Name the column with `time`"),
        ({"calendar": ["noise", "hour"]}, ParameterError, "must be one of 'hour'"),
        ({"calendar": ["hour", "hour"]}, ParameterError, "more than once"),
    ],
)
def test_what_cannot_be_is_refused(
    options: dict[str, Any], kind: type[MultitideError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        mt.read_table(table(), tasks=["load"], window=5, **options)


def test_a_column_of_the_same_name_is_refused() -> None:
    data = table().rename(columns={"noise": "hour_sin"})
    with pytest.raises(DataError, match="rename the columns"):
        mt.read_table(data, tasks=["load"], window=5, calendar="hour")


def test_numbers_as_times_have_no_calendar() -> None:
    data = table()
    data["time"] = np.arange(len(data))
    with pytest.raises(DataError, match="the rows have numbers"):
        mt.read_table(data, tasks=["load"], window=5, time="time", calendar="hour")
