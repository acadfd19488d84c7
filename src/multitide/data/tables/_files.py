"""Table files: CSV as loggers, spreadsheets and Korean systems write it, TSV and Parquet."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd

from multitide._checks import suggest
from multitide.errors import DataError

ENCODINGS = (
    "utf-8-sig",
    "cp949",
    "cp1252",
)  # cp949 contains euc-kr; cp1252 is what western spreadsheets write
SEPARATORS = (",", ";", "\t", "|")
MISSING = (
    "",
    "-",
    "--",
    "NA",
    "N/A",
    "n/a",
    "nan",
    "NaN",
    "null",
    "NULL",
    "Null",
    "#N/A",
    "<NA>",
    "?",
)
SNIFF_CHARS = 1 << 16
CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
PARQUET_SUFFIXES = (".parquet", ".pq")


@dataclass(frozen=True)
class Dialect:
    """How a text file is written; None is found by looking."""

    encoding: str | None = None
    decimal: str | None = None
    separator: str | None = None


def read_frame(
    data: Any, dialect: Dialect | None = None, name: str = "data"
) -> tuple[pd.DataFrame, list[str]]:
    """Return a table as a DataFrame with text column names, and what was assumed about the file.

    Parameters
    ----------
    data : path or DataFrame
        CSV, TSV (also ``.gz``), Parquet, or a table that is already there (its index becomes
        columns if it has names or is a time).
    dialect : Dialect, optional
        How a text file is written, as far as the user said it.
    name : str
        How messages call the table.

    Raises
    ------
    DataError
        If the file is missing, of an unknown kind, not readable, empty, or two of its columns have
        one name.
    """
    notes: list[str] = []
    if isinstance(data, pd.DataFrame):
        frame = _with_index(data)
    else:
        frame, notes = _read_file(_existing(data, name), dialect or Dialect())
    frame = frame.set_axis([str(column).strip() for column in frame.columns], axis=1)
    _check_names(list(frame.columns), name)
    if not len(frame):
        raise DataError(f"`{name}` must have at least one row; got an empty table.")
    return frame, notes


def _check_names(names: list[str], table: str) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"`{table}` must have different column names; got {twice} more than once.")


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    if isinstance(frame.index, pd.DatetimeIndex) and frame.index.name is None:
        frame = frame.rename_axis("time")
    named = any(name is not None for name in frame.index.names)
    return frame.reset_index(drop=not named)


def _existing(data: Any, name: str) -> Path:
    try:
        path = Path(data)
    except TypeError:
        raise DataError(
            f"`{name}` must be a path or a DataFrame; got {type(data).__name__}."
        ) from None
    if path.is_file():
        return path
    near = (
        suggest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
    )
    raise DataError(f"`{name}` must be an existing file; got {str(path)!r}.{near}")


def _read_file(path: Path, dialect: Dialect) -> tuple[pd.DataFrame, list[str]]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = (
        suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    )
    try:
        if suffix in PARQUET_SUFFIXES:
            return _with_index(pd.read_parquet(path)), []
        if suffix in CSV_SUFFIXES:
            return _read_csv(path, dialect)
    except (OSError, ValueError) as error:  # pandas' and pyarrow's own errors are among these
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path.name!r} must be a readable {suffix[1:]} file; got: {error}"
        ) from error
    remedy = (
        " Save the sheet as CSV, or pass pd.read_excel(...)." if suffix.startswith(".xls") else ""
    )
    raise DataError(
        f"`data` must be a .csv, .tsv or .txt (also .gz), .parquet or .ts file; got {path.name!r}.{remedy}"
    )


def _read_csv(path: Path, asked: Dialect) -> tuple[pd.DataFrame, list[str]]:
    found = sniff(path, asked)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "error", pd.errors.ParserWarning
        )  # rows longer than the header would be cut
        try:
            frame = _parse_csv(path, found)
        except pd.errors.ParserWarning:
            raise DataError(
                f"{path.name!r} must have a column name for every field; got rows with more."
            ) from None
    notes = []
    if n_blank := _trailing_blanks(frame):
        frame = frame.iloc[:-n_blank]
        notes.append(f"`{path.name}` ends with {n_blank} blank rows: left out.")
    if asked.encoding is None and found.encoding not in ("utf-8-sig", "utf-16"):
        notes.append(
            f"`{path.name}` is not UTF-8: read as {found.encoding} (`encoding` changes this)."
        )
    if asked.decimal is None and found.decimal == ",":
        notes.append(f"`{path.name}` writes numbers with a decimal comma (`decimal` changes this).")
    if asked.separator is None and found.separator != ",":
        notes.append(
            f"`{path.name}` separates columns by {found.separator!r} (`separator` changes this)."
        )
    return frame, notes


def _trailing_blanks(frame: pd.DataFrame) -> int:
    """Return the number of rows without any value at the end (spreadsheets leave some)."""
    filled = np.flatnonzero(frame.notna().any(axis=1).to_numpy())
    return len(frame) - int(filled[-1]) - 1 if len(filled) else 0


def _parse_csv(path: Path, dialect: Dialect) -> pd.DataFrame:
    return pd.read_csv(
        path,
        encoding=dialect.encoding,
        sep=dialect.separator,
        decimal=dialect.decimal,
        na_values=list(MISSING),
        keep_default_na=False,
        skipinitialspace=True,
        low_memory=False,
        index_col=False,
        header=0,
        names=_header(path, dialect),
    )


def sniff(path: Path, asked: Dialect) -> Dialect:
    """Return how a text file is written; what was asked stays as it is."""
    encoding = asked.encoding or _encoding(path)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise DataError(
            f"`encoding` must be an encoding that Python knows; got {encoding!r}."
        ) from None
    with _open_text(path, encoding) as file:
        text = file.read(SNIFF_CHARS)
    lines = [line for line in text.splitlines()[:200] if line.strip()]
    if not lines:
        raise DataError(
            f"{path.name!r} must have a header and at least one row; got an empty file."
        )
    separator = asked.separator or _separator(lines)
    decimal = asked.decimal or _decimal(lines[1:], separator)
    return replace(asked, encoding=encoding, separator=separator, decimal=decimal)


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        _open(path), encoding=encoding, newline=""
    )  # newlines are the csv module's to read


def _encoding(path: Path) -> str:
    """Return the first encoding that reads the whole file; a later byte can rule one out."""
    with _open(path) as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    for encoding in ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with _open(path) as file:
                while block := file.read(1 << 20):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            return encoding
        except UnicodeDecodeError:
            continue
    raise DataError(
        f"{path.name!r} must be text in one of {list(ENCODINGS)}; name the right one with `encoding`."
    )


def _separator(lines: list[str]) -> str:
    """Return the separator that cuts most lines into as many fields as the header, and the header into most."""

    def score(separator: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        agree = sum(width == widths[0] for width in widths) / len(widths)
        return (agree if widths[0] > 1 else 0.0), widths[0]

    return max(SEPARATORS, key=score)


def _decimal(lines: list[str], separator: str) -> str:
    """Return "," if numbers are written with it; unquoted, that needs another separator."""
    if separator == ",":
        return "."
    fields = [field.strip() for row in csv.reader(lines, delimiter=separator) for field in row]
    comma = any(re.fullmatch(r"[+-]?\d+,\d+([eE][+-]?\d+)?", field) for field in fields)
    point = any(re.fullmatch(r"[+-]?\d*\.\d+([eE][+-]?\d+)?", field) for field in fields)
    return "," if comma and not point else "."


def _header(path: Path, dialect: Dialect) -> list[str]:
    """Return the column names as written (pandas would rename the second of two equal names)."""
    with _open_text(path, str(dialect.encoding)) as file:
        for row in csv.reader(file, delimiter=str(dialect.separator), skipinitialspace=True):
            if any(field.strip() for field in row):
                names = [field.strip() or f"Unnamed: {i}" for i, field in enumerate(row)]
                _check_names(names, path.name)
                return names
    raise DataError(f"{path.name!r} must have a header.")
