"""Read text tables as loggers, spreadsheets and Korean systems write them."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from multitide.data.tables._column_names import check_names
from multitide.data.tables._missing import (
    MISSING,
    clear_missing,
    count_missing,
    missing_notes,
)
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


def read_csv(path: Path, given: Dialect) -> tuple[pd.DataFrame, list[str], Dialect]:
    """Return a text file as a DataFrame, what was assumed, and its format."""
    found = sniff(path, given)
    with warnings.catch_warnings():
        # pandas would cut rows that are longer than the header.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = _parse_csv(path, found)
            counts = count_missing(frame, found.missing)
            frame = frame.assign(**_without_missing(path, found, list(counts)))
        except pd.errors.ParserWarning:
            raise DataError(
                f"{path.name!r} must have a column name for every field; got rows with more fields."
            ) from None
    notes = _dialect_notes(path.name, given, found)
    notes += missing_notes(counts)
    n_blank = _trailing_blanks(frame)
    if n_blank:
        frame = frame.iloc[:-n_blank]
        notes.append(f"`{path.name}` ends with {n_blank} blank rows: left out.")
    return frame, notes, found


def _without_missing(
    path: Path, dialect: Dialect, columns: Sequence[str]
) -> dict[str, pd.Series]:
    """Read columns again, in which some values mean missing: the others may be numbers."""
    if not columns:
        return {}
    values = ["", *dialect.missing]
    again = _parse_csv(path, dialect, usecols=list(columns), na_values=values)
    again = clear_missing(again, dialect.missing)  # pandas leaves -999.0 for "-999"
    return {str(name): column for name, column in again.items()}


def read_texts(path: Path, dialect: Dialect, columns: Sequence[str]) -> pd.DataFrame:
    """Return some columns as the text that the file holds; "" for empty cells."""
    return _parse_csv(
        path, dialect, usecols=list(columns), dtype="str", na_filter=False
    )


def _dialect_notes(name: str, given: Dialect, found: Dialect) -> list[str]:
    notes = []
    if given.encoding is None and found.encoding not in UNICODE:
        notes.append(
            f"`{name}` is not UTF-8: read as {found.encoding} (`encoding` changes this)."
        )
    if given.decimal is None and found.decimal == ",":
        notes.append(
            f"`{name}` writes numbers with a decimal comma (`decimal` changes this)."
        )
    if given.separator is None and found.separator != ",":
        notes.append(
            f"`{name}` separates columns by {found.separator!r} (`separator` changes this)."
        )
    return notes


def _trailing_blanks(frame: pd.DataFrame) -> int:
    """Return the number of empty rows at the end (spreadsheets leave some)."""
    filled = np.flatnonzero(frame.notna().any(axis=1).to_numpy())
    if not len(filled):
        return 0
    return len(frame) - int(filled[-1]) - 1


def _parse_csv(path: Path, dialect: Dialect, **options: object) -> pd.DataFrame:
    options = {"na_values": [""]} | options
    return pd.read_csv(
        path,
        encoding=dialect.encoding,
        sep=dialect.separator,
        decimal=dialect.decimal,
        keep_default_na=False,
        skipinitialspace=True,
        low_memory=False,
        index_col=False,
        header=0,
        names=_header(path, dialect),
        **options,
    )


def sniff(path: Path, given: Dialect) -> Dialect:
    """Return the format of a text file; what was given stays as it is."""
    encoding = given.encoding or _detect_encoding(path)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise DataError(
            f"`encoding` must be an encoding that Python knows; got {encoding!r}."
        ) from None
    with _open_text(path, encoding) as file:
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


def _open(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path)  # type: ignore[return-value]  # reads bytes, as IO[bytes] does
    return path.open("rb")


def _open_text(path: Path, encoding: str) -> io.TextIOWrapper:
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


def _header(path: Path, dialect: Dialect) -> list[str]:
    """Return the column names as written (pandas would rename the second of two equal names)."""
    with _open_text(path, str(dialect.encoding)) as file:
        for row in csv.reader(
            file, delimiter=str(dialect.separator), skipinitialspace=True
        ):
            if any(field.strip() for field in row):
                names = []
                for i, field in enumerate(row):
                    names.append(field.strip() or f"Unnamed: {i}")
                check_names(names, path.name)
                return names
    raise DataError(f"{path.name!r} must have a header.")
