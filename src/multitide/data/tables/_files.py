"""Open tables: DataFrames, and CSV, TSV and Parquet files."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pandas as pd

from multitide._checks import suggest
from multitide.data._plain_columns import plain_frame
from multitide.data.tables._column_names import check_names
from multitide.data.tables._csv_dialect import Dialect
from multitide.data.tables._missing import (
    clear_missing,
    count_missing,
    missing_notes,
)
from multitide.data.tables._read_csv import read_csv, read_texts
from multitide.errors import DataError

CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
PARQUET_SUFFIXES = (".parquet", ".pq")

# Returns columns as the text that a file holds.
ReadTexts: TypeAlias = Callable[[Sequence[str]], pd.DataFrame]


@dataclass(frozen=True)
class OpenTable:
    """A table in memory.

    Attributes
    ----------
    frame : DataFrame
        With text column names.
    notes : list of str
        What was assumed about the file.
    read_texts : callable or None
        Returns columns as written; None if the table holds values with types of its own.
    """

    frame: pd.DataFrame
    notes: list[str]
    read_texts: ReadTexts | None = None

    def as_written(self, columns: Sequence[str]) -> pd.DataFrame:
        """Return those of some columns that a text file writes as numbers, as text."""
        numeric = []
        for name in columns:
            if name in self.frame and pd.api.types.is_numeric_dtype(self.frame[name]):
                numeric.append(name)
        if not numeric or self.read_texts is None:
            return pd.DataFrame(index=self.frame.index)
        texts = self.read_texts(numeric).iloc[: len(self.frame)]
        return texts.set_axis(self.frame.index)


def open_table(
    data: object, dialect: Dialect | None = None, name: str = "data"
) -> OpenTable:
    """Read a table from a file, or take it from memory.

    Parameters
    ----------
    data : path or DataFrame
        CSV, TSV (also ``.gz``), Parquet, or a DataFrame (its index becomes columns if it has names
        or holds times).
    dialect : Dialect, optional
        The format of a text file, as far as the user gave it.
    name : str
        The parameter, for messages.

    Raises
    ------
    DataError
        If the file is missing, of an unknown kind, unreadable or empty, or two columns have the
        same name.
    """
    dialect = dialect or Dialect()
    if isinstance(data, pd.DataFrame):
        table = _in_memory(_index_to_columns(data, name), dialect)
    else:
        table = _read_file(_existing_file(data, name), dialect, name)
    if not len(table.frame):
        raise DataError(f"`{name}` must have at least one row; got an empty table.")
    return table


def _in_memory(frame: pd.DataFrame, dialect: Dialect) -> OpenTable:
    """Return a table whose columns have types of their own."""
    frame = plain_frame(frame)
    counts = count_missing(frame, dialect.missing)
    return OpenTable(clear_missing(frame, dialect.missing), missing_notes(counts))


def _index_to_columns(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a table whose index is only row numbers; any other index becomes columns.

    Raises
    ------
    DataError
        If a level of the index tells rows apart but has no name.
    """
    index = frame.index
    if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) and index.name is None:
        index = index.rename("time")
    if index.nlevels == 1 and index.name is None and index.inferred_type == "integer":
        return _with_text_names(frame.reset_index(drop=True), name)
    if None in index.names and len(frame):
        raise DataError(_nameless_index(index, name))
    frame = _with_text_names(frame, name)
    levels = [str(level).strip() for level in index.names]
    check_names([*levels, *frame.columns], name)
    return frame.set_axis(index.set_names(levels), axis=0).reset_index()


def _with_text_names(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    names = [str(column).strip() for column in frame.columns]
    check_names(names, table)
    return frame.set_axis(names, axis=1)


def _nameless_index(index: pd.Index, table: str) -> str:
    remedy = f'{table}.rename_axis("machine") and series="machine"'
    if index.nlevels > 1:
        names = ["machine", "time", *(f"level{i}" for i in range(2, index.nlevels))]
        remedy = f'{table}.rename_axis({names[: index.nlevels]}) and series="machine"'
    return (
        f"`{table}` must have a name for every level of its index; got the names "
        f"{list(index.names)}. Name them, e.g. with {remedy}, or drop the index with "
        "reset_index(drop=True)."
    )


def _existing_file(data: object, name: str) -> Path:
    try:
        path = Path(data)  # type: ignore[arg-type]  # other types raise the TypeError
    except TypeError:
        raise DataError(
            f"`{name}` must be a path or a DataFrame; got {type(data).__name__}."
        ) from None
    if path.is_file():
        return path
    if path.is_dir():
        raise DataError(
            f"`{name}` must be a file; got the folder {str(path)!r}. "
            "Name one file in it, or join its files to one DataFrame."
        )
    near = ""
    if path.parent.is_dir():
        near = suggest(path.name, [file.name for file in path.parent.iterdir()])
    raise DataError(f"`{name}` must be an existing file; got {str(path)!r}.{near}")


def _read_file(path: Path, dialect: Dialect, name: str) -> OpenTable:
    suffix = _kind_suffix(path)
    try:
        if suffix in PARQUET_SUFFIXES:
            frame = _index_to_columns(pd.read_parquet(path), name)
            return _in_memory(frame, dialect)
        if suffix in CSV_SUFFIXES:
            frame, notes, found = read_csv(path, dialect)
            return OpenTable(frame, notes, partial(read_texts, path, found))
    except DataError:
        raise
    # OSError and ValueError include the errors of pandas and pyarrow; a cut .gz is EOFError.
    except (OSError, ValueError, EOFError, zlib.error, csv.Error) as error:
        raise DataError(
            f"{path.name!r} must be a readable {suffix[1:]} file; got: {error}"
        ) from error
    remedy = ""
    if suffix.startswith(".xls"):
        remedy = " Save the sheet as CSV, or pass pd.read_excel(...)."
    raise DataError(
        f"`{name}` must be a .csv, .tsv or .txt (also .gz), .parquet or .ts file; "
        f"got {path.name!r}.{remedy}"
    )


def _kind_suffix(path: Path) -> str:
    """Return the suffix that tells the kind of a file; of ``a.csv.gz``, ``.csv``."""
    suffixes = []
    for suffix in path.suffixes:
        suffixes.append(suffix.lower())
    if len(suffixes) > 1 and suffixes[-1] == ".gz":
        return suffixes[-2]
    if suffixes:
        return suffixes[-1]
    return ""
