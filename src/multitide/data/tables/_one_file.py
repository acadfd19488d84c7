"""Read one table: a DataFrame, or a CSV, TSV, Parquet or Excel file."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pyarrow.parquet as pq

from multitide.data._plain_columns import plain_frame
from multitide.data._to_pandas import from_arrow
from multitide.data.tables._column_names import check_names
from multitide.data.tables._csv_dialect import Dialect
from multitide.data.tables._missing import (
    Counts,
    clear_missing,
    count_missing,
    missing_notes,
)
from multitide.data.tables._read_csv import read_csv, read_texts
from multitide.data.tables._read_excel import EXCEL_SUFFIXES, read_excel
from multitide.errors import DataError, MultitideError

CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".tab")
PARQUET_SUFFIXES = (".parquet", ".pq")
OTHER_ARCHIVES = (".zip", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar", ".tgz")
OTHER_SPREADSHEETS = (".xls", ".xlsb", ".ods")

# Returns columns as the text that a file holds.
ReadTexts: TypeAlias = Callable[[Sequence[str]], pd.DataFrame]


@dataclass(frozen=True)
class OpenTable:
    """A table in memory.

    Attributes
    ----------
    frame : DataFrame
        With text column names.
    assumed : list of str
        What was assumed about the file.
    missing : dict
        How many cells of each column held each of the values that mean missing.
    read_texts : callable or None
        Returns columns as written; None if the table holds values with types of its own.
    file_column : str or None
        The column that was added to name the file of each row.
    folder_columns : tuple of str
        The columns that were read from the names of folders, ``engine=3``.
    """

    frame: pd.DataFrame
    assumed: list[str] = field(default_factory=list)
    missing: Counts = field(default_factory=dict)
    read_texts: ReadTexts | None = None
    file_column: str | None = None
    folder_columns: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What was assumed, and what was read as missing."""
        return [*self.assumed, *missing_notes(self.missing)]

    def as_written(self, columns: Sequence[str]) -> pd.DataFrame:
        """Return those of some columns that a text file writes as numbers, as text."""
        added = {self.file_column, *self.folder_columns}
        numeric = []
        for name in columns:
            if name not in self.frame or name in added:
                continue
            if pd.api.types.is_numeric_dtype(self.frame[name]):
                numeric.append(name)
        if not numeric or self.read_texts is None:
            return pd.DataFrame(index=self.frame.index)
        texts = self.read_texts(numeric).iloc[: len(self.frame)]
        return texts.set_axis(self.frame.index)


def from_memory(frame: pd.DataFrame, dialect: Dialect, name: str) -> OpenTable:
    """Return a DataFrame as a table; its index becomes columns if it has a meaning.

    Parameters
    ----------
    frame : DataFrame
    dialect : Dialect
        With the values that mean missing.
    name : str
        The parameter, for messages.

    Raises
    ------
    DataError
        If two columns have the same name, or an index that tells rows apart has none.
    """
    frame = plain_frame(_index_to_columns(frame, name))
    counts = count_missing(frame, dialect.missing)
    return OpenTable(clear_missing(frame, dialect.missing), missing=counts)


def read_file(path: Path, dialect: Dialect, name: str) -> OpenTable:
    """Read a file whose name says what it is.

    Parameters
    ----------
    path : path
    dialect : Dialect
        The format of a text file, as far as the user gave it.
    name : str
        The parameter, for messages.

    Raises
    ------
    DataError
        If the file is of an unknown kind or unreadable, or two columns have the same name.
    """
    suffix = kind_suffix(path)
    try:
        if suffix in PARQUET_SUFFIXES:
            return from_memory(_read_parquet(path), dialect, name)
        if suffix in EXCEL_SUFFIXES:
            frame, assumed = read_excel(path, dialect.sheet)
            table = from_memory(frame, dialect, name)
            return replace(table, assumed=assumed)
        if suffix in CSV_SUFFIXES:
            frame, assumed, missing, detected = read_csv(path, dialect)
            return OpenTable(
                frame, assumed, missing, partial(read_texts, path, detected)
            )
    except MultitideError:
        raise
    # OSError and ValueError include the errors of pandas and pyarrow; a cut .gz is EOFError.
    except (OSError, ValueError, EOFError, zlib.error, csv.Error) as error:
        raise DataError(
            f"{path.name!r} must be a readable {suffix[1:]} file; got: {error}"
        ) from error
    remedy = ""
    if path.suffix.lower() in OTHER_ARCHIVES:
        remedy = " Unpack it first."
    if suffix in OTHER_SPREADSHEETS:
        remedy = " Save it as .xlsx or as CSV, or pass pd.read_excel(...)."
    raise DataError(
        f"`{name}` must be a .csv, .tsv or .txt "
        "(also .gz), .parquet, .xlsx or .ts file; "
        f"got {path.name!r}.{remedy}"
    )


def kind_suffix(path: Path) -> str:
    """Return the suffix that tells the kind of a file; of ``a.csv.gz``, ``.csv``."""
    suffixes = []
    for suffix in path.suffixes:
        suffixes.append(suffix.lower())
    if len(suffixes) > 1 and suffixes[-1] == ".gz":
        return suffixes[-2]
    if suffixes:
        return suffixes[-1]
    return ""


def _read_parquet(path: Path) -> pd.DataFrame:
    with path.open("rb") as file:
        return from_arrow(pq.read_table(file))


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
        f"`{table}` must have a name for every level of its index; "
        f"got the names {list(index.names)}. "
        f"Name them, e.g. with {remedy}, or drop "
        "the index with reset_index(drop=True)."
    )
