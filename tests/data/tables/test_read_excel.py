"""Excel workbooks, written by openpyxl as Excel writes them."""

from __future__ import annotations

import datetime
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from multitide.data.tables._csv_dialect import Dialect
from multitide.data.tables._files import open_table
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError, ParameterError
from refusals import refused

START = datetime.datetime(2024, 7, 4)


def rows(n: int = 30) -> list[list[object]]:
    """Return a header and n rows of a time, a number and a label."""
    table: list[list[object]] = [["when", "x", "lab"]]
    for i in range(n):
        table.append(
            [START + datetime.timedelta(hours=i), i * 7 % 11 + 0.5, i // 5 % 2]
        )
    return table


def write(path: Path, **sheets: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, cells in sheets.items():
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(list(row))
    book.save(path)
    return path


def test_a_workbook_is_its_table(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", Data=rows())
    frame = pd.DataFrame(rows()[1:], columns=["when", "x", "lab"])
    samples = read_table(path, tasks=["lab"], window=6)
    same = read_table(frame, tasks=["lab"], window=6)
    assert samples.channels == ("x",)
    assert np.array_equal(samples.values, same.values)
    assert np.array_equal(samples.time, same.time)
    assert samples.y.equals(same.y)


def test_the_first_sheet_with_data_is_read_and_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", Cover=[], June=rows(20), July=rows(25))
    table = open_table(path)
    assert len(table.frame) == 20
    assert "'June'" in table.notes[0] and "'July'" in table.notes[0]
    july = open_table(path, Dialect(sheet="July"))
    assert (len(july.frame), july.notes) == (25, [])
    samples = read_table(path, tasks=["lab"], window=6, sheet="July")
    assert samples.reading is not None
    assert len(read_like(samples.reading, path)) == 20
    frame = pd.DataFrame(rows()[1:], columns=["when", "x", "lab"])
    assert len(read_like(samples.reading, frame)) == 25


def test_cells_keep_their_types(tmp_path: Path) -> None:
    cells = [
        ["id", "t", "flag", "v", None],
        ["00017", datetime.time(13, 5), True, 1, None],
        ["2", datetime.time(14, 5), False, "NA", None],
        [None, None, None, None, None],
    ]
    path = write(tmp_path / "a.xlsx", A=[[], [None], *cells])
    table = open_table(path)
    assert list(table.frame) == ["id", "t", "flag", "v"]
    assert table.frame["id"].tolist() == ["00017", "2"]
    assert table.frame["t"].tolist() == ["13:05:00", "14:05:00"]
    assert table.frame["flag"].dtype == bool
    assert table.frame["v"].isna().tolist() == [False, True]
    assert any("'NA' (1)" in note for note in table.notes)


def test_a_folder_may_hold_workbooks(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.xlsx", Data=rows(), Other=rows())
    samples = read_table(tmp_path, tasks=["lab"], window=6)
    assert list(pd.unique(samples.series)) == ["a", "b"]


def test_a_workbook_without_openpyxl_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.xlsx", A=rows())
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with refused("'a.xlsx'", "openpyxl", 'pip install "multitide[excel]"'):
        open_table(path)


def test_other_sheets_and_damaged_workbooks_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", Data=rows(), Empty=[])
    with refused("`sheet`", "'Dta'", "Did you mean 'Data'", error=ParameterError):
        open_table(path, Dialect(sheet="Dta"))
    with refused("'Empty'", "'a.xlsx'", "not be empty", error=DataError):
        open_table(path, Dialect(sheet="Empty"))
    with refused("'b.xlsx'", "empty sheets", error=DataError):
        open_table(write(tmp_path / "b.xlsx", A=[], B=[]))
    with refused("`c.xlsx`", "different column names", "['x']", error=DataError):
        open_table(write(tmp_path / "c.xlsx", A=[["x", "x"], [1, 2]]))
    (tmp_path / "d.xlsx").write_bytes(path.read_bytes()[:900])
    with refused("'d.xlsx'", "Excel workbook", "as CSV", error=DataError):
        open_table(tmp_path / "d.xlsx")


def test_a_sheet_of_another_table_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame(rows()[1:], columns=["when", "x", "lab"])
    with refused("`sheet`", "'July'", "Remove it", error=ParameterError):
        read_table(frame, tasks=["lab"], window=6, sheet="July")


def test_warnings_about_formats_are_silent(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", A=rows())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(open_table(path).frame) == 30
