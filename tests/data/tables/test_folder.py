"""Folders of files, and partitioned data sets, as one table."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from refusals import refused

N = 30


def rows(seed: int = 0, n: int = N, **columns: object) -> pd.DataFrame:
    x = np.random.default_rng(seed).normal(size=n)
    return pd.DataFrame({"x": x, "lab": np.arange(n) // 5 % 2, **columns})


def write_csv(path: Path, frame: pd.DataFrame | None = None, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (rows() if frame is None else frame).to_csv(path, index=False, **options)


def write_parquet(path: Path, frame: pd.DataFrame | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    (rows() if frame is None else frame).to_parquet(path)


def read(data: Any, **options: Any) -> Samples:
    return read_table(data, **{"tasks": ["lab"], "window": 6, **options})


def assumed(samples: Samples) -> str:
    assert samples.reading is not None
    return "\n".join(samples.reading["assumed"])


@pytest.mark.parametrize(
    ("suffix", "write", "options"),
    [
        (".csv", write_csv, {}),
        (".csv.gz", write_csv, {}),
        (".txt", write_csv, {"sep": "\t"}),
        (".csv", write_csv, {"sep": ";", "decimal": ","}),
        (".parquet", write_parquet, {}),
    ],
)
def test_each_file_is_a_series(
    tmp_path: Path, suffix: str, write: Callable[..., None], options: dict[str, Any]
) -> None:
    for i in range(3):
        write(tmp_path / "runs" / f"run{i}{suffix}", rows(seed=i), **options)
    samples = read(tmp_path / "runs")
    assert list(pd.unique(samples.series)) == ["run0", "run1", "run2"]
    assert samples.channels == ("x",)
    joined = pd.concat([rows(seed=i, file=f"run{i}") for i in range(3)])
    alone = read(joined.reset_index(drop=True), series="file")
    np.testing.assert_allclose(samples.values, alone.values, rtol=1e-6)
    assert "3 files" in assumed(samples)
    assert "`file`" in assumed(samples)


def test_columns_may_be_in_another_order(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    write_csv(tmp_path / "b.csv", rows()[["lab", "x"]])
    samples = read(tmp_path)
    half = len(samples.values) // 2
    assert np.array_equal(samples.values[:half], samples.values[half:])


def test_a_series_column_wins(tmp_path: Path) -> None:
    for i in range(2):
        both = [rows(seed=j, unit=2 * i + j, cycle=np.arange(1, N + 1)) for j in (0, 1)]
        write_csv(tmp_path / f"part{i}.csv", pd.concat(both))
    samples = read(tmp_path)
    assert list(pd.unique(samples.series)) == [0, 1, 2, 3]
    assert samples.channels == ("x",)
    named = read(tmp_path, series="unit", time="cycle")
    assert np.array_equal(named.values, samples.values)


def test_files_that_ignore_their_names_are_one_series(tmp_path: Path) -> None:
    for i in range(2):
        days = pd.date_range("2024-01-01", periods=2 * N, freq="h")[i * N :][:N]
        write_csv(tmp_path / f"2024-0{i}.csv", rows(when=days))
    assert len(read(tmp_path)) == 2 * (N - 5)
    assert len(read(tmp_path, ignore=["file"])) == 2 * N - 5


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_folders_with_keys_are_the_series(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    suffix = {write_csv: ".csv", write_parquet: ".parquet"}[write]
    for engine in (3, 4, 10):
        for part in (0, 1):
            path = tmp_path / f"engine={engine}" / f"part-{part}{suffix}"
            write(path, rows(seed=engine))
    samples = read(tmp_path)
    assert sorted(pd.unique(samples.series)) == [3, 4, 10]
    assert samples.channels == ("x",)
    assert len(samples) == 3 * (2 * N - 5)  # windows cross from part to part
    assert np.array_equal(samples.series, read(tmp_path, series="engine").series)


def test_keys_stay_as_written(tmp_path: Path) -> None:
    for key in ("007", "7", "a%20b"):
        write_parquet(tmp_path / f"unit={key}" / "a.parquet")
    assert sorted(pd.unique(read(tmp_path).series)) == ["007", "7", "a b"]


def test_several_keys_name_a_series_together(tmp_path: Path) -> None:
    for site in (0, 1):
        for engine in (0, 1):
            write_parquet(tmp_path / f"site={site}/engine={engine}/a.parquet")
    samples = read(tmp_path)
    assert len(pd.unique(samples.series)) == 4
    assert samples.channels == ("x",)


@pytest.mark.parametrize("keys", [["date"], ["year", "month", "day"], ["dt"]])
def test_dates_as_folders_are_one_series(tmp_path: Path, keys: list[str]) -> None:
    hours = pd.date_range("2024-01-30 12:00", periods=N, freq="h")
    table = rows(t=hours, year=hours.year, month=hours.month, day=hours.day)
    table = table.assign(date=hours.date.astype(str), dt=hours.date.astype(str))
    table[["x", "lab", "t", *keys]].to_parquet(tmp_path, partition_cols=keys)
    samples = read(tmp_path)
    assert (len(samples), samples.channels) == (N - 5, ("x",))
    assert "names of folders" in assumed(samples)


def test_what_is_no_table_is_passed_over_and_named(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv")
    write_csv(tmp_path / "b.csv")
    write_csv(tmp_path / "old" / "c.csv")
    for name in ("README.txt", "info.txt", ".hidden.csv", "_SUCCESS", "plot.png"):
        (tmp_path / name).write_text("hello\nthere")
    samples = read(tmp_path)
    assert len(pd.unique(samples.series)) == 2
    assert "`README.txt`, `info.txt`, `plot.png`, `old/`" in assumed(samples)


def test_files_without_rows_and_codes_next_to_numbers(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", rows(code="007"))
    write_csv(tmp_path / "b.csv", rows(code="b1"))
    write_csv(tmp_path / "c.csv", rows(code="x").head(0))
    samples = read(tmp_path, series="code")
    assert list(pd.unique(samples.series)) == ["007", "b1"]
    assert "Without rows: `c.csv`" in assumed(samples)


def test_labels_lie_next_to_the_data(tmp_path: Path) -> None:
    for i in range(3):
        write_csv(tmp_path / f"run{i}.csv", rows(seed=i)[["x"]])
    labels = pd.DataFrame({"file": ["run0", "run1", "run2"], "state": [0, 1, 0]})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    samples = read_table(tmp_path, labels=tmp_path / "labels.csv")
    assert samples.y["state"].tolist() == [0, 1, 0]


def test_new_data_may_be_a_folder_or_one_file(tmp_path: Path) -> None:
    for i in range(3):
        write_csv(tmp_path / "old" / f"run{i}.csv", rows(seed=i))
    write_csv(tmp_path / "new" / "run7.csv", rows(seed=7))
    known = read(tmp_path / "old").reading
    assert known is not None
    for path in (tmp_path / "new", tmp_path / "new" / "run7.csv"):
        assert set(read_like(known, path).series) == {"run7"}


def same_names(folder: Path) -> None:
    write_csv(folder / "a.csv")
    write_csv(folder / "a.csv.gz")


def test_equal_names_stay_apart(tmp_path: Path) -> None:
    same_names(tmp_path)
    assert list(pd.unique(read(tmp_path).series)) == ["a.csv", "a.csv.gz"]


def two_kinds(folder: Path) -> None:
    write_csv(folder / "a.csv")
    write_parquet(folder / "b.parquet")


def other_columns(folder: Path) -> None:
    for name in "abcd":
        write_csv(folder / f"{name}.csv")
    write_csv(folder / "aa.csv", rows().rename(columns={"x": "y"}))


def a_damaged_file(folder: Path) -> None:
    write_csv(folder / "a.csv")
    (folder / "b.csv.gz").write_bytes(gzip.compress(b"x,lab\n1,2\n" * 99)[:-9])


def unequal_depth(folder: Path) -> None:
    write_csv(folder / "engine=1" / "a.csv")
    write_csv(folder / "b.csv")


def a_loop(folder: Path) -> None:
    (folder / "a=1").mkdir()
    write_csv(folder / "a=1" / "a.csv")
    (folder / "a=1" / "a=2").symlink_to(folder)


def only_folders(folder: Path) -> None:
    write_csv(folder / "train" / "a.csv")


def unfinished(folder: Path) -> None:
    (folder / "run.partial").mkdir()


def model(folder: Path) -> None:
    (folder / "model.json").write_text(json.dumps({"format": "multitide"}))
    write_parquet(folder / "metrics.parquet")


def run(folder: Path) -> None:
    model(folder)
    (folder / "config.toml").write_text("")


def study(folder: Path) -> None:
    (folder / "study.json").write_text(json.dumps({"format": "multitide study"}))
    write_parquet(folder / "labels.parquet")


def runs(folder: Path) -> None:
    (folder / "first").mkdir()
    run(folder / "first")


def someone_elses_model(folder: Path) -> None:
    (folder / "model.json").write_text("[]")


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda folder: None, ["no .csv", "is empty"]),
        (two_kinds, ["one kind", "'a.csv'", "'b.parquet'", "move them apart"]),
        (other_columns, ["'aa.csv' lacks `x` and has `y`", "Move files"]),
        (a_damaged_file, ["'b.csv.gz'", "readable csv file"]),
        (unequal_depth, ["same keys", "['engine']", "b.csv"]),
        (a_loop, ["different keys", "'a' again"]),
        (only_folders, ["'train/'", "Name one of them"]),
        (model, ["is a saved model", "multitide predict"]),
        (run, ["is a run folder", "multitide predict", "config.toml"]),
        (study, ["holds a study", "multitide.Comparison.load"]),
        (runs, ["first", "is a run folder"]),
        (someone_elses_model, ["'model.json'", "Name a file"]),
    ],
)
def test_other_folders_are_refused(
    tmp_path: Path, make: Callable[[Path], None], parts: list[str]
) -> None:
    make(tmp_path)
    with refused(*parts, error=DataError):
        read(tmp_path)


def test_a_partial_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "run.partial"
    write_csv(folder / "a.csv")
    with refused("`data`", "unfinished run", "multitide fit", error=DataError):
        read(folder)
