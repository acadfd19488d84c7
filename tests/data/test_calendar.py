"""The calendar as inputs: cycles of the time of each row, without a jump at their end."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import multitide as mt
from makers import small
from multitide.data._calendar import CALENDAR
from multitide.errors import DataError, MultitideError, ParameterError
from refusals import refused

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]


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
    with pytest.raises(DataError, match="got numbers"):
        mt.read_table(data, tasks=["load"], window=5, time="time", calendar="hour")


def daily(n_days: int, start: str = "2024-03-01") -> pd.DataFrame:
    """Hours of whole days; the label of a day follows its weekday."""
    time = pd.date_range(start, periods=24 * n_days, freq="h")
    noise = np.random.default_rng(0).normal(size=len(time))
    return pd.DataFrame({"time": time, "x": noise, "level": time.dayofweek * 1.5})


def test_cycles_of_whole_days_are_static_inputs() -> None:
    data = daily(40)
    samples = mt.read_table(
        data, tasks=["level"], window=24, stride=24, calendar=["hour", "weekday"]
    )
    assert samples.channels == ("x", "hour_sin", "hour_cos")
    assert samples.static is not None and samples.reading is not None
    weekday = 2 * np.pi * data["time"].dt.dayofweek.to_numpy()[::24] / 7
    np.testing.assert_allclose(
        samples.static["weekday_sin"], np.sin(weekday), atol=1e-6
    )
    np.testing.assert_allclose(
        samples.static["weekday_cos"], np.cos(weekday), atol=1e-6
    )
    assert samples.reading["assumed"][-1] == (
        "`calendar`: `hour` as channels; `weekday` as static inputs, constant within "
        "each sample."
    )


@settings(max_examples=30)
@given(
    step_in_hours=st.sampled_from([1, 2, 6, 24, 24 * 7]),
    n_rows=st.integers(30, 120),
    window=st.integers(1, 15),
    stride=st.integers(1, 15),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)),
)
def test_a_cycle_is_static_where_no_sample_shows_it_moving(
    step_in_hours: int, n_rows: int, window: int, stride: int, start: datetime
) -> None:
    time = pd.date_range(start, periods=n_rows, freq=f"{step_in_hours}h")
    table = pd.DataFrame({"time": time, "x": np.arange(n_rows) % 7.5})
    table["level"] = np.arange(n_rows) % 5.5
    samples = mt.read_table(
        table, tasks=["level"], window=window, stride=stride, calendar=list(CALENDAR)
    )
    static = set() if samples.static is None else set(samples.static)
    for name in CALENDAR:
        position = CALENDAR[name](time)
        within = np.stack([position[i : i + window] for i in samples.starts])
        stands_still = window > 1 and bool((within == within[:, :1]).all())
        assert (f"{name}_sin" in static) == (f"{name}_cos" in static) == stands_still
        assert (f"{name}_sin" in samples.channels) == (not stands_still)
        if stands_still and samples.static is not None:
            np.testing.assert_allclose(
                samples.static[f"{name}_sin"],
                np.sin(2 * np.pi * within[:, 0]),
                atol=1e-6,
            )


@pytest.mark.parametrize("form", ["table", "labels", "parquet"])
def test_whole_runs_have_the_day_as_static_input(tmp_path: Path, form: str) -> None:
    data = daily(14).drop(columns="level")
    data["run"] = np.arange(len(data)) // 24
    labels = pd.DataFrame({"run": range(14), "good": np.arange(14) % 2})
    options: dict[str, Any] = {"series": "run", "calendar": ["weekday", "month"]}
    if form == "labels":
        samples = mt.read_table(data, labels=labels, **options)
    else:
        data = data.merge(labels)
        source: pd.DataFrame | Path = data
        if form == "parquet":
            source = tmp_path / "data.parquet"
            data.to_parquet(source)
        samples = mt.read_table(source, tasks=["good"], **options)
    assert samples.channels == ("x",)
    assert samples.static is not None
    names = ["weekday_sin", "weekday_cos", "month_sin", "month_cos"]
    assert list(samples.static) == names


def test_a_stored_model_reads_the_calendar_of_new_tables(tmp_path: Path) -> None:
    data = daily(60)
    reading = {"tasks": ["level"], "window": 24, "stride": 24}
    samples = mt.read_table(data, calendar=["hour", "weekday"], **reading)
    model = small(backbone="linear", max_epochs=1).fit(samples)
    model.save(tmp_path / "model")
    loaded = mt.load(tmp_path / "model")
    expected = model.predict(samples)["level"].to_numpy()
    later = data.iloc[24 * 30 : 24 * 41].drop(columns="level")
    later.to_csv(tmp_path / "later.csv", index=False)
    assert samples.reading is not None
    new = mt.read_like(samples.reading, tmp_path / "later.csv", need_labels=False)
    found = loaded.predict(new)["level"].to_numpy()
    np.testing.assert_allclose(found, expected[30:41], rtol=1e-5)


def test_a_new_table_keeps_the_places_of_the_first() -> None:
    data = daily(40)
    options: dict[str, Any] = {"tasks": ["level"], "window": 24, "calendar": "weekday"}
    whole_days = mt.read_table(data, stride=24, **options)
    assert whole_days.reading is not None
    shifted = mt.read_like(whole_days.reading, data.iloc[6:])
    assert shifted.channels == ("x",) and shifted.static is not None
    last_rows = data["time"].dt.dayofweek.to_numpy()[6 + 23 :: 24]
    np.testing.assert_allclose(
        shifted.static["weekday_sin"], np.sin(2 * np.pi * last_rows / 7), atol=1e-6
    )
    assert shifted.reading is not None
    assert any("that of the last row" in note for note in shifted.reading["assumed"])

    every_hour = mt.read_table(data, **options)
    assert every_hour.static is None and every_hour.reading is not None
    same_days = mt.read_like({**every_hour.reading, "stride": 24}, data)
    assert same_days.channels == every_hour.channels
    assert same_days.static is None


def test_a_reading_of_an_earlier_version_has_channels_only() -> None:
    data = daily(10)
    samples = mt.read_table(
        data, tasks=["level"], window=24, stride=24, calendar="weekday"
    )
    earlier = dict(samples.reading or {})
    del earlier["still_cycles"]
    again = mt.read_like(earlier, data)
    assert again.channels == ("x", "weekday_sin", "weekday_cos")
    assert again.static is None


def test_a_static_column_of_the_same_name_is_refused() -> None:
    data = daily(10).assign(weekday_cos=1.0)
    with refused(
        "`calendar`", "['weekday_cos']", "rename the columns", error=DataError
    ):
        mt.read_table(
            data,
            tasks=["level"],
            static=["weekday_cos"],
            window=24,
            stride=24,
            calendar="weekday",
        )


def test_arrays_have_the_calendar_of_each_sample_as_static_inputs() -> None:
    time = pd.date_range("2024-01-01", periods=30, freq="D")
    X = np.random.default_rng(0).normal(size=(30, 2, 24))
    y = pd.DataFrame({"level": np.asarray(time.dayofweek) * 1.5})
    static = pd.DataFrame({"site": ["a", "b"] * 15})
    samples = mt.Samples.from_arrays(
        X, y, time=time, static=static, calendar=["weekday"]
    )
    assert samples.channels == ("0", "1") and samples.static is not None
    assert list(samples.static) == ["site", "weekday_sin", "weekday_cos"]
    angle = 2 * np.pi * np.asarray(time.dayofweek) / 7
    np.testing.assert_allclose(samples.static["weekday_cos"], np.cos(angle), atol=1e-6)
    model = small(backbone="linear", max_epochs=1).fit(samples)
    later = mt.Samples.from_arrays(
        X[7:9], time=time[7:9], static=static.iloc[7:9], calendar="weekday"
    )
    np.testing.assert_allclose(
        model.predict(later)["level"], model.predict(samples)["level"][7:9], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({}, ("`calendar`", "no times", "`time`")),
        ({"time": [1, 2, 3]}, ("`calendar`", "numbers", "`time`")),
        ({"time": DAYS, "calendar": ["week"]}, ("`calendar`", "'week'", "weekday")),
        ({"time": DAYS, "calendar": 3}, ("`calendar`", "int", "list of names")),
        (
            {"time": DAYS, "channels": ["hour_sin"]},
            ("`calendar`", "hour_sin", "rename"),
        ),
        (
            {"time": DAYS, "static": pd.DataFrame({"hour_cos": [1.0, 2.0, 3.0]})},
            ("`calendar`", "hour_cos", "rename"),
        ),
    ],
)
def test_a_calendar_of_arrays_that_cannot_be_is_refused(
    options: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with refused(*parts):
        mt.Samples.from_arrays(np.zeros((3, 1, 5)), **({"calendar": "hour"} | options))
