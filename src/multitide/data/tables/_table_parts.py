"""A table in parts of some rows: a file larger than memory, a folder, or a pattern of files."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from multitide.data._to_pandas import from_arrow
from multitide.data.tables._csv_dialect import Dialect
from multitide.data.tables._folder import FILE_COLUMNS, key_values
from multitide.data.tables._folder_files import FolderFile, folder_files, labelled
from multitide.data.tables._missing import as_missing
from multitide.data.tables._one_file import (
    CSV_SUFFIXES,
    PARQUET_SUFFIXES,
    from_memory,
    kind_suffix,
)
from multitide.data.tables._read_csv import read_csv_parts
from multitide.data.tables._reading import Reading
from multitide.errors import DataError

BUFFER = 2**20  # bytes of a column of a Parquet file that are read at once


@dataclass(frozen=True)
class _Named:
    """What the name of a file adds to its rows."""

    file: FolderFile
    columns: dict[str, object]


@dataclass(frozen=True)
class FirstRows:
    """The first rows of a table, and of the second file of a folder.

    Attributes
    ----------
    frame : DataFrame
        With the columns that a folder adds, as :func:`read_folder` has them.
    file_column : str or None
        The column that names the file of each row.
    folder_columns : tuple of str
        The columns that were read from the names of folders.
    """

    frame: pd.DataFrame
    file_column: str | None
    folder_columns: tuple[str, ...]


def first_rows(
    data: str | Path, reading: Reading, n_values: int, without: Path | None = None
) -> FirstRows:
    """Return rows that show the columns of a table, and what its folders and files name.

    Parameters
    ----------
    data, reading, n_values, without
        As in :func:`table_parts`.
    """
    dialect = _dialect(reading)
    files = _files(data, replace(reading, series=None), without)
    keys = tuple(files[0].columns)
    file_column: str | None = None
    frames = []
    for named in files[:2]:
        frame = next(_parts_of(named.file.path, dialect, reading, n_values), None)
        if frame is None:
            continue
        columns = list(frame)
        added: dict[str, object] = {}
        for key in keys:
            if key not in columns:
                added[key] = named.columns[key]
        if Path(data).is_dir():
            free = [
                name
                for name in FILE_COLUMNS
                if name not in columns and name not in keys
            ]
            file_column = next(iter(free), None)
        if file_column is not None:
            added[file_column] = named.file.label
        frames.append(frame.assign(**added)[[*added, *columns]])
    if not frames:
        raise DataError("`data` must have at least one row; got an empty table.")
    return FirstRows(pd.concat(frames, ignore_index=True), file_column, keys)


def table_parts(
    data: str | Path, reading: Reading, n_values: int, without: Path | None = None
) -> Iterator[pd.DataFrame]:
    """Yield the rows of a table in their order, some at a time.

    Parameters
    ----------
    data : path
        A CSV or Parquet file, a folder of them, or a pattern such as ``"runs/*.csv"``.
    reading : Reading
        How the table is written.
    n_values : int
        Number of cells of a part.
    without : path, optional
        A file that a folder is read without.

    Raises
    ------
    DataError
        If there is no such file, it is of another kind, or the columns of the files differ.
    """
    dialect = _dialect(reading)
    columns: list[str] | None = None
    for named in _files(data, reading, without):
        for part in _parts_of(named.file.path, dialect, reading, n_values):
            names = [str(name) for name in part]
            if columns is not None and set(names) != set(columns):
                differ = sorted(set(names) ^ set(columns))
                raise DataError(
                    "`data` must be files with the same columns; "
                    f"{named.file.path.name!r} differs in {differ}. "
                    "Move files that are no part of the table elsewhere."
                )
            columns = columns or names
            added = {}
            for name, value in named.columns.items():
                if name not in names:
                    added[name] = value
            yield part[columns].assign(**added)


def _dialect(reading: Reading) -> Dialect:
    return Dialect(
        reading.encoding,
        reading.decimal,
        reading.separator,
        as_missing(reading.missing),
        thousands=reading.thousands,
    )


def _files(data: str | Path, reading: Reading, without: Path | None) -> list[_Named]:
    """Return the files with the columns that their names stand for."""
    path = Path(data)
    if path.is_dir():
        files, _ = folder_files(path, "data", without)
    elif path.is_file():
        files = labelled([FolderFile(path, {})])
    else:
        files = []
        for name in sorted(glob.glob(str(data))):
            files.append(FolderFile(Path(name), {}))
        files = labelled(files)
    if not files:
        raise DataError(
            f"`data` must be an existing file, a folder or a pattern; got {str(data)!r}."
        )
    keys: dict[str, Sequence[object]] = {}
    for key in files[0].keys:
        keys[key] = list(key_values([file.keys[key] for file in files]))
    named = []
    for i, file in enumerate(files):
        columns: dict[str, object] = {key: values[i] for key, values in keys.items()}
        if reading.series in FILE_COLUMNS:
            columns[reading.series] = file.label
        named.append(_Named(file, columns))
    return named


def _parts_of(
    path: Path, dialect: Dialect, reading: Reading, n_values: int
) -> Iterator[pd.DataFrame]:
    suffix = kind_suffix(path)
    if suffix in CSV_SUFFIXES:
        as_text = [reading.series] if reading.series is not None else []
        for frame in read_csv_parts(path, dialect, n_values, as_text):
            yield from_memory(frame, replace(dialect, missing=()), "data").frame
    elif suffix in PARQUET_SUFFIXES:
        yield from _parquet_parts(path, dialect, n_values)
    else:
        raise DataError(
            "`data` must be .csv or .parquet files to be read in parts; "
            f"got {path.name!r}. Save it as one of these."
        )


def _parquet_parts(
    path: Path, dialect: Dialect, n_values: int
) -> Iterator[pd.DataFrame]:
    try:
        # Read ahead, or by whole row groups, a large file would fill the memory.
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER) as file:
            n_columns = max(1, len(file.schema_arrow))
            n_rows = max(1, n_values // n_columns)
            for batch in file.iter_batches(n_rows, use_threads=False):
                frame = from_arrow(pa.Table.from_batches([batch]))
                yield from_memory(frame, dialect, "data").frame
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            f"{path.name!r} must be a readable parquet file; got: {error}"
        ) from error
