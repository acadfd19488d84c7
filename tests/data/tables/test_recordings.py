"""A column that counts within each value of another is the time of recordings, not an input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.data.tables._read_table import read_table
from multitide.fitting._validation_split import default_splitter

LENGTHS = (9, 5, 12, 7) * 3


def engines(first: int = 1, step: int = 1) -> pd.DataFrame:
    """Return a table of engines, whose `cycle` counts from `first` in each."""
    frames = []
    for unit, n in enumerate(LENGTHS, start=1):
        cycle = first + step * np.arange(n)
        frames.append(pd.DataFrame({"unit": unit, "cycle": cycle}))
    table = pd.concat(frames, ignore_index=True)
    table["s"] = np.arange(len(table)) ** 2 * 0.5
    table["rul"] = np.arange(len(table))[::-1]
    return table


def read(data: Any, **options: Any) -> Samples:
    return read_table(data, tasks=["rul"], window=3, **options)


def assumed(samples: Samples) -> str:
    assert samples.reading is not None
    return "\n".join(samples.reading["assumed"])


@pytest.mark.parametrize("time", ["hour", "day", "minute"])
@pytest.mark.parametrize("group", ["stay_id", "patient", "machine"])
def test_hours_that_count_within_an_id_are_the_time(group: str, time: str) -> None:
    table = engines(first=0).rename(columns={"unit": group, "cycle": time})
    samples = read(table)
    assert samples.reading is not None
    assert samples.reading["series"] == group and samples.reading["time"] == [time]
    assert samples.channels == ("s",)


def test_hours_of_a_day_are_no_recordings() -> None:
    table = engines(first=0).rename(columns={"unit": "week_number", "cycle": "hour"})
    samples = read(table)
    assert samples.reading is not None and samples.reading["series"] is None


@pytest.mark.parametrize("name", ["machine", "patient_id", "unit"])
def test_an_input_that_is_named_like_an_id_is_pointed_out(name: str) -> None:
    table = engines().drop(columns="cycle").rename(columns={"unit": name})
    assert f"--series {name}" in assumed(read(table))
    other = table.rename(columns={name: "level"})
    assert "--series" not in assumed(read(other))


@pytest.mark.parametrize(
    ("first", "step", "counts"),
    [(1, 1, "1, 2, 3, ..."), (0, 1, "0, 1, 2, ..."), (0, 10, "0, 10, 20, ...")],
)
@pytest.mark.parametrize("ids", ["numbers", "text", "csv"])
def test_recordings_are_found_and_said(
    first: int, step: int, counts: str, ids: str, tmp_path: Path
) -> None:
    data: Any = engines(first, step)
    if ids == "text":
        data["unit"] = "engine " + data["unit"].astype("str")
    if ids == "csv":
        data.to_csv(tmp_path / "engines.csv", index=False)
        data = tmp_path / "engines.csv"
    samples = read(data)
    assert samples.reading is not None
    assert samples.reading["series"] == "unit" and samples.reading["time"] == ["cycle"]
    assert samples.channels == ("s",)
    assert len(samples) == sum(LENGTHS) - 2 * len(LENGTHS)
    assert default_splitter(samples, seed=0).by == "group"
    said = assumed(samples)
    assert f"`cycle` counts {counts} within each value of `unit`" in said
    assert "--series unit --time cycle" in said
    same = read(data, series="unit", time="cycle")
    assert same.fingerprint() == samples.fingerprint()


def test_what_the_user_says_stays() -> None:
    samples = read(engines(), channels=["unit", "cycle", "s"])
    assert samples.channels == ("unit", "cycle", "s") and "unit" not in assumed(samples)
    samples = read(engines(), time=())
    assert samples.reading is not None
    assert samples.reading["series"] == "unit" and samples.reading["time"] == []
    samples = read(engines(), time="cycle")
    assert samples.reading is not None and samples.reading["series"] == "unit"
    assert read(engines(), series="unit", time=()).reading is not None


def test_a_counter_without_names_of_recordings_is_said() -> None:
    said = assumed(read(engines().drop(columns="unit")))
    assert "`cycle` counts 1, 2, 3, ... and starts again in rows 10, 15, 27" in said
    assert "--series" in said and "`ignore`" in said


def test_units_within_each_time_are_recognised_by_name() -> None:
    table = pd.DataFrame(
        {"cycle": np.repeat(np.arange(1, 9), 4), "unit": [1, 2, 3, 4] * 8}
    )
    table["s"] = np.arange(32) ** 2 * 0.5
    table["rul"] = 1.5 * np.arange(32)
    samples = read(table)
    assert samples.reading is not None
    assert samples.reading["series"] == "unit" and samples.reading["time"] == ["cycle"]
    assert samples.X[0][0].tolist() == table["s"][[0, 4, 8]].tolist()


@pytest.mark.parametrize(
    "columns",
    [
        {"day": np.repeat(np.arange(1, 4), 24), "hour": np.tile(np.arange(24), 3)},
        {"week": np.repeat(np.arange(1, 13), 6), "weekday": np.tile(np.arange(6), 12)},
        {"state": np.arange(72) // 7 % 3, "n": np.arange(72)},
        {"state": np.arange(72) // 7 % 3, "n": np.arange(72) % 7},
    ],
)
def test_other_columns_are_no_recordings(columns: dict[str, Any]) -> None:
    frame = pd.DataFrame({**columns, "x": np.arange(72) ** 2 * 0.5})
    frame["rul"] = np.arange(72) * 0.5
    reading = read(frame).reading
    assert reading is not None and reading["series"] is None


def test_a_table_with_dates_is_one_recording() -> None:
    dates = pd.date_range("2024", periods=sum(LENGTHS), freq="h")
    samples = read(engines().assign(when=dates))
    assert samples.reading is not None and samples.reading["series"] is None
