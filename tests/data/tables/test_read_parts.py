"""Parts of a table have the samples of the whole: windows that span parts, gaps, ids, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import multitide as mt
from multitide.data._samples import Samples
from multitide.data.tables._part_by_part import last_of_series
from refusals import refused


def table(sizes: tuple[int, ...] = (40, 3, 25, 60), gaps: bool = True) -> pd.DataFrame:
    """Machines with times that have gaps, two channels with missing values, and a label."""
    rng = np.random.default_rng(0)
    frames = []
    for machine, size in enumerate(sizes):
        steps = np.ones(size, dtype=int)
        if gaps:
            steps[rng.random(size) < 0.05] = 5
        time = pd.Timestamp("2024-01-01") + pd.to_timedelta(steps.cumsum(), "h")
        frames.append(pd.DataFrame({"machine": machine, "t": time}))
    frame = pd.concat(frames, ignore_index=True)
    frame["a"] = rng.normal(size=len(frame)).round(4)
    frame["b"] = np.where(rng.random(len(frame)) < 0.2, np.nan, np.arange(len(frame)))
    frame["load"] = rng.normal(size=len(frame)).round(3)
    return frame


def reading_of(frame: pd.DataFrame, **options: Any) -> dict[str, object]:
    samples = mt.read_table(frame, tasks=["load"], **options)
    assert samples.reading is not None
    return samples.reading


def check_same(parts: list[Samples], whole: Samples) -> None:
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.joined(part)
    assert len(joined) == len(whole)
    np.testing.assert_array_equal(joined.series, whole.series)
    np.testing.assert_array_equal(joined.gather(slice(None)), whole.gather(slice(None)))
    if whole.time is None:
        assert joined.time is None
    else:
        np.testing.assert_array_equal(joined.time, whole.time)


@settings(max_examples=12, deadline=None)
@given(
    window=st.sampled_from([1, 4, 9, None]),
    stride=st.sampled_from([1, 3, 12]),
    n_values=st.sampled_from([35, 150, 5000]),
    on_gap=st.sampled_from(["break", "ignore"]),
    last=st.booleans(),
)
def test_parts_together_are_the_whole(
    tmp_path_factory: pytest.TempPathFactory,
    window: int | None,
    stride: int,
    n_values: int,
    on_gap: Any,
    last: bool,
) -> None:
    frame = table()
    options = {"series": "machine", "time": "t", "window": window, "on_gap": on_gap}
    reading = reading_of(frame, **options, stride=stride if window else 1)
    path = tmp_path_factory.mktemp("parts") / "data.parquet"
    frame.to_parquet(path)
    whole = mt.read_like(reading | ({"stride": 1} if last else {}), path)
    if last:
        whole = whole[last_of_series(whole)]
    parts = list(mt.read_parts(reading, path, last=last, n_values=n_values))
    check_same(parts, whole)
    if n_values == 35 and window == 1 and not last:
        assert len(parts) > 5


CASES: dict[str, dict[str, Any]] = {
    "a single series without time": {"window": 5, "stride": 2, "ignore": ["machine"]},
    "rows on a grid": {"window": 4, "every": "2h"},
    "incomplete rows left out": {"window": 4, "missing_rows": "drop"},
    "vectors": {"layout": "vectors"},
    "calendar": {"window": 4, "calendar": ["hour", "weekday"]},
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".csv.gz"])
@pytest.mark.parametrize("case", CASES)
def test_other_ways_to_read(case: str, suffix: str, tmp_path: Path) -> None:
    frame, options = table(), dict(CASES[case])
    if "ignore" in options:
        frame = frame.drop(columns="t")
    else:
        options |= {"series": "machine", "time": "t"}
    path = tmp_path / f"data{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    reading = reading_of(frame, **options)
    parts = list(mt.read_parts(reading, path, n_values=60))
    assert len(parts) > 1
    check_same(parts, mt.read_like(reading, path))


@pytest.mark.parametrize("as_pattern", [False, True])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_each_file_is_a_series(suffix: str, as_pattern: bool, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for machine, frame in table().groupby("machine"):
        own = frame.drop(columns="machine")
        if suffix == "csv":
            own.to_csv(folder / f"run{machine}.csv", index=False)
        else:
            own.to_parquet(folder / f"run{machine}.parquet")
    samples = mt.read_table(folder, tasks=["load"], time="t", window=6)
    assert samples.reading is not None
    source = f"{folder}/*.{suffix}" if as_pattern else folder
    parts = list(mt.read_parts(samples.reading, source, n_values=70))
    check_same(parts, mt.read_like(samples.reading, folder))
    assert set(parts[0].series) <= {"run0", "run1", "run2", "run3"}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_partitioned_folders(suffix: str, tmp_path: Path) -> None:
    for machine, frame in table().groupby("machine"):
        inner = tmp_path / f"machine={machine}"
        inner.mkdir()
        own = frame.drop(columns="machine")
        if suffix == "csv":
            own.to_csv(inner / "data.csv", index=False)
        else:
            own.to_parquet(inner / "data.parquet")
    reading = reading_of(table(), series="machine", time="t", window=6)
    parts = list(mt.read_parts(reading, tmp_path, n_values=70))
    check_same(parts, mt.read_like(reading, tmp_path))


def test_ids_stay_as_they_are_written(tmp_path: Path) -> None:
    frame = table()
    frame["machine"] = frame["machine"].map({0: "007", 1: "7", 2: "A", 3: "08"})
    frame.to_csv(tmp_path / "data.csv", index=False)
    reading = reading_of(frame, series="machine", time="t", window=6)
    parts = list(mt.read_parts(reading, tmp_path / "data.csv", n_values=40))
    check_same(parts, mt.read_like(reading, tmp_path / "data.csv"))


def test_static_inputs_come_from_a_second_table(tmp_path: Path) -> None:
    frame = table()
    ages = pd.DataFrame({"machine": range(4), "age": [3.0, 1.0, 4.0, 1.5]})
    samples = mt.read_table(
        frame,
        labels=ages,
        tasks=["load"],
        series="machine",
        time="t",
        static=["age"],
        window=6,
    )
    frame.to_parquet(tmp_path / "data.parquet")
    assert samples.reading is not None
    path = tmp_path / "data.parquet"
    parts = list(mt.read_parts(samples.reading, path, labels=ages, n_values=60))
    check_same(parts, samples)
    found = pd.concat([part.static for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(found, samples.static)


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[[*range(30), 31, 30, *range(32, len(frame))]]


def interleaved(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame.iloc[:20], frame.iloc[60:], frame.iloc[20:60]])


def later_text(frame: pd.DataFrame) -> pd.DataFrame:
    ids = frame["machine"].astype("str")
    return frame.assign(machine=ids.where(ids != "3", "x3"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (shuffled, ("`data`", "in the order of time", "Sort the table")),
        (interleaved, ("`data`", "together", "`machine`", "Sort the table")),
        (later_text, ("`machine`", "written in one way", "x3")),
        (lambda frame: frame.drop(columns="a"), ("`channels`", "'a'")),
        (lambda frame: frame.iloc[:0], ("at least one row",)),
        (lambda frame: frame.iloc[40:43], ("`window`", "3 rows")),
    ],
)
def test_what_cannot_be_read_in_parts_is_refused(
    change: Callable[[pd.DataFrame], pd.DataFrame],
    words: tuple[str, ...],
    tmp_path: Path,
) -> None:
    reading = reading_of(table(), series="machine", time="t", window=6)
    change(table()).to_csv(tmp_path / "data.csv", index=False)
    with refused(*words):
        list(mt.read_parts(reading, tmp_path / "data.csv", n_values=60))


def test_other_files_are_refused(tmp_path: Path) -> None:
    reading = reading_of(table(), series="machine", time="t", window=6)
    with refused("`data`", "pattern", "no*.csv"):
        list(mt.read_parts(reading, tmp_path / "no*.csv"))
    (tmp_path / "data.xlsx").write_bytes(b"")
    with refused("`data`", ".parquet", "data.xlsx"):
        list(mt.read_parts(reading, tmp_path / "data.xlsx"))
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    with refused("data.parquet", "readable"):
        list(mt.read_parts(reading, tmp_path / "data.parquet"))
    table().to_csv(tmp_path / "a.csv", index=False)
    table().drop(columns="b").to_csv(tmp_path / "b.csv", index=False)
    with refused("`data`", "same columns", "b.csv"):
        list(mt.read_parts(reading, f"{tmp_path}/*.csv"))
