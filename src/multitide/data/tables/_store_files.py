"""The files of a stored table: the numbers as one file that is mapped, the rest beside it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from multitide.data._precision import Spread
from multitide.data._samples import Samples
from multitide.errors import StoreError

VALUES, ARRAYS, RECORD = "values.bin", "arrays.npz", "table.json"
FORMAT, SCHEMA = "multitide table", 1
# Of `Samples`: arrays with one entry per sample, and tables.
PER_SAMPLE = ("starts", "lengths", "series", "unit", "time", "begin", "finish")
FRAMES = ("y", "static", "extra", "weights", "left_out")
TEXTS = "texts.parquet"  # those of the arrays that hold text
FILES = (VALUES, ARRAYS, RECORD, TEXTS, *(f"{name}.parquet" for name in FRAMES))
N_PROBES, PROBE = 64, 4096  # places of the values that are hashed, and bytes at each


class TableRecord(BaseModel):
    """What a stored table holds, and what it was made of; see `RECORD`."""

    model_config = ConfigDict(extra="forbid")

    format: str
    schema_version: int
    source: dict[str, Any]
    n_rows: int
    dtype: str
    channels: list[str]
    categories: dict[str, list[Any]]
    reading: dict[str, Any] | None
    hashes: dict[str, str]


class ValuesFile:
    """The values of a table while they are written, some rows at a time.

    Parameters
    ----------
    path : path
        A new file.
    dtype : dtype
        float32 or float64.
    """

    def __init__(self, path: Path, dtype: np.dtype[np.generic]) -> None:
        self.n_rows = 0
        self.spread = Spread()
        self._dtype = dtype
        self._file = path.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, values: np.ndarray, first_row: int) -> None:
        """Write rows of the table, of which the first ones may have been written before."""
        new = values[self.n_rows - first_row :]
        self.spread.add(new)
        self._file.write(np.ascontiguousarray(new, dtype=self._dtype).data)
        self.n_rows += len(new)


def write_samples(
    folder: Path, samples: Samples, n_rows: int, source: Mapping[str, object]
) -> None:
    """Write everything but the values, which are there already.

    Parameters
    ----------
    folder : path
        Holds `VALUES`.
    samples : Samples
        Their `values` only have the dtype of the file.
    n_rows : int
        Number of rows of the values.
    source : mapping
        What the table is made of, as plain JSON values.
    """
    arrays, texts = {}, {}
    for name in PER_SAMPLE:
        array = getattr(samples, name)
        if array is None:
            continue
        if array.dtype.kind in "OTU":
            texts[name] = array
        else:
            arrays[name] = array
    # Without `allow_pickle`, which NumPy 2.0 would store as an array; texts are left out above.
    np.savez(folder / ARRAYS, **arrays)
    _write_frame(folder / TEXTS, pd.DataFrame(texts))
    for name in FRAMES:
        _write_frame(folder / f"{name}.parquet", getattr(samples, name))
    hashes = {}
    for path in sorted(folder.iterdir()):
        hashes[path.name] = _hash(path)
    record = TableRecord(
        format=FORMAT,
        schema_version=SCHEMA,
        source=dict(source),
        n_rows=n_rows,
        dtype=str(samples.values.dtype),
        channels=list(samples.channels),
        categories={name: list(each) for name, each in samples.categories.items()},
        reading=samples.reading,
        hashes=hashes,
    )
    (folder / RECORD).write_text(record.model_dump_json(), encoding="utf-8")


def open_samples(folder: Path, source: Mapping[str, object]) -> Samples:
    """Open a stored table; its values are mapped, read-only.

    Parameters
    ----------
    folder : path
        What :func:`write_samples` has written.
    source : mapping
        What the table must be made of.

    Raises
    ------
    StoreError
        If it is made of something else, or a file is damaged or missing.
    """
    try:
        record = TableRecord.model_validate_json((folder / RECORD).read_bytes())
        _check(record.format == FORMAT and record.schema_version == SCHEMA, "version")
        _check(record.source == source, "source")
        _check(record.dtype in ("float32", "float64"), "dtype")
        for name in {VALUES, ARRAYS, *record.hashes}:
            _check(name in FILES, name)
            _check(_hash(folder / name) == record.hashes[name], name)
        return _samples(folder, record)
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise StoreError(f"{str(folder)!r} is damaged ({error}).") from error


def is_stored_table(folder: Path) -> bool:
    """Whether a folder holds nothing but files of a stored table, perhaps damaged ones."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return names <= set(FILES) and RECORD in names


def _samples(folder: Path, record: TableRecord) -> Samples:
    shape = (record.n_rows, len(record.channels))
    size = (folder / VALUES).stat().st_size
    _check(
        size == shape[0] * shape[1] * np.dtype(record.dtype).itemsize, "size of values"
    )
    values = np.memmap(folder / VALUES, dtype=record.dtype, mode="r", shape=shape)
    fields: dict[str, Any] = {}
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        for name in arrays.files:
            _check(name in PER_SAMPLE, name)
            fields[name] = arrays[name]
    texts = _read_frame(folder / TEXTS)
    if texts is not None:
        for name, column in texts.items():
            _check(name in PER_SAMPLE, str(name))
            fields[str(name)] = column.to_numpy(dtype=object)
    for name in FRAMES:
        fields[name] = _read_frame(folder / f"{name}.parquet")
    starts, lengths = fields["starts"], fields["lengths"]
    if fields["y"] is None:  # a table without tasks
        fields["y"] = pd.DataFrame(index=pd.RangeIndex(len(starts)))
    if fields["left_out"] is not None:
        fields["left_out"] = fields["left_out"].astype("object")
    _check_places(starts, lengths, record.n_rows)
    for name, field in fields.items():
        if name != "left_out" and field is not None:
            _check(len(field) == len(starts), f"length of {name}")
    categories = {name: tuple(each) for name, each in record.categories.items()}
    return Samples(
        values=values,
        channels=tuple(record.channels),
        categories=categories,
        reading=record.reading,
        **fields,
    )


def _check_places(starts: np.ndarray, lengths: np.ndarray, n_rows: int) -> None:
    """Raise unless every sample lies in the table: batches are gathered without a check."""
    _check(starts.dtype == lengths.dtype == np.int64, "dtype of starts and lengths")
    _check(starts.ndim == 1 and starts.shape == lengths.shape, "shape of starts")
    is_inside = (starts >= 0) & (lengths > 0) & (lengths <= n_rows - starts)
    _check(bool(is_inside.all()), "starts and lengths")


def _check(is_right: bool, what: str) -> None:
    if not is_right:
        raise ValueError(f"{what} is not as expected")


def _write_frame(path: Path, frame: pd.DataFrame | None) -> None:
    """Write a table; nothing if it has no column."""
    if frame is not None and frame.shape[1]:
        frame.to_parquet(path, index=False)


def _read_frame(path: Path) -> pd.DataFrame | None:
    if path.is_file():
        return pd.read_parquet(path)
    return None


def _hash(path: Path) -> str:
    """Return a hash of a file; of the values, of their size and of some places."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if path.name != VALUES:
            digest.update(file.read())
            return digest.hexdigest()
        size = file.seek(0, os.SEEK_END)
        digest.update(str(size).encode())
        for place in np.linspace(0, max(0, size - PROBE), N_PROBES).astype(np.int64):
            file.seek(int(place))
            digest.update(file.read(PROBE))
    return digest.hexdigest()
