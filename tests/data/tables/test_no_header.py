"""A file without column names is refused; names that are numbers are names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multitide.data.tables._files import open_table
from multitide.data.tables._no_header import check_header
from multitide.errors import DataError
from refusals import refused

N = 12
DATES = pd.date_range("2024-01-01", periods=N, freq="h").astype("str")
COLUMNS: dict[str, dict[str, object]] = {
    "numbers": {"a": np.arange(N) * 1.5, "b": np.arange(N) % 3},
    "times": {"t": DATES, "x": np.arange(N) * 7 % 5},
    "classes": {"x": np.arange(N) * 1.5, "c": ["on", "off", "on"] * 4},
    "whole with zeros": {"a": [0] * N, "b": [0] * N, "c": np.arange(N)},
    "missing": {"a": [0.5, None] * 6, "b": ["1", "NA", "2"] * 4},
}


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("kind", COLUMNS)
def test_values_in_place_of_names_are_refused(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    frame = pd.DataFrame(COLUMNS[kind])
    if suffix == ".csv":
        frame.to_csv(path, index=False, header=False)
    else:
        frame.to_excel(path, index=False, header=False)
    with refused(f"'a{suffix}'", "names of the columns", "Add one", error=DataError):
        open_table(path)


@pytest.mark.parametrize(
    "names",
    [
        ["0", "1", "2", "3"],
        ["2019", "2020", "2021", "2022"],
        ["id", "2024-01-01", "2024-01-02", "2024-01-03"],
        ["time", "0.1", "0.5", "0.9"],
        ["x", "1", "2", "4"],
    ],
)
def test_numbers_and_dates_may_be_names(names: list[str], tmp_path: Path) -> None:
    frame = pd.DataFrame(np.arange(40.0).reshape(10, 4), columns=names)
    frame.to_csv(tmp_path / "a.csv", index=False)
    table = open_table(tmp_path / "a.csv")
    assert list(table.frame) == names
    assert table.notes == []


@pytest.mark.parametrize("names", [["5", "12", "7"], ["low", "0.1", "0.5"]])
def test_names_that_may_be_values_are_pointed_out(
    names: list[str], tmp_path: Path
) -> None:
    rows = [["a", "1", "2"] if names[0] == "low" else ["1", "2", "3"]] * 5
    text = "\n".join(",".join(row) for row in [names, *rows])
    (tmp_path / "a.csv").write_text(text)
    [note] = open_table(tmp_path / "a.csv").notes
    assert "line 1" in note and names[1] in note and "line with names" in note


@given(
    st.lists(st.text("abcxyz_", min_size=1), min_size=1, max_size=6, unique=True),
    st.integers(1, 5),
)
def test_words_above_numbers_are_names(names: list[str], n: int) -> None:
    rows = [[f"{i}.5" for _ in names] for i in range(n)]
    assert check_header(names, rows, "a.csv", "line 1") == []


def test_columns_separated_by_blanks_are_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a    b   c\n" + "1    2.5 3\n" * 5)
    with refused("'a.csv'", "'a    b   c'", 'separator=" "', error=DataError):
        open_table(path)


@pytest.mark.parametrize("name", ["-", "/dev/null", "/dev/zero"])
def test_streams_and_devices_are_refused(name: str) -> None:
    with refused("`data`", repr(name), "Save its content", error=DataError):
        open_table(name)


@pytest.mark.parametrize("suffix", [".csv.zip", ".csv.bz2", ".zip"])
def test_other_archives_must_be_unpacked(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"PK")
    with refused("`data`", path.name, "Unpack it", error=DataError):
        open_table(path)
