"""Detect how a text table is written: its encoding, separator and decimal sign."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from multitide.data.tables._header_row import find_header, has_units
from multitide.data.tables._missing import MISSING
from multitide.data.tables._no_header import check_header
from multitide.data.tables._text_encoding import (
    UTF8,
    check_encoding,
    find_encoding,
    open_bytes,
)
from multitide.errors import DataError

UNICODE = (UTF8, "utf-16", "utf-32")
SEPARATORS = (",", ";", "\t", "|")
SNIFF_CHARS = 1 << 16
SNIFF_LINES = 200
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
# Numbers with both signs, which decide: 1.234,5 and 1,234.5.
BOTH_SIGNS = {
    ",": re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+,\d+"),
    ".": re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+\.\d+"),
}
OTHER_SIGN = {".": ",", ",": "."}  # the decimal sign for each thousands sign
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?')  # the first line that Excel looks for


@dataclass(frozen=True)
class Dialect:
    """The format of a text file; None is detected.

    The last three are found: how many lines there are before the names, which line below them
    holds units (counted from 0), and what is doubtful about the names.
    """

    encoding: str | None = None
    decimal: str | None = None
    separator: str | None = None
    missing: tuple[str, ...] = MISSING
    sheet: str | None = None  # of a workbook
    thousands: str | None = None
    n_before: int = 0
    units: int | None = None
    notes: tuple[str, ...] = ()


def detect_dialect(path: Path, given: Dialect) -> Dialect:
    """Return the format of a text file; what was given stays as it is."""
    if given.encoding is None:
        encoding = find_encoding(path)
    else:
        encoding = given.encoding
        check_encoding(path, encoding)
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
    n_before, units, rows = _find_lines(text, separator)
    if not rows:
        raise DataError(
            f"{path.name!r} must have a header and at least one row; "
            "all of its fields are blank."
        )
    header, rows = rows[0], rows[1:]
    if given.separator is None:
        _refuse_blanks(path, header, rows)
    notes = check_header(header, rows, path.name, f"line {n_before + 1}")
    decimal = given.decimal or OTHER_SIGN.get(given.thousands or "")
    decimal = decimal or _detect_decimal(rows, separator)
    return replace(
        given,
        encoding=encoding,
        separator=separator,
        decimal=decimal,
        n_before=n_before,
        units=units,
        notes=tuple(notes),
    )


def _refuse_blanks(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Raise if the only column seems to be several, with blanks between them."""
    widths = {len(field.split()) for row in rows for field in row}
    if len(header) == 1 and len(header[0].split()) > 1 and min(widths, default=1) > 1:
        raise DataError(
            f"{path.name!r} must have a sign between its columns, such as a comma; "
            f"got one column, {header[0].strip()!r}. If blanks separate them, pass "
            'separator=" " (--separator " "), or save the file with commas.'
        )


def _find_lines(text: str, separator: str) -> tuple[int, int | None, list[list[str]]]:
    """Return how many lines are before the names, the line of the units, and names and rows."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True
    )
    rows, begins = [], []
    begin = 0
    for row in reader:
        if any(field.strip() for field in row):
            rows.append(row)
            begins.append(begin)
        begin = reader.line_num
        if len(rows) == SNIFF_LINES:
            break
    if not rows:
        return 0, None, []
    first = 0
    if SEPARATOR_LINE.fullmatch(text.splitlines()[begins[0]].strip()) and rows[1:]:
        first = 1
    header = first + find_header(rows[first:])
    units = None
    if has_units(rows, header):
        units = begins[header + 1]
    n_before = 0
    if header:
        n_before = begins[header]
    return n_before, units, rows[header:]


def dialect_notes(name: str, given: Dialect, found: Dialect) -> list[str]:
    """Return what was assumed about a file, if that is unusual; one sentence each."""
    notes = list(found.notes)
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
    if found.n_before:
        notes.append(
            f"`{name}`: "
            f"the column names are in line {found.n_before + 1}; "
            "the lines before it are left out."
        )
    if found.units is not None:
        notes.append(f"`{name}`: line {found.units + 1} holds units: left out.")
    return notes


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """Open a text file, which may be gzipped."""
    # The csv module handles newlines itself.
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, newline="")


def _detect_separator(lines: list[str]) -> str:
    """Return the separator that gives most lines as many fields as the header, and the most.

    Where no separator divides all lines alike, the header is not the first line: then most lines
    decide.
    """
    named = SEPARATOR_LINE.fullmatch(lines[0].strip())
    if named:
        return named[1]
    table = [line for line in lines if not line.startswith("#")] or lines
    best = max(SEPARATORS, key=lambda separator: _score(table, separator))
    if _score(table, best)[0] == 1:
        return best
    return max(SEPARATORS, key=lambda separator: _score_below(table, separator))


def _widths(lines: list[str], separator: str) -> list[int]:
    return list(map(len, csv.reader(lines, delimiter=separator)))


def _score(lines: list[str], separator: str) -> tuple[float, int]:
    """Return which share of lines has as many fields as the first, and how many these are."""
    widths = _widths(lines, separator)
    if widths[0] == 1:
        return 0.0, 1
    return widths.count(widths[0]) / len(widths), widths[0]


def _score_below(lines: list[str], separator: str) -> tuple[float, int]:
    """Return which share of lines has the most frequent number of fields, and the number."""
    widths = _widths(lines, separator)
    width = max(set(widths), key=lambda n: (widths.count(n), n))
    if width == 1:
        return 0.0, 1
    return widths.count(width) / len(widths), width


def _detect_decimal(rows: list[list[str]], separator: str) -> str:
    """Return "," if numbers have a decimal comma; without 1.234,5 this needs another separator."""
    fields = list(map(str.strip, chain.from_iterable(rows)))
    signs = []
    for sign, pattern in BOTH_SIGNS.items():
        if any(map(pattern.fullmatch, fields)):
            signs.append(sign)
    if len(signs) == 1:
        return signs[0]
    if separator == "," or any(map(DECIMAL_POINT.fullmatch, fields)):
        return "."
    if any(map(DECIMAL_COMMA.fullmatch, fields)):
        return ","
    return "."
