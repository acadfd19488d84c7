"""Read a folder of CSV or Parquet files, also a partitioned data set, as one table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from multitide.data.tables._csv_dialect import Dialect
from multitide.data.tables._findings import name_columns
from multitide.data.tables._folder_files import FolderFile, folder_files
from multitide.data.tables._one_file import OpenTable, ReadTexts, read_file
from multitide.errors import DataError

FILE_COLUMNS = ("file", "source_file")  # the first that no table has names the files
NULL_KEY = "__HIVE_DEFAULT_PARTITION__"
WHOLE_NUMBER = re.compile(r"0|-?[1-9]\d{0,17}")
MOST_SHOWN = 3


def read_folder(
    folder: Path, dialect: Dialect, name: str, without: Path | None = None
) -> OpenTable:
    """Read the files of a folder as one table, in the order of their names.

    Parameters
    ----------
    folder : path
        CSV or Parquet files with the same columns. Names of folders such as ``engine=3`` become
        columns.
    dialect : Dialect
        The format of text files, as far as the user gave it.
    name : str
        The parameter, for messages.
    without : path, optional
        A file that is not part of the table.

    Raises
    ------
    DataError
        If the folder holds no table or something else, a file cannot be read, or columns differ.
    """
    files, left_out = folder_files(folder, name, without)
    tables = []
    for file in files:
        tables.append(read_file(file.path, dialect, name))
    _check_columns(folder, files, tables)
    columns = list(tables[0].frame.columns)
    frames = [table.frame[columns] for table in tables]
    frames = _alike(frames, tables)
    lengths = list(map(len, frames))
    keys = _key_columns(files, lengths, columns)
    names = _file_names(files, lengths, columns)
    frame = pd.concat(frames, ignore_index=True).assign(**keys, **names)
    read_texts = None
    if tables[0].read_texts is not None:
        read_texts = _texts_of_all(tables)
    return OpenTable(
        frame[[*keys, *names, *columns]],
        _notes(folder, files, tables, left_out),
        _sum_of_missing(tables),
        read_texts,
        next(iter(names), None),
        tuple(keys),
    )


def with_file_name(table: OpenTable, path: Path) -> OpenTable:
    """Return the table of one file with the column that names it, as a folder of files has it."""
    column = FILE_COLUMNS[0]
    if column in table.frame:
        column = FILE_COLUMNS[1]
    label = path.name.split(".")[0]
    return OpenTable(
        table.frame.assign(**{column: label}),
        table.assumed,
        table.missing,
        table.read_texts,
        column,
    )


def _check_columns(
    folder: Path, files: Sequence[FolderFile], tables: Sequence[OpenTable]
) -> None:
    """Raise unless all files have the columns that most of them have."""
    kinds = [frozenset(table.frame.columns) for table in tables]
    usual = Counter(kinds).most_common(1)[0][0]
    problems = []
    for file, kind in zip(files, kinds, strict=True):
        parts = []
        if lacks := sorted(usual - kind):
            parts.append(f"lacks {name_columns(lacks)}")
        if has := sorted(kind - usual):
            parts.append(f"has {name_columns(has)} besides")
        if parts:
            where = file.path.relative_to(folder).as_posix()
            problems.append(f"{where!r} {' and '.join(parts)}")
    if not problems:
        return
    shown = "; ".join(problems[:MOST_SHOWN])
    if len(problems) > MOST_SHOWN:
        shown += f"; ... ({len(problems)} files)"
    raise DataError(
        f"{str(folder)!r} must hold files with the "
        "same columns to be read as one table; "
        f"{shown}. "
        "Move files that are no part of "
        "it elsewhere, or name one file."
    )


def _alike(
    frames: Sequence[pd.DataFrame], tables: Sequence[OpenTable]
) -> list[pd.DataFrame]:
    """Return tables in which a column that is text in one file is text in all: 007 stays 007."""
    texts: set[str] = set()
    for frame in frames:
        for column in frame:
            values = frame[column]
            if not pd.api.types.is_numeric_dtype(values) and values.notna().any():
                texts.add(str(column))
    as_written = []
    for frame, table in zip(frames, tables, strict=True):
        written = table.as_written(sorted(texts))
        known = frame[list(written)].notna()
        changed = {str(name): written[name].where(known[name]) for name in written}
        as_written.append(frame.assign(**changed))
    return as_written


def _key_columns(
    files: Sequence[FolderFile], lengths: Sequence[int], own: Sequence[str]
) -> dict[str, pd.Series]:
    """Return the columns that the names of folders hold, unless the files have them."""
    columns = {}
    for key in files[0].keys:
        if key not in own:
            values = key_values([file.keys[key] for file in files])
            columns[key] = _repeated(values, lengths)
    return columns


def _file_names(
    files: Sequence[FolderFile], lengths: Sequence[int], own: Sequence[str]
) -> dict[str, pd.Series]:
    """Return the column that names the files, if a name for it is free."""
    labels = pd.Series([file.label for file in files])
    for column in FILE_COLUMNS:
        if column not in own and column not in files[0].keys:
            return {column: _repeated(labels, lengths)}
    return {}


def key_values(texts: Sequence[str]) -> pd.Series:
    """Return what the names of folders say as integers, or as text if one is not written so."""
    values = pd.Series([text if text != NULL_KEY else None for text in texts])
    known = list(values.dropna())
    if known and all(map(WHOLE_NUMBER.fullmatch, known)):
        return values.astype("Int64" if len(known) < len(texts) else "int64")
    return values.astype("str")


def _repeated(values: pd.Series, lengths: Sequence[int]) -> pd.Series:
    return values.repeat(list(lengths)).reset_index(drop=True)


def _texts_of_all(tables: Sequence[OpenTable]) -> ReadTexts:
    def read(columns: Sequence[str]) -> pd.DataFrame:
        frames = []
        for table in tables:
            assert table.read_texts is not None  # the files are of one kind
            frames.append(table.read_texts(columns).iloc[: len(table.frame)])
        return pd.concat(frames, ignore_index=True)

    return read


def _notes(
    folder: Path,
    files: Sequence[FolderFile],
    tables: Sequence[OpenTable],
    left_out: Sequence[str],
) -> list[str]:
    """Return what was assumed of the files, each sentence once, and what was not read."""
    counts: dict[str, list[str]] = {}
    for file, table in zip(files, tables, strict=True):
        for note in table.assumed:
            general = note.replace(f"`{file.path.name}`", "`{}`")
            counts.setdefault(general, []).append(file.path.name)
    if len(files) == 1:
        notes = [f"`{folder.name}` is a folder with one file, `{files[0].path.name}`."]
    else:
        notes = [f"`{folder.name}` is a folder: {len(files)} files read as one table."]
    empty = []
    for file, table in zip(files, tables, strict=True):
        if not len(table.frame):
            empty.append(file.path.name)
    if empty:
        notes.append(f"Without rows: {name_columns(empty)}.")
    if left_out:
        notes.append(f"Not read: {name_columns(left_out)}.")
    for general, names in counts.items():
        shown = f"`{names[0]}`"
        if len(names) > 1:
            shown += f" and {len(names) - 1} others"
        notes.append(general.replace("`{}`", shown))
    return notes


def _sum_of_missing(tables: Sequence[OpenTable]) -> Mapping[str, Mapping[str, int]]:
    total: dict[str, Counter[str]] = {}
    for table in tables:
        for column, counts in table.missing.items():
            total.setdefault(column, Counter()).update(counts)
    return total
