"""Detect how a text table is written: its encoding, separator and decimal sign."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from multitide.data.tables._missing import MISSING
from multitide.errors import DataError

# cp949 contains euc-kr; cp1252 is what Western spreadsheets write.
ENCODINGS = ("utf-8-sig", "cp949", "cp1252")
UNICODE = ("utf-8-sig", "utf-16")
SEPARATORS = (",", ";", "\t", "|")
SNIFF_CHARS = 1 << 16
SNIFF_LINES = 200
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Dialect:
    """The format of a text file; None is detected."""

    encoding: str | None = None
    decimal: str | None = None
    separator: str | None = None
    missing: tuple[str, ...] = MISSING
    sheet: str | None = None  # of a workbook


def detect_dialect(path: Path, given: Dialect) -> Dialect:
    """Return the format of a text file; what was given stays as it is."""
    encoding = given.encoding or _detect_encoding(path)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise DataError(
            f"`encoding` must be an encoding that Python knows; got {encoding!r}."
        ) from None
    with open_text(path, encoding) as file:
        text = file.read(SNIFF_CHARS)
    lines = []
    for line in text.splitlines()[:SNIFF_LINES]:
        if line.strip():
            lines.append(line)
    if not lines:
        raise DataError(
            f"{path.name!r} must have a header and at least one row; got an empty file."
        )
    separator = given.separator or _detect_separator(lines)
    decimal = given.decimal or _detect_decimal(lines[1:], separator)
    return replace(given, encoding=encoding, separator=separator, decimal=decimal)


def dialect_notes(name: str, given: Dialect, found: Dialect) -> list[str]:
    """Return what was assumed about a file, if that is unusual; one sentence each."""
    notes = []
    if given.encoding is None and found.encoding not in UNICODE:
        notes.append(
            f"`{name}`: not UTF-8, read as {found.encoding} (`encoding` changes this)."
        )
    if given.decimal is None and found.decimal == ",":
        notes.append(
            f"`{name}`: numbers have a decimal comma (`decimal` changes this)."
        )
    if given.separator is None and found.separator != ",":
        notes.append(
            f"`{name}`: columns are separated by {found.separator!r} "
            "(`separator` changes this)."
        )
    return notes


def _open(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]  # reads bytes, as IO[bytes] does
    return path.open("rb")


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """Open a text file, which may be gzipped."""
    # The csv module handles newlines itself.
    return io.TextIOWrapper(_open(path), encoding=encoding, newline="")


def _detect_encoding(path: Path) -> str:
    """Return the first encoding that reads the whole file."""
    with _open(path) as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    for encoding in ENCODINGS:
        if _can_decode(path, encoding):
            return encoding
    raise DataError(
        f"{path.name!r} must be text in one of {list(ENCODINGS)}; got other bytes. "
        "Name its encoding with `encoding`."
    )


def _can_decode(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with _open(path) as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _detect_separator(lines: list[str]) -> str:
    """Return the separator that gives most lines as many fields as the header, and the most."""

    def score(separator: str) -> tuple[float, int]:
        widths = []
        for row in csv.reader(lines, delimiter=separator):
            widths.append(len(row))
        if widths[0] == 1:
            return 0.0, 1
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(SEPARATORS, key=score)


def _detect_decimal(lines: list[str], separator: str) -> str:
    """Return "," if numbers have a decimal comma; this needs another separator."""
    if separator == ",":
        return "."
    has_comma = False
    for row in csv.reader(lines, delimiter=separator):
        for field in row:
            if DECIMAL_POINT.fullmatch(field.strip()):
                return "."
            has_comma = has_comma or bool(DECIMAL_COMMA.fullmatch(field.strip()))
    if has_comma:
        return ","
    return "."
