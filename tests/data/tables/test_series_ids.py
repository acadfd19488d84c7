"""Ids stay as they are written, whatever holds them, and join tables without guessing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from refusals import refused


def tables(ids: list[Any], label_ids: list[Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    data = pd.DataFrame({"patient": np.repeat(np.array(ids, dtype=object), 3)})
    data["x"] = np.arange(len(data)) * 1.5 + 0.2
    labels = pd.DataFrame({"patient": label_ids, "sick": np.arange(len(label_ids))})
    return data, labels


def stored(frame: pd.DataFrame, path: Path, kind: str) -> Path | pd.DataFrame:
    if kind == "frame":
        return frame
    file = path.with_suffix(f".{kind}")
    if kind == "csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file, index=False)
    return file


def read(tmp_path: Path, ids: list[Any], label_ids: list[Any], kinds: str) -> Samples:
    data, labels = tables(ids, label_ids)
    left, right = kinds.split("+")
    return read_table(
        stored(data, tmp_path / "d", left),
        labels=stored(labels, tmp_path / "l", right),
        series="patient",
        time=(),
    )


@pytest.mark.parametrize("left", ["csv", "parquet", "frame"])
@pytest.mark.parametrize("right", ["csv", "parquet", "frame"])
@pytest.mark.parametrize(
    "ids", [["00000", "00001", "10"], ["a", "NAN 1", "b"], ["1.10", "1.1", "1e5"]]
)
def test_ids_of_text_stay_and_join(
    tmp_path: Path, left: str, right: str, ids: list[str]
) -> None:
    samples = read(tmp_path, ids, ids[::-1], f"{left}+{right}")
    assert samples.series.tolist() == ids
    assert samples.y["sick"].tolist() == [2, 1, 0]


@pytest.mark.parametrize("kinds", ["csv+csv", "parquet+csv", "csv+frame"])
def test_ids_that_are_numbers_stay_numbers(tmp_path: Path, kinds: str) -> None:
    samples = read(tmp_path, [3, 20, 100], [100, 3, 20], kinds)
    assert samples.series.tolist() == [3, 20, 100]
    assert samples.y["sick"].tolist() == [1, 2, 0]


@pytest.mark.parametrize("kinds", ["csv+csv", "parquet+csv", "csv+parquet"])
def test_text_and_numbers_join_if_that_is_unambiguous(
    tmp_path: Path, kinds: str
) -> None:
    samples = read(tmp_path, ["00000", "00001", "00010"], [10, 0, 1], kinds)
    assert samples.series.tolist() == ["00000", "00001", "00010"]
    assert samples.y["sick"].tolist() == [1, 2, 0]


def test_ids_that_are_one_number_are_refused(tmp_path: Path) -> None:
    with refused("`patient`", "'007', '7'", "as text", error=DataError):
        read(tmp_path, ["007", "7", "8"], [7, 8, 9], "frame+frame")
    samples = read(tmp_path, ["007", "7", "8"], ["7", "8", "007"], "csv+csv")
    assert samples.y["sick"].tolist() == [2, 0, 1]


def test_the_joining_column_is_found_with_its_text(tmp_path: Path) -> None:
    data, labels = tables(["00", "01", "02"], ["00", "01", "02"])
    samples = read_table(
        stored(data, tmp_path / "d", "csv"),
        labels=stored(labels, tmp_path / "l", "csv"),
    )
    assert samples.series.tolist() == ["00", "01", "02"]


def test_blanks_around_ids_and_names_are_not_part_of_them(tmp_path: Path) -> None:
    data, labels = tables([" a", "b ", "c"], ["a ", "b", " c "])
    samples = read_table(data, labels=labels, series="patient ", tasks=["sick "])
    assert samples.series.tolist() == ["a", "b", "c"]
    assert samples.y["sick"].tolist() == [0, 1, 2]
    with refused("`patient`", "none in row", error=DataError):
        read_table(data.replace("c", " "), labels=labels, series="patient")


@pytest.mark.parametrize("dtype", ["category", "string", "str", "Int64", "float64"])
def test_ids_of_any_dtype(dtype: str) -> None:
    ids: list[Any] = ["1", "2", "3"]
    if dtype in ("Int64", "float64"):
        ids = [1, 2, 3]
    data, labels = tables(ids, ids)
    data["patient"] = data["patient"].astype(dtype)
    samples = read_table(data, labels=labels, series="patient", time=())
    assert samples.series.tolist() == ids
    assert samples.y["sick"].tolist() == [0, 1, 2]


def test_codes_with_leading_zeros_stay_classes(tmp_path: Path) -> None:
    data, labels = tables(["a", "b", "c"], ["a", "b", "c"])
    labels["code"] = ["007", "010", None]
    labels["load"] = ["0.50", "1.5", "2.0"]
    samples = read_table(
        stored(data, tmp_path / "d", "csv"),
        labels=stored(labels, tmp_path / "l", "csv"),
    )
    assert samples.y["code"].tolist()[:2] == ["007", "010"]
    assert samples.y["code"].isna().tolist() == [False, False, True]
    assert samples.y["load"].tolist() == [0.5, 1.5, 2.0]


def recording(index: pd.Index) -> pd.DataFrame:
    return pd.DataFrame({"x": np.arange(len(index)) * 1.5}, index=index)


HOURS = pd.date_range("2024", periods=4, freq="h")


@pytest.mark.parametrize(
    ("index", "names"),
    [
        (pd.MultiIndex.from_product([["a", "b"], HOURS]), "[None, None]"),
        (pd.MultiIndex.from_product([["a"], HOURS], names=["m", None]), "'m', None"),
        (pd.Index(["a", "a", "b", "b"]), "[None]"),
        (pd.Index([0.5, 1.0, 1.5]), "[None]"),
        (pd.CategoricalIndex(["a", "b"]), "[None]"),
    ],
)
def test_an_index_without_names_is_refused(
    tmp_path: Path, index: pd.Index, names: str
) -> None:
    frame = recording(index)
    with refused("`data`", "index", names, "rename_axis", error=DataError):
        read_table(frame, window=2)
    if not isinstance(index, pd.CategoricalIndex):
        frame.to_parquet(tmp_path / "a.parquet")
        with refused("`data`", "index", names, "rename_axis", error=DataError):
            read_table(tmp_path / "a.parquet", window=2)


def test_row_numbers_are_dropped_and_times_are_kept() -> None:
    samples = read_table(recording(pd.Index([4, 2, 9])), window=2)
    assert samples.channels == ("x",)
    samples = read_table(recording(HOURS), window=2)
    assert samples.time is not None and samples.time[-1] == HOURS[-1].to_datetime64()
    named = recording(pd.MultiIndex.from_product([["a", "b"], HOURS], names=["m", "t"]))
    samples = read_table(named, series="m", window=2)
    assert samples.series.tolist() == ["a"] * 3 + ["b"] * 3


def test_an_index_that_repeats_a_column_is_refused() -> None:
    frame = recording(HOURS.rename("x"))
    with refused("`data`", "different column names", "['x']", error=DataError):
        read_table(frame, window=2)
