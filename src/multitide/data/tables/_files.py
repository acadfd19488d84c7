"""Open tables: DataFrames, files, and folders of files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from multitide._checks import suggest
from multitide.data._to_pandas import how_to_convert, to_pandas
from multitide.data.tables._csv_dialect import Dialect
from multitide.data.tables._folder import read_folder
from multitide.data.tables._one_file import OpenTable, from_memory, read_file
from multitide.errors import DataError


def open_table(
    data: object,
    dialect: Dialect | None = None,
    name: str = "data",
    without: Path | None = None,
) -> OpenTable:
    """Read a table from a file or folder, or take it from memory.

    Parameters
    ----------
    data : path or DataFrame
        CSV, TSV (also ``.gz``), Parquet, a folder of such files, or a DataFrame (its index becomes
        columns if it has names or holds times). A table of another library counts as a DataFrame.
    dialect : Dialect, optional
        The format of text files, as far as the user gave it.
    name : str
        The parameter, for messages.
    without : path, optional
        A file that a folder is read without: the table of labels may be next to the data.

    Raises
    ------
    DataError
        If the file is missing, of an unknown kind, unreadable or empty, two columns have the
        same name, or the files of a folder do not make one table.
    """
    dialect = dialect or Dialect()
    data = to_pandas(data, name)
    if isinstance(data, pd.DataFrame):
        table = from_memory(data, dialect, name)
    else:
        path = _existing(data, name)
        if path.is_dir():
            table = read_folder(path, dialect, name, without)
        else:
            table = read_file(path, dialect, name)
    if not len(table.frame):
        raise DataError(f"`{name}` must have at least one row; got an empty table.")
    return table


def _existing(data: object, name: str) -> Path:
    try:
        path = Path(data)  # type: ignore[arg-type]  # other types raise the TypeError
    except TypeError:
        raise DataError(
            f"`{name}` must be a path or a DataFrame; got {how_to_convert(data)}"
        ) from None
    if path.is_file() or path.is_dir():
        return path
    if str(path) == "-" or path.exists():
        raise DataError(
            f"`{name}` must be a file or folder; got {str(path)!r}, which is a stream or a device. "
            "Save its content as a file first."
        )
    near = ""
    if path.parent.is_dir():
        near = suggest(path.name, [file.name for file in path.parent.iterdir()])
    raise DataError(f"`{name}` must be an existing file; got {str(path)!r}.{near}")
