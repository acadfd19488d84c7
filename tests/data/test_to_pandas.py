"""Tables of other libraries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from multitide.data._samples import Samples
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from refusals import refused

FRAME = pd.DataFrame({"x": np.arange(40) * 7 % 11 + 0.5, "lab": np.arange(40) // 5 % 2})


class Frame:
    """A table of a library that converts, as those of Polars and cuDF do."""

    def to_pandas(self) -> pd.DataFrame:
        return FRAME


class Dataset:
    """A table of a library with another name for that, as xarray has."""

    def to_dataframe(self) -> pd.DataFrame:
        return FRAME


def test_they_are_read_as_dataframes() -> None:
    expected = read_table(FRAME, tasks=["lab"], window=6)
    assert expected.reading is not None
    for data in (pa.Table.from_pandas(FRAME), Frame()):
        samples = read_table(data, tasks=["lab"], window=6)  # type: ignore[arg-type]
        assert np.array_equal(samples.values, expected.values)
        assert samples.y.equals(expected.y)
        again = read_like(expected.reading, data)  # type: ignore[arg-type]
        assert np.array_equal(again.values, expected.values)


def test_labels_of_arrays_may_be_such_tables() -> None:
    X = np.random.default_rng(0).normal(size=(40, 1, 5))
    y = pa.Table.from_pandas(FRAME[["lab"]])
    samples = Samples.from_arrays(X, y)  # type: ignore[arg-type]
    assert samples.y["lab"].tolist() == FRAME["lab"].tolist()


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (3, ["got int."]),
        ([1, 2], ["got list."]),
        (np.zeros((3, 2)), ["ndarray of numpy", "DataFrame of pandas"]),
        (Dataset(), ["Dataset of ", ".to_dataframe()"]),
    ],
)
def test_other_objects_are_named(data: object, parts: list[str]) -> None:
    known = read_table(FRAME, tasks=["lab"], window=6).reading
    assert known is not None
    with refused("`data`", "a path or a DataFrame", *parts, error=DataError):
        read_table(data, tasks=["lab"], window=6)  # type: ignore[arg-type]
    with refused("`data`", "a path or a DataFrame", *parts, error=DataError):
        read_like(known, data)  # type: ignore[arg-type]
