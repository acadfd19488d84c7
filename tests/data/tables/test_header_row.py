"""Lines before the column names, and a row of units below them."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makers import a_third_now
from multitide.data.tables._files import open_table
from multitide.data.tables._header_row import find_header, has_units
from multitide.errors import DataError
from refusals import refused

ROWS = [
    [f"2024-07-04 {hour:02}:00", f"{hour * 7 % 11}.5", str(hour // 5 % 2)]
    for hour in range(20)
]
NAMES = ["when", "x", "lab"]
BEFORE: dict[str, list[list[str]]] = {
    "nothing": [],
    "a line": [["Logger 7 of the plant"]],
    "blank lines": [["Logger"], [], ["Seoul"], []],
    "pairs": [["Station", "Seoul"], ["Serial", "1234"]],
    "padded": [["Logger", "", ""], ["Serial: 7", "", ""]],
    "a sentence with commas": [["Logger", " made by X", " in Seoul", " in 2024"]],
    "comments": [["# made by x"], ["# 2024-07-04"]],
}
UNITS: dict[str, list[list[str]]] = {
    "none": [],
    "one": [["", "degC", ""]],
    "with a dash": [["", "degC", "-"]],
    "brackets": [["[h]", "[m/s]", "[1]"]],
    "a pattern": [["yyyy-mm-dd HH:MM", "bar", "1"]],
    "compound": [["", "W/m2", ""]],
}


def write(path: Path, rows: list[list[str]], separator: str) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    return path


@pytest.mark.parametrize("separator", a_third_now([",", ";", "\t", "|"]))
@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("before", BEFORE)
def test_names_and_units_are_found(
    tmp_path: Path, before: str, units: str, separator: str
) -> None:
    rows = [*BEFORE[before], NAMES, *UNITS[units], *ROWS]
    table = open_table(write(tmp_path / "a.csv", rows, separator))
    expected = open_table(write(tmp_path / "b.csv", [NAMES, *ROWS], separator))
    pd.testing.assert_frame_equal(table.frame, expected.frame)
    said = " ".join(table.notes)
    assert ("column names are in line" in said) == (before != "nothing")
    assert ("holds units" in said) == (units != "none")


@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("before", BEFORE)
def test_workbooks_have_them_too(tmp_path: Path, before: str, units: str) -> None:
    book = openpyxl.Workbook()
    for row in [*BEFORE[before], NAMES, *UNITS[units]]:
        book.active.append([text or None for text in row])
    for when, x, lab in ROWS:
        book.active.append([when, float(x), int(lab)])
    book.save(tmp_path / "a.xlsx")
    table = open_table(tmp_path / "a.xlsx")
    assert list(table.frame) == NAMES
    assert table.frame["x"].tolist() == [float(row[1]) for row in ROWS]
    assert ("column names are in row" in " ".join(table.notes)) == (before != "nothing")


def test_a_commented_header_is_one(tmp_path: Path) -> None:
    rows = [["# run: 7"], ["# when", "x", "lab"], *ROWS]
    assert list(open_table(write(tmp_path / "a.csv", rows, ",")).frame) == NAMES


@pytest.mark.parametrize(
    "names", [["#id", "x", "lab"], ["1000", "1005", "1010"], ["", "x", "lab"]]
)
def test_unusual_names_stay(tmp_path: Path, names: list[str]) -> None:
    table = open_table(write(tmp_path / "a.csv", [names, *ROWS], ","))
    assert list(table.frame) == [names[0] or "Unnamed: 0", *names[1:]]


def test_a_line_that_names_the_separator_is_none_of_the_table(tmp_path: Path) -> None:
    rows = write(tmp_path / "a.csv", [NAMES, *ROWS], ";").read_text()
    (tmp_path / "a.csv").write_text("sep=;\n" + rows)
    assert list(open_table(tmp_path / "a.csv").frame) == NAMES


def test_text_above_text_is_no_unit() -> None:
    rows = [["x", "mode"], ["1", "C"], ["2", "A"], ["3", "C"]]
    assert not has_units(rows, 0)
    assert not has_units([["x", "mode"], ["", "C"], ["2", "A"]], 0)
    assert not has_units([["x"], ["bar"]], 0)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.lists(st.sampled_from(["a", "b", "1", "2.5", ""]), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    )
)
def test_rows_of_one_width_keep_their_first_row(rows: list[list[str]]) -> None:
    rows = [["u", "v", "w"], *rows]
    assert find_header(rows) == 0


def test_numbers_below_other_lines_need_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["Logger 7"], *ROWS], ",")
    with refused("'a.csv'", "line 2 has 3 fields", "Remove lines", error=DataError):
        open_table(path)
