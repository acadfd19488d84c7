"""Read text tables as loggers, spreadsheets and Korean systems write them."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from multitide.data.tables._column_names import check_names
from multitide.data.tables._csv_dialect import (
    Dialect,
    detect_dialect,
    dialect_notes,
    open_text,
)
from multitide.data.tables._header_row import without_mark
from multitide.data.tables._missing import (
    Counts,
    clear_missing,
    count_missing,
)
from multitide.data.tables._number_signs import find_signs
from multitide.errors import DataError


def read_csv(
    path: Path, given: Dialect
) -> tuple[pd.DataFrame, list[str], Counts, Dialect]:
    """Return a text file as a DataFrame, what was assumed, what was missing, and its format."""
    dialect = detect_dialect(path, given)
    frame, counts = _read(path, dialect)
    if given.decimal is None and given.thousands is None:
        signs = find_signs((column for _, column in frame.items()), None, None)
        if signs is not None and signs.decimal != dialect.decimal:
            # Only a late row shows it.
            dialect = replace(dialect, decimal=signs.decimal)
            frame, counts = _read(path, dialect)
    notes = dialect_notes(path.name, given, dialect)
    n_blank = _trailing_blanks(frame)
    if n_blank:
        frame = frame.iloc[:-n_blank]
        notes.append(f"`{path.name}` ends with {n_blank} blank rows: left out.")
    return frame, notes, counts, dialect


def read_csv_parts(
    path: Path, given: Dialect, n_values: int, as_text: Sequence[str]
) -> Iterator[pd.DataFrame]:
    """Yield a text file as DataFrames of some rows, with the missing values cleared.

    Parameters
    ----------
    path : path
    given : Dialect
        The format, as far as it is known.
    n_values : int
        Number of cells of a part.
    as_text : sequence of str
        Columns that stay as they are written.
    """
    dialect = detect_dialect(path, given)
    names = _header(path, dialect)
    kept = {name: "str" for name in names if name in as_text}
    options = {
        "chunksize": max(1, n_values // len(names)),
        "dtype": kept,
        "na_values": ["", *dialect.missing],
    }
    held: pd.DataFrame | None = None
    with _parse_csv(path, dialect, **options) as parts:
        for part in parts:
            if held is not None:
                yield clear_missing(held, dialect.missing)
            held = part.reset_index(drop=True)
    if held is not None:
        n_rows = len(held) - _trailing_blanks(held)
        yield clear_missing(held.iloc[:n_rows], dialect.missing)


def _read(path: Path, dialect: Dialect) -> tuple[pd.DataFrame, Counts]:
    """Return a table without its missing values, and how many there were."""
    with warnings.catch_warnings():
        # pandas would cut rows that are longer than the header.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = _parse_csv(path, dialect)
            counts = count_missing(frame, dialect.missing)
            frame = frame.assign(**_without_missing(path, dialect, list(counts)))
        except (pd.errors.ParserWarning, pd.errors.ParserError) as error:
            raise DataError(_wide_row(path, dialect, error)) from None
    return frame, counts


def _wide_row(path: Path, dialect: Dialect, error: Exception) -> str:
    """Return a message about the first row with more fields than there are names."""
    n_names = len(_header(path, dialect))
    with open_text(path, str(dialect.encoding)) as file:
        reader = csv.reader(file, delimiter=str(dialect.separator))
        for row in reader:
            if reader.line_num > dialect.n_before and len(row) > n_names:
                return (
                    f"{path.name!r} must have a "
                    "column name for every field; "
                    f"line {reader.line_num} has {len(row)} "
                    f"fields, and there are {n_names} names "
                    f"in line {dialect.n_before + 1}. "
                    "Remove lines before the names, quote "
                    "fields that hold the separator, or "
                    "name it with `separator`."
                )
    return f"{path.name!r} must be a readable csv file; got: {str(error).strip()}"


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


def _trailing_blanks(frame: pd.DataFrame) -> int:
    """Return the number of empty rows at the end (spreadsheets leave some)."""
    filled = np.flatnonzero(frame.notna().any(axis=1).to_numpy())
    if not len(filled):
        return 0
    return len(frame) - int(filled[-1]) - 1


def _parse_csv(path: Path, dialect: Dialect, **options: object) -> pd.DataFrame:
    options = {"na_values": [""]} | options
    skipped = list(range(dialect.n_before))
    if dialect.units is not None:
        skipped.append(dialect.units)
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
        skiprows=skipped,
        names=_header(path, dialect),
        **options,
    )


def _header(path: Path, dialect: Dialect) -> list[str]:
    """Return the column names as written (pandas would rename the second of two equal names)."""
    with open_text(path, str(dialect.encoding)) as file:
        reader = csv.reader(
            file, delimiter=str(dialect.separator), skipinitialspace=True
        )
        for row in reader:
            if reader.line_num <= dialect.n_before or not any(
                field.strip() for field in row
            ):
                continue
            if dialect.n_before:
                row = without_mark(row)
            names = []
            for i, field in enumerate(row):
                names.append(field.strip() or f"Unnamed: {i}")
            check_names(names, path.name)
            return names
    raise DataError(f"{path.name!r} must have a header.")
