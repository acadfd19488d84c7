"""Read a table from its store, which is built once: the numbers stay on disk and are mapped."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from filelock import FileLock

from multitide._checks import as_path
from multitide._result_folder import replaced_folder, writable
from multitide.data._samples import Samples
from multitide.data._to_pandas import to_pandas
from multitide.data.tables._build_store import build_store
from multitide.data.tables._files import open_table
from multitide.data.tables._findings import Findings
from multitide.data.tables._folder_files import folder_files
from multitide.data.tables._one_file import CSV_SUFFIXES, PARQUET_SUFFIXES, kind_suffix
from multitide.data.tables._read_options import Table
from multitide.data.tables._reading import Reading
from multitide.data.tables._store_files import (
    RECORD,
    VALUES,
    ValuesFile,
    is_stored_table,
    open_samples,
    write_samples,
)
from multitide.data.tables._table_parts import table_parts
from multitide.errors import DataError, StoreError

MOST_VALUES = 2_000_000  # cells of a part, and of a table that is read as a whole

logger = logging.getLogger("multitide")


def read_stored(
    data: Table,
    labels: Table | None,
    reading: Reading,
    store: str | Path,
    read_whole: Callable[[], Samples],
    *,
    only_present: bool = False,
    n_values: int | None = None,
) -> Samples:
    """Return the samples of a table whose values are mapped from a file in a cache folder.

    The store of a table is a folder of its own, named after the table and the options. It is used
    while its files have the size and the time that they had when it was built, and is built again
    otherwise, or if it is damaged. Other processes wait until it is complete.

    Parameters
    ----------
    data : path
        CSV or Parquet, or a folder of such files.
    labels : path or DataFrame, optional
        As in :func:`read_table`.
    reading : Reading
        The options.
    store : path
        The cache folder; made if it is absent.
    read_whole : callable
        Reads the table in memory: a small one is stored as it returns it.
    only_present : bool, default=False
        Whether tasks are left out whose column is absent.
    n_values : int, optional
        Number of cells of a part.

    Raises
    ------
    DataError
        As :func:`read_table`, and if `data` is no file, or its rows are not in order.
    StoreError
        If the store cannot be written, or something else has its name.
    """
    place = as_path("store", store)
    path = _path(data, reading)
    source = _source(path, labels, reading, only_present=only_present)
    folder = place / _name(path, source)
    with writable(folder, "store"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not _is_current(folder, source):
                _build(
                    folder,
                    path,
                    labels,
                    reading,
                    source,
                    read_whole,
                    n_values or MOST_VALUES,
                    only_present=only_present,
                )
            samples = open_samples(folder, source)
    for sentence in (samples.reading or {}).get("assumed", ()):
        logger.info(sentence)
    return samples


def _path(data: Table, reading: Reading) -> Path:
    """Return where the table is, which must be a file or folder that can be read in parts."""
    if not isinstance(data, (str, Path)):
        raise DataError(
            "`store` must only be given for a file or folder; got a table in memory. "
            "Save it as .parquet, or remove `store`."
        )
    path = Path(data)
    if not path.exists():
        open_table(data)  # raises
    if path.is_file() and kind_suffix(path) not in (*CSV_SUFFIXES, *PARQUET_SUFFIXES):
        raise DataError(
            "`store` must only be given for .csv and .parquet files; "
            f"got {path.name!r}. Save it as one of these, or remove `store`."
        )
    return path


def _source(
    path: Path, labels: Table | None, reading: Reading, *, only_present: bool
) -> dict[str, object]:
    """Return what a stored table is made of, as plain JSON values."""
    beside = Path(labels) if isinstance(labels, (str, Path)) else None
    files = [path]
    if path.is_dir():
        files = [file.path for file in folder_files(path, "data", beside)[0]]
    source: dict[str, object] = {
        "data": str(path.resolve()),
        "files": [_state(file) for file in files],
        "options": {**reading.to_dict(), "only_present": only_present},
    }
    if beside is not None:
        source["labels"] = str(beside.resolve())
        source["label_file"] = _state(beside) if beside.is_file() else None
    elif labels is not None:
        frame = to_pandas(labels, "labels")
        assert isinstance(frame, pd.DataFrame)
        text = frame.to_csv() + str(frame.dtypes.to_dict())
        source["labels"] = hashlib.sha256(text.encode()).hexdigest()
    as_read_back: dict[str, object] = json.loads(json.dumps(source))
    return as_read_back


def _state(file: Path) -> list[object]:
    facts = file.stat()
    return [file.name, facts.st_size, facts.st_mtime_ns]


def _name(path: Path, source: dict[str, object]) -> str:
    """Return the name of a store: it does not depend on the state of the files."""
    lasting = [source["data"], source.get("labels"), source["options"]]
    digest = hashlib.sha256(json.dumps(lasting, sort_keys=True).encode())
    return f"{path.name.split('.')[0][:60]}-{digest.hexdigest()[:16]}"


def _is_current(folder: Path, source: dict[str, object]) -> bool:
    """Whether a folder holds this table, complete and of these files.

    Raises
    ------
    StoreError
        If it holds something that is no stored table, which must not be overwritten.
    """
    if not folder.exists():
        return False
    if not is_stored_table(folder):
        raise StoreError(
            f"`store` must have room for {folder.name!r}; {str(folder)!r} holds something "
            "else. Move it away, or choose another folder."
        )
    try:
        open_samples(folder, source)
    except StoreError as error:
        logger.warning("The stored table is built again: %s", error)
        return False
    return True


def _build(
    folder: Path,
    path: Path,
    labels: Table | None,
    reading: Reading,
    source: dict[str, object],
    read_whole: Callable[[], Samples],
    n_values: int,
    *,
    only_present: bool,
) -> None:
    """Write the store of a table; of a small one, as it is read as a whole."""
    with replaced_folder(folder, "store") as draft:
        if _is_small(path, labels, reading, n_values):
            samples = read_whole()
            with ValuesFile(draft / VALUES, samples.values.dtype) as values:
                values.write(samples.values, 0)
            n_rows = values.n_rows
        else:
            findings = Findings()
            samples, n_rows = build_store(
                path,
                labels,
                reading,
                draft,
                findings,
                n_values=n_values,
                only_present=only_present,
            )
        write_samples(draft, samples, n_rows, source)
    logger.info("`store`: %s holds %d rows in %s.", folder, n_rows, RECORD)


def _is_small(
    path: Path, labels: Table | None, reading: Reading, n_values: int
) -> bool:
    """Whether a table fits into one part."""
    beside = Path(labels) if isinstance(labels, (str, Path)) else None
    n_cells = 0
    for part in table_parts(path, reading, n_values, beside):
        n_cells += part.size
        if n_cells >= n_values:
            return False
    return True
