"""Table files as loggers, spreadsheets and Korean systems write them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from multitide.data.tables._csv_dialect import Dialect
from multitide.data.tables._files import open_table
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError, ParameterError
from refusals import refused

TEXT = (
    "시각,온도,state\n"
    "2024.07.04 13:00,1.5,양호\n"
    "2024.07.04 14:00,-,불량\n"
    "2024.07.04 15:00, NA,양호\n"
)


def read_frame(data: Any, *args: Any, **kw: Any) -> tuple[pd.DataFrame, list[str]]:
    table = open_table(data, *args, **kw)
    return table.frame, table.notes


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp949", "euc-kr", "utf-16"]
)
def test_encodings_are_found(tmp_path: Path, encoding: str) -> None:
    frame, notes = read_frame(write(tmp_path / "a.csv", TEXT, encoding))
    assert list(frame) == ["시각", "온도", "state"]
    assert frame["온도"].isna().tolist() == [False, True, True]
    assert frame["state"].tolist() == ["양호", "불량", "양호"]
    assert ("UTF-8" in notes[0]) == (encoding in ("cp949", "euc-kr"))
    assert "'-' (1), 'NA' (1)" in notes[-1]


def test_western_spreadsheets(tmp_path: Path) -> None:
    text = "Zeit;Größe\n2024-01-01;1,5\n2024-01-02;-2,25\n"
    frame, notes = read_frame(
        write(tmp_path / "a.csv", text, "cp1252"), Dialect(encoding="cp1252")
    )
    assert frame["Größe"].tolist() == [1.5, -2.25]
    assert [note for note in notes if "decimal comma" in note] and [
        note for note in notes if "';'" in note
    ]


def test_a_late_byte_decides_the_encoding(tmp_path: Path) -> None:
    rows = "".join(f"{i},1\n" for i in range(300_000))
    frame, notes = read_frame(
        write(tmp_path / "a.csv", "a,b\n" + rows + "온도,1\n", "cp949")
    )
    assert "cp949" in notes[0]
    assert frame["a"].iloc[-1] == "온도"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_found(tmp_path: Path, separator: str) -> None:
    text = TEXT.replace(",", separator)
    frame, _ = read_frame(write(tmp_path / "a.txt", text))
    assert frame.shape == (3, 3)


def test_a_decimal_point_next_to_semicolons_stays_one(tmp_path: Path) -> None:
    frame, _ = read_frame(write(tmp_path / "a.csv", 'a;b;c\n1.5;"1,2";x\n'))
    assert frame["a"].tolist() == [1.5]
    assert frame["b"].tolist() == ["1,2"]


def test_what_the_user_says_wins(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'a,b\n"1,5","2,5"\n')
    assert read_frame(path, Dialect(decimal=","))[0]["a"].tolist() == [1.5]
    assert list(read_frame(path, Dialect(separator=";"))[0]) == ["a,b"]


def test_compressed_and_parquet_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(TEXT.encode("cp949")))
    expected, _ = read_frame(path)
    expected.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "a.parquet")[0], expected)


def test_an_index_with_a_meaning_becomes_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1, 2]}, index=pd.date_range("2024", periods=2))
    assert list(read_frame(frame)[0]) == ["time", "x"]
    frame = frame.set_axis(
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2)], names=["machine", "step"])
    )
    assert list(read_frame(frame)[0]) == ["machine", "step", "x"]
    assert list(read_frame(frame.reset_index(drop=True))[0]) == ["x"]
    frame.to_parquet(tmp_path / "a.parquet")
    assert list(read_frame(tmp_path / "a.parquet")[0]) == ["machine", "step", "x"]


def test_blank_rows_at_the_end_are_left_out(tmp_path: Path) -> None:
    frame, notes = read_frame(write(tmp_path / "a.csv", "a,b\n1,2\n,\n3,4\n,\n , -\n"))
    assert len(frame) == 3
    assert "ends with 2 blank rows" in notes[0]


def test_names_lose_their_blanks_and_missing_ones_get_one(tmp_path: Path) -> None:
    frame, _ = read_frame(write(tmp_path / "a.csv", " a , b,\n1,2,\n"))
    assert list(frame) == ["a", "b", "Unnamed: 2"]


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("a.csv", "", ["'a.csv'", "header", "got an empty file"]),
        ("a.csv", "a,b\n", ["`data`", "at least one row"]),
        ("a.csv", "a,b,a\n1,2,3\n", ["`a.csv`", "different column names", "got ['a']"]),
        ("a.csv", "a,b\n1,2,3\n4,5,6\n", ["'a.csv'", "a column name for every field"]),
        ("a.csv", "a,b\n1,2\n4,5,6\n", ["'a.csv'", "line 3 has 3 fields", "separator"]),
        ("a.xls", "x", ["`data`", "got 'a.xls'", "Save it as .xlsx"]),
        ("a.xlsx", "x", ["'a.xlsx'", "readable Excel workbook", "or as CSV"]),
        ("a.json", "x", ["`data`", ".csv, .tsv or .txt", "got 'a.json'"]),
        ("a.parquet", "x", ["'a.parquet'", "readable parquet file"]),
    ],
)
def test_unreadable_files_are_refused(
    tmp_path: Path, name: str, text: str, parts: list[str]
) -> None:
    with refused(*parts, error=DataError):
        read_frame(write(tmp_path / name, text))


def test_a_missing_file_names_a_near_one(tmp_path: Path) -> None:
    write(tmp_path / "plant.csv", "a\n1\n")
    with refused("`data`", "plnt.csv'", "Did you mean 'plant.csv'", error=DataError):
        read_frame(tmp_path / "plnt.csv")
    with refused("`labels`", "existing file", "plnt.csv'", error=DataError):
        read_frame(tmp_path / "nowhere" / "plnt.csv", name="labels")
    with refused("`data`", "a path or a DataFrame", "got int", error=DataError):
        read_frame(3)


def test_unknown_and_wrong_encodings_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", TEXT, "cp949")
    with refused("`encoding`", "Python knows", "got 'utf-9'", error=ParameterError):
        read_table(path, encoding="utf-9")
    with refused("`encoding`", "'utf-8'", "line 1", "Leave it out", error=DataError):
        read_frame(path, Dialect(encoding="utf-8"))


@pytest.mark.parametrize("text", [",,\n,,\n", '""\n', ";\n\n\t\n"])
def test_files_without_a_field_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "blank.csv").write_text(text)
    with refused("blank.csv", "header", "blank"):
        read_table(tmp_path / "blank.csv", tasks=["a"])


def test_empty_folders_and_cut_files_are_refused(tmp_path: Path) -> None:
    with refused("`data`", "a folder of tables", "is empty", error=DataError):
        read_frame(tmp_path)
    whole = gzip.compress(("a,b\n" + "1,2\n" * 5000).encode())
    (tmp_path / "a.csv.gz").write_bytes(whole[: len(whole) // 2])
    with refused("'a.csv.gz'", "readable csv file", error=DataError):
        read_frame(tmp_path / "a.csv.gz")
    wide = "a," + "b" * 200_000 + "\n1,2\n"
    with refused("'wide.csv'", "readable csv file", "131072", error=DataError):
        read_frame(write(tmp_path / "wide.csv", wide))
