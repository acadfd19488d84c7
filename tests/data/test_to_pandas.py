"""Tables of other libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from makers import small
from multitide.data._samples import Samples
from multitide.data._to_pandas import to_pandas
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from multitide.fitting._data_sets import to_samples
from refusals import refused

FRAME = pd.DataFrame({"x": np.arange(40) * 7 % 11 + 0.5, "lab": np.arange(40) // 5 % 2})
LARGE = 2**60 + 1  # no float holds it


class Frame:
    """A table of a library that Narwhals does not know."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def to_pandas(self) -> pd.DataFrame:
        return self.frame


class Dataset:
    """A table of a library with another name for that, as xarray has."""

    def to_dataframe(self) -> pd.DataFrame:
        return FRAME


LIBRARIES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "polars": pl.from_pandas,
    "polars lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "arrow": pa.Table.from_pandas,
    "arrow batch": pa.RecordBatch.from_pandas,
    "arrow stream": lambda frame: pa.Table.from_pandas(frame).to_reader(),
    "unknown": Frame,
}
each_library = pytest.mark.parametrize("make", LIBRARIES.values(), ids=LIBRARIES)


@each_library
def test_they_are_read_as_dataframes(make: Callable[[pd.DataFrame], Any]) -> None:
    expected = read_table(FRAME, tasks=["lab"], window=6)
    assert expected.reading is not None
    samples = read_table(make(FRAME), tasks=["lab"], window=6)
    assert np.array_equal(samples.values, expected.values)
    assert samples.y.equals(expected.y)
    again = read_like(expected.reading, make(FRAME))
    assert np.array_equal(again.values, expected.values)


@each_library
def test_tables_of_labels_may_be_too(make: Callable[[pd.DataFrame], Any]) -> None:
    data = FRAME[["x"]].assign(id=np.repeat(["01", "1"], 20))
    labels = pd.DataFrame({"id": ["1", "01"], "lab": ["a", None], "age": [3, 4]})
    samples = read_table(make(data), labels=make(labels), static=["age"])
    assert samples.y["lab"].isna().tolist() == [True, False]
    assert samples.static is not None
    assert samples.static["age"].tolist() == [4, 3]


@each_library
def test_labels_and_static_inputs_of_arrays_may_be_too(
    make: Callable[[pd.DataFrame], Any],
) -> None:
    X = np.random.default_rng(0).normal(size=(40, 1, 5))
    frame = FRAME.set_axis(["1", "lab"], axis=1)
    for samples in (
        Samples.from_arrays(X, make(frame), static=make(frame)),
        to_samples(X, make(frame), static=make(frame)),  # fit and predict
    ):
        assert samples.y.equals(frame)
        assert samples.static is not None
        assert samples.static.equals(frame)


@pytest.mark.parametrize("make", [pl.Series, pa.array, lambda v: pa.chunked_array([v])])
def test_columns_may_be_too(make: Callable[[list[Any]], Any]) -> None:
    times = [pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-03")]
    X = np.zeros((2, 1, 5))
    samples = Samples.from_arrays(X, series=make(["a", "b"]), time=make(times))
    assert samples.series.tolist() == ["a", "b"]
    assert samples.time is not None
    assert (samples.time == np.array(times, dtype="M8[ns]")).all()


def test_large_integers_stay_whole_beside_missing_ones() -> None:
    table = pl.DataFrame({"id": [LARGE, None], "n": [1, 2], "b": [True, None]})
    for data in (table, table.lazy(), table.to_arrow()):
        frame = to_pandas(data)
        assert isinstance(frame, pd.DataFrame)
        assert frame["id"][0] == LARGE
        assert frame["id"].isna().tolist() == [False, True]


def test_large_integers_stay_whole_in_parquet(tmp_path: Any) -> None:
    ids = [LARGE, LARGE, LARGE + 1, LARGE + 1, None]
    table = pl.DataFrame({"id": ids, "x": [0.5, 1.5, 3.0, 2.0, 1.0], "n": ids})
    table[:4].write_parquet(tmp_path / "a.parquet")
    samples = read_table(tmp_path / "a.parquet", series="id", extra=["n"])
    assert samples.series.tolist() == [LARGE, LARGE + 1]
    table.write_parquet(tmp_path / "a.parquet")
    samples = read_table(tmp_path / "a.parquet", extra=["id"], time=(), window=1)
    assert samples.extra is not None
    assert samples.extra["id"][2] == LARGE + 1


def test_an_error_of_its_library_is_passed_on() -> None:
    query = pl.from_pandas(FRAME).lazy().select("y")
    with refused("`data`", "LazyFrame of polars", "It says: ", "y", error=DataError):
        read_table(query)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (3, ["got int."]),
        ([1, 2], ["got list."]),
        (np.zeros((3, 2)), ["ndarray of numpy", "DataFrame of pandas"]),
        (pl.Series([1, 2]), ["Series of"]),
        (Dataset(), ["Dataset of ", ".to_dataframe()"]),
    ],
)
def test_other_objects_are_named(data: Any, parts: list[str]) -> None:
    known = read_table(FRAME, tasks=["lab"], window=6).reading
    assert known is not None
    with refused("`data`", "a path or a DataFrame", *parts, error=DataError):
        read_table(data, tasks=["lab"], window=6)
    with refused("`data`", "a path or a DataFrame", *parts, error=DataError):
        read_like(known, data)


@each_library
def test_a_table_in_place_of_series_is_named(
    make: Callable[[pd.DataFrame], Any],
) -> None:
    with refused("`X`", "a DataFrame of 40 rows", "read_table", error=DataError):
        small().fit(make(FRAME), np.zeros(40))
