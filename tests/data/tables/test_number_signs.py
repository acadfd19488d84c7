"""Numbers with separated thousands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multitide.data.tables._number_signs import NumberSigns, find_signs, ungrouped
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError, ParameterError
from refusals import refused

EXPECTED = [20123.45, 999.5, 1000.0, 7.0] * 6
WRITTEN = {
    "german": ["20.123,45", "999,5", "1.000", "7"],
    "english": ["20,123.45", "999.5", "1,000", "7"],
    "french": ["20 123,45", "999,5", "1 000", "7"],
    "narrow": ["20\u202f123,45", "999,5", "1\u00a0000", "7"],
    "swiss": ["20'123.45", "999.5", "1'000", "7"],
}


def table(values: list[str]) -> pd.DataFrame:
    n = len(values)
    return pd.DataFrame({"price": values, "lab": np.arange(n) // 3 % 2})


def read(data: Any, **options: Any) -> np.ndarray:
    samples = read_table(data, tasks=["lab"], window=2, **options)
    return np.asarray(samples.values[:, 0], dtype=np.float64)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("way", WRITTEN)
def test_they_are_read_from_text_files(
    tmp_path: Path, way: str, separator: str
) -> None:
    path = tmp_path / "a.csv"
    table(WRITTEN[way] * 6).to_csv(path, index=False, sep=separator)
    np.testing.assert_allclose(read(path), EXPECTED, rtol=1e-6)


@pytest.mark.parametrize("way", WRITTEN)
def test_they_are_read_from_frames_and_parquet(tmp_path: Path, way: str) -> None:
    frame = table(WRITTEN[way] * 6)
    frame.to_parquet(tmp_path / "a.parquet")
    for data in (frame, tmp_path / "a.parquet"):
        np.testing.assert_allclose(read(data), EXPECTED, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "options", "first"),
    [
        (["1.234", "2.345", "7.1"], {}, 1.234),
        (["1,234", "2,345", "7,125"], {}, 1.234),
        (["1,234", "2,345", "7"], {"thousands": ","}, 1234),
        (["1.234", "2.345", "7"], {"decimal": ","}, 1234),
        (["1.234", "2.345", "7"], {"thousands": "."}, 1234),
        (["1.234.567", "2.345", "7"], {}, 1234567),
        (["-1.234,5", "+2,5", "7"], {}, -1234.5),
    ],
)
def test_one_reading_is_sure_two_are_not(
    tmp_path: Path, values: list[str], options: dict[str, str], first: float
) -> None:
    table(values * 6).to_csv(tmp_path / "a.csv", index=False, sep=";")
    assert read(tmp_path / "a.csv", **options)[0] == pytest.approx(first)


def test_a_late_row_decides_for_all(tmp_path: Path) -> None:
    values = ["1.000", "2.500"] * 200 + ["1.234,5"]
    table(values).to_csv(tmp_path / "a.csv", index=False, sep=";")
    assert read(tmp_path / "a.csv")[:2].tolist() == [1000, 2500]


def test_new_data_is_read_as_the_training_data(tmp_path: Path) -> None:
    table(WRITTEN["german"] * 6).to_csv(tmp_path / "a.csv", index=False, sep=";")
    samples = read_table(tmp_path / "a.csv", tasks=["lab"], window=2)
    assert samples.reading is not None
    assert "20.123,45 is read as 20123.45" in "\n".join(samples.reading["assumed"])
    table(["1.500"] * 6).to_csv(tmp_path / "b.csv", index=False, sep=";")
    assert read_like(samples.reading, tmp_path / "b.csv").values[0, 0] == 1500


def test_ids_are_no_numbers() -> None:
    frame = pd.concat([table(["1.5", "2.5"] * 6)] * 2, ignore_index=True)
    frame["part"] = np.repeat(["1.234.567", "1.234.568"], 12)
    samples = read_table(frame, tasks=["lab"], window=2, series="part")
    assert list(pd.unique(samples.series)) == ["1.234.567", "1.234.568"]


def test_signs_that_no_number_has_are_refused() -> None:
    with refused("`thousands`", "'_'", "one of", error=ParameterError):
        read(table(["1", "2"]), thousands="_")
    with refused("`thousands`", "`decimal`", "','", error=ParameterError):
        read(table(["1", "2"]), thousands=",", decimal=",")


def test_two_ways_in_one_column_are_refused() -> None:
    with refused("`price`", "1.234,5", "1,234.5", error=DataError):
        read(table(["1.234,5", "1,234.5", "3"] * 6), channels=["price"])
    with refused("`price`", "1.234.567", error=DataError):
        read(table(["1.234.567", "3", "4"] * 6), channels=["price"], thousands="")


def written(number: int, signs: NumberSigns) -> str:
    whole, cents = divmod(abs(number), 100)
    text = f"{whole:,}".replace(",", signs.thousands) + f"{signs.decimal}{cents:02}"
    return "-" + text if number < 0 else text


WAYS = [NumberSigns(*signs) for signs in (",.", ".,", ", ", ".'")]


@settings(deadline=None, max_examples=50)
@given(
    st.sampled_from(WAYS),
    st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20),
)
def test_all_numbers_come_back(signs: NumberSigns, numbers: list[int]) -> None:
    column = pd.Series([written(number, signs) for number in [*numbers, 123456]])
    found = find_signs([column], None, None)
    assert found == signs
    read_back = ungrouped(column, signs)
    assert read_back is not None
    assert np.round(100 * read_back).tolist() == [*map(float, numbers), 123456.0]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_plain_numbers_are_not_taken_for_grouped_ones(numbers: list[float]) -> None:
    column = pd.Series([str(number) for number in numbers], dtype="str")
    assert find_signs([column], None, None) is None
