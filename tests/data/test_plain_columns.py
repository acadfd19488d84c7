"""The same values mean the same in every container, through every door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multitide.data._plain_columns import plain_column
from multitide.data._samples import Samples
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from multitide.tasks import infer_kind
from multitide.tasks._label_column import as_numbers
from refusals import refused

Values = Sequence[float | None]
Maker = Callable[[Values], Any]


def objects(kind: Callable[[Any], Any]) -> Maker:
    def make(values: Values) -> np.ndarray:
        made = np.empty(len(values), dtype=object)
        made[:] = [None if value is None else kind(value) for value in values]
        return made

    return make


def extension(dtype: Any) -> Maker:
    return lambda values: pd.array(list(values), dtype=dtype)


NUMBERS: dict[str, Maker] = {
    "float64": lambda values: np.array(values, dtype=np.float64),
    "Float64": extension("Float64"),
    "arrow": extension("double[pyarrow]"),
    "arrow decimal": lambda values: pd.array(
        objects(lambda v: Decimal(str(v)))(values),
        dtype=pd.ArrowDtype(pa.decimal128(12, 4)),
    ),
    "sparse": lambda values: pd.arrays.SparseArray(np.array(values, dtype=np.float64)),
    "objects": objects(float),
    "Decimal": objects(lambda v: Decimal(str(v))),
    "Fraction": objects(Fraction),
    "mixed": lambda values: np.array(
        [v if i % 2 or v is None else Decimal(str(v)) for i, v in enumerate(values)],
        dtype=object,
    ),
}
WHOLE: dict[str, Maker] = {
    "Int64": extension("Int64"),
    "Int8": extension("Int8"),
    "arrow int": extension("int16[pyarrow]"),
    "integers": objects(int),
}
CLASSES: dict[str, Maker] = WHOLE | {
    "category": lambda values: pd.Categorical(list(values)),
    "ordered": lambda values: pd.Categorical(
        list(values), categories=[9, 3, 1, 2, 0], ordered=True
    ),
}
TEXTS: dict[str, Maker] = {
    "object": objects(str),
    "str": extension("str"),
    "string": extension("string"),
    "arrow": extension(pd.ArrowDtype(pa.string())),
    "category": lambda values: pd.Categorical(list(values)),
    "arrow category": extension(pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
}


def read(column: Any, role: str, door: str, tmp_path: Path) -> Samples:
    frame = pd.DataFrame({"id": np.arange(4) // 2, "x": [0.5, 1.5, 2.5, 4.5]})
    frame["v"] = pd.Series(column)
    data: pd.DataFrame | Path = frame
    if door == "parquet":
        data = tmp_path / "a.parquet"
        frame.to_parquet(data)
    if role == "channel":
        return read_table(data, channels=["v", "x"], time=(), window=1)
    return read_table(
        data, channels=["x"], tasks=["v"], time=(), layout="vectors", series="id"
    )


@pytest.mark.parametrize("door", ["frame", "parquet"])
@pytest.mark.parametrize("kind", [*NUMBERS, *WHOLE])
def test_numbers_are_one_channel(kind: str, door: str, tmp_path: Path) -> None:
    values = [1.0, 3.0, None, 2.0]
    column = (NUMBERS | WHOLE)[kind](values)
    if door == "parquet" and kind in ("sparse", "Fraction", "mixed"):
        pytest.skip("Parquet cannot hold it")
    samples = read(column, "channel", door, tmp_path)
    np.testing.assert_array_equal(samples.values[:, 0], np.array([1, 3, np.nan, 2]))


@pytest.mark.parametrize("kind", [*NUMBERS, *CLASSES])
def test_numbers_are_one_label(kind: str, tmp_path: Path) -> None:
    column = (NUMBERS | CLASSES)[kind]([1, 3, None, 2])
    samples = read(column, "task", "frame", tmp_path)
    assert samples.y["v"].dtype == "Int64"
    assert samples.y["v"].tolist() == [1, 3, pd.NA, 2]


@pytest.mark.parametrize("kind", TEXTS)
def test_texts_are_one_label_and_one_channel(kind: str, tmp_path: Path) -> None:
    column = TEXTS[kind](["low", "high", None, "low"])  # type: ignore[list-item]
    if kind == "object":
        column[2] = None
    samples = read(column, "task", "frame", tmp_path)
    found = [None if pd.isna(value) else value for value in samples.y["v"]]
    assert found == ["low", "high", None, "low"]
    samples = read(column, "channel", "frame", tmp_path)
    assert samples.categories["v"] == ("high", "low")
    np.testing.assert_array_equal(samples.values[:, 0], np.array([1, 0, np.nan, 1]))


@pytest.mark.parametrize(
    "column",
    [
        np.array([True, False, True, True]),
        pd.array([True, False, True, True], dtype="boolean"),
        pd.array([True, False, True, True], dtype="bool[pyarrow]"),
        np.array([True, False, True, True], dtype=object),
        pd.arrays.SparseArray([True, False, True, True]),
    ],
    ids=["bool", "boolean", "arrow", "object", "sparse"],
)
def test_booleans_are_one_label_and_one_channel(column: Any, tmp_path: Path) -> None:
    assert read(column, "channel", "frame", tmp_path).values[:, 0].tolist() == [
        1,
        0,
        1,
        1,
    ]
    samples = read(column, "task", "frame", tmp_path)
    assert samples.y["v"].tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    "column",
    [np.array([1j, 2, 3, 4]), np.array([1j, 2, None, 3], dtype=object)],
    ids=["complex", "objects"],
)
@pytest.mark.parametrize("role", ["channel", "task"])
def test_complex_numbers_are_refused(column: Any, role: str, tmp_path: Path) -> None:
    with refused("`v`", "real numbers", "complex", "imaginary", error=DataError):
        read(column, role, "frame", tmp_path)
    with refused("`v`", "real numbers", "complex", error=DataError):
        Samples.from_arrays(np.zeros((4, 1, 3)), pd.DataFrame({"v": column}))
    with refused("`X`", "numbers", error=DataError):
        Samples.from_arrays(np.reshape(column, (1, 1, 4)))


@pytest.mark.parametrize("kind", [*NUMBERS, *CLASSES])
def test_labels_next_to_arrays_are_the_same(kind: str) -> None:
    column = (NUMBERS | CLASSES)[kind]([1, 3, None, 2])
    y = pd.DataFrame({"v": pd.Series(column)})
    samples = Samples.from_arrays(np.zeros((4, 1, 3)), y)
    assert [None if pd.isna(v) else v for v in samples.y["v"]] == [1, 3, None, 2]


ARRAYS: dict[str, Callable[[np.ndarray], Any]] = {
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16),
    "longdouble": lambda X: X.astype(np.longdouble),
    "list": lambda X: X.tolist(),
    "list of arrays": list,
    "list of frames": lambda X: [pd.DataFrame(x).convert_dtypes() for x in X],
    "None": lambda X: np.where(np.isnan(X), None, X),
    "masked": lambda X: np.ma.masked_invalid(X),
    "fortran": np.asfortranarray,
    "big endian": lambda X: X.astype(">f8"),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_mean_the_same(kind: str) -> None:
    X = np.arange(24, dtype=np.float64).reshape(2, 3, 4)
    X[0, 1, 2] = X[1, 2, 3] = np.nan
    samples = Samples.from_arrays(ARRAYS[kind](X))
    expected = Samples.from_arrays(X)
    np.testing.assert_array_equal(samples.values, expected.values)
    assert samples.values.dtype == expected.values.dtype == np.float32


@given(
    st.lists(st.none() | st.integers(-1000, 1000), min_size=1, max_size=6),
    st.sampled_from([*NUMBERS, "Int64", "integers"]),
)
def test_values_are_kept(values: list[int | None], kind: str) -> None:
    plain = plain_column(pd.Series((NUMBERS | WHOLE)[kind](values)))
    found = plain.to_numpy(np.float64, na_value=np.nan)
    np.testing.assert_array_equal(found, np.array(values, dtype=np.float64))


NUMERALS: dict[str, list[str]] = {
    "decimals": [f"{i / 4}" for i in range(40)],
    "blanks": [f" {i / 4} " for i in range(40)],
    "powers": [f"{i}e-3" for i in range(40)],
    "whole": [f"{i}" for i in range(40)],
    "few": [f"{i % 3}" for i in range(40)],
    "few with blanks": [f"{i % 3}" + " " * (i % 2) for i in range(40)],
    "codes": [f"{i % 20:03d}" for i in range(40)],
    "classes": [f" {'ab'[i % 2]}" for i in range(40)],
}


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category"])
@pytest.mark.parametrize("kind", NUMERALS)
def test_text_means_the_same_beside_arrays_as_in_a_table(kind: str, dtype: str) -> None:
    column = pd.Series(NUMERALS[kind]).astype(dtype)  # type: ignore[call-overload]
    if dtype == "category":
        column = pd.Series(pd.Categorical(column.str.strip()))
    frame = pd.DataFrame({"v": column})
    data = frame.assign(x=np.arange(40.0), id=np.arange(40))
    table = read_table(
        data, tasks=["v"], channels=["x"], series="id", layout="vectors"
    ).y["v"]
    arrays = Samples.from_arrays(np.zeros((40, 1, 3)), frame).y["v"]
    assert infer_kind(arrays) == infer_kind(table)
    if infer_kind(table) == "regression":
        np.testing.assert_array_equal(as_numbers(arrays)[0], as_numbers(table)[0])
    else:
        assert arrays.tolist() == table.tolist()


@pytest.mark.parametrize("kind", NUMERALS)
def test_static_text_means_the_same_beside_arrays_as_in_a_table(kind: str) -> None:
    frame = pd.DataFrame({"v": NUMERALS[kind]})
    data = frame.assign(x=np.arange(40.0), id=np.arange(40))
    table = read_table(
        data, static=["v"], channels=["x"], series="id", layout="vectors"
    ).static
    arrays = Samples.from_arrays(np.zeros((40, 1, 3)), static=frame).static
    assert table is not None and arrays is not None
    assert arrays["v"].tolist() == table["v"].tolist()


@pytest.mark.parametrize("door", ["frame", "csv", "parquet"])
def test_codes_with_leading_zeros_stay_labels(door: str, tmp_path: Path) -> None:
    data: pd.DataFrame | Path = pd.DataFrame(
        {"x": np.arange(40) * 1.5, "v": NUMERALS["codes"]}
    )
    if door == "csv":
        data.to_csv(tmp_path / "a.csv", index=False)  # type: ignore[union-attr]
        data = tmp_path / "a.csv"
    elif door == "parquet":
        data.to_parquet(tmp_path / "a.parquet")  # type: ignore[union-attr]
        data = tmp_path / "a.parquet"
    samples = read_table(data, tasks=["v"], window=5)
    assert samples.y["v"][0] == "004"


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, {1}, np.arange(3)])
def test_lists_are_text_through_every_door(value: Any) -> None:
    column = pd.Series([value] * 3 + [None] * 3, dtype="object")
    labels = pd.DataFrame({"id": range(6), "v": column})
    data = pd.DataFrame({"id": np.repeat(range(6), 3), "x": np.arange(18.0)})
    found = [
        read_table(data, labels=labels).y["v"],
        read_table(data.assign(v=column.repeat(3).array), tasks=["v"], series="id").y[
            "v"
        ],
        Samples.from_arrays(np.zeros((6, 1, 3)), labels[["v"]]).y["v"],
    ]
    for each in found:
        assert each[:3].tolist() == [str(value)] * 3
        assert each.isna().tolist() == [False] * 3 + [True] * 3


def test_long_doubles_are_numbers() -> None:
    y = pd.DataFrame({"v": np.arange(30, dtype=np.longdouble) / 3})
    samples = Samples.from_arrays(np.zeros((30, 1, 3)), y)
    assert infer_kind(samples.y["v"]) == "regression"
