"""Encodings of text files."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from multitide.data.tables._files import open_table
from multitide.data.tables._text_encoding import check_encoding, find_encoding
from multitide.errors import DataError
from refusals import refused

GERMAN = "Zeit;Größe [°C];Länge µm;Straße\n2024-01-01;1,5;2;ä\n2024-01-02;1,5;2;öß\n"
FRENCH = "durée;température °C;état\n1;2,5;arrêté\n2;3,5;à côté\n"
KOREAN = "시각,온도 ℃,상태\n2024.07.04 13:00,1.5,양호\n2024.07.04 14:00,1.5,불량\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("text", [GERMAN, FRENCH])
def test_unicode_is_found(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    header = text.splitlines()[0].split(";")
    assert list(open_table(path).frame) == header


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text", [GERMAN, FRENCH, "t,x °C\n1,2\n", "t,µm\n1,2\n", "y m²,z\n1,2\n"]
)
def test_western_text_is_not_taken_for_korean(
    tmp_path: Path, text: str, encoding: str
) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(text.encode(encoding)))
    assert path.exists() and find_encoding(path) == "cp1252"


@pytest.mark.parametrize("encoding", ["cp949", "euc-kr"])
@pytest.mark.parametrize("text", [KOREAN, "t,x ℃\n1,2\n", "시각,x\n1,2\n"])
def test_korean_text_is_found(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    assert find_encoding(path) == "cp949"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a,b\n1,2\n\0\0\0\0", "line 3"),
        (b"a,b\n1\0,2\n3,4\n", "line 2"),
        (b"a,b\n" + b"1,2\n" * 300_000 + b"\0", "line 300002"),
    ],
)
def test_zeros_are_refused(tmp_path: Path, content: bytes, line: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with refused("'a.csv'", line, "NUL", "Remove", error=DataError):
        open_table(tmp_path / "a.csv")


def test_a_named_encoding_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(("a,b\n1,2\n" + GERMAN).encode("cp1252"))
    with refused("`encoding`", "'utf-8'", "line 3", "Leave it out", error=DataError):
        check_encoding(path, "utf-8")
    check_encoding(path, "cp1252")
