"""Samples from the body of a request; nothing in it names a file of the server."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from multitide.data._samples import Samples
from multitide.data.tables._read_like import read_like
from multitide.errors import MultitideError
from multitide.model._schema import DataRecord
from multitide.serving._limits import Limits
from multitide.serving._refusal import Refusal

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"
KINDS = (JSON, CSV, PARQUET, ARROW_STREAM, ARROW_FILE)

UPLOAD = "upload.csv"
MOST_GROWTH = 4  # of a compressed table, in sizes of the largest body
MOST_COLUMNS = 10_000


def read_request(body: bytes, kind: str, record: DataRecord, limits: Limits) -> Samples:
    """Return the samples of a request.

    Parameters
    ----------
    body : bytes
        What the client sent.
    kind : str
        Its content type, one of `KINDS`.
    record : DataRecord
        The data set of the model.
    limits : Limits
        What it may take.

    Raises
    ------
    Refusal
        If it cannot be read, or is too large.
    """
    try:
        if kind == JSON:
            return _from_json(body, record, limits)
        frame = _decoded(body, kind, limits)
        if frame is None:
            return _from_csv(body, record, limits)
        return _from_frame(frame, None, record)
    except MultitideError as error:
        raise Refusal(422, str(error)) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(kind) from error


def _decoded(body: bytes, kind: str, limits: Limits) -> pd.DataFrame | None:
    """Return a table; None for text, which the reader of files decodes."""
    try:
        frame: pd.DataFrame | None = TABLES[kind](body, limits)
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
        raise _unreadable(kind) from error
    return frame


def _unreadable(kind: str) -> Refusal:
    return Refusal(422, f"The body must be {kind} that can be read.")


def _from_json(body: bytes, record: DataRecord, limits: Limits) -> Samples:
    try:
        content = json.loads(body, parse_constant=_no_constant)
    except ValueError as error:
        raise Refusal(422, f"The body must be JSON; {error}") from error
    if not isinstance(content, dict) or ("rows" in content) == ("windows" in content):
        raise Refusal(
            422, 'The body must be an object with either "rows" or "windows".'
        )
    known = {"rows", "labels"} if "rows" in content else {"windows", "static"}
    for name in content:
        if name not in known:
            raise Refusal(
                422, f"The body must have no other keys than {sorted(known)}."
            )
    if "windows" in content:
        return _from_windows(content["windows"], content.get("static"), record, limits)
    frame = _rows("rows", content["rows"], limits)
    labels = content.get("labels")
    if labels is not None:
        labels = _rows("labels", labels, limits)
    return _from_frame(frame, labels, record)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON; use null for a missing value")


def _rows(name: str, rows: object, limits: Limits) -> pd.DataFrame:
    """Return a list of objects as a table."""
    is_table = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    if not is_table or not rows:
        raise Refusal(422, f'"{name}" must be a list of objects, one per row.')
    assert isinstance(rows, list)
    _check_rows(len(rows), limits)
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
        if len(columns) > MOST_COLUMNS:
            raise Refusal(422, f'"{name}" must have at most {MOST_COLUMNS} columns.')
        for value in row.values():
            if isinstance(value, (list, dict)):
                raise Refusal(422, f'"{name}" must hold numbers, text and null.')
    return pd.DataFrame(rows, columns=list(columns))


def _from_windows(
    windows: object, static: object, record: DataRecord, limits: Limits
) -> Samples:
    """Return samples of nested lists (n_samples, n_channels, time)."""
    if not isinstance(windows, list) or not windows:
        raise Refusal(
            422, '"windows" must be a list of series, each a list of channels.'
        )
    series = []
    n_steps = 0
    for number, window in enumerate(windows):
        series.append(_window(number, window, len(record.channels)))
        n_steps += series[-1].shape[1]
        _check_rows(n_steps, limits)
    frame = None
    if static is not None:
        frame = _rows("static", static, limits)
    samples = Samples.from_arrays(series, static=frame, channels=record.channels)
    return samples.replace(categories=record.categories)


def _window(number: int, window: object, n_channels: int) -> np.ndarray:
    """Return one series, float (n_channels, time)."""
    problem = Refusal(
        422,
        f"Window {number} must have {n_channels} channels of the same number of steps, "
        "with numbers and null.",
    )
    if not isinstance(window, list) or len(window) != n_channels:
        raise problem
    for channel in window:
        if not isinstance(channel, list) or not channel:
            raise problem
        if len(channel) != len(window[0]):
            raise problem
        for value in channel:
            if isinstance(value, bool) or not isinstance(
                value, (int, float, type(None))
            ):
                raise problem
    try:
        return np.array(window, dtype=np.float64)
    except OverflowError as error:
        raise problem from error


def _from_csv(body: bytes, record: DataRecord, limits: Limits) -> Samples:
    """Return the samples of a file, which is read as the training data were."""
    _check_rows(body.count(b"\n"), limits)
    reading = _reading(record)
    with tempfile.TemporaryDirectory(prefix="multitide-") as folder:
        path = Path(folder) / UPLOAD
        path.write_bytes(body)
        try:
            return read_like(reading, path, need_labels=False)
        except MultitideError as error:
            # The place of the server's temporary files is nobody's business.
            message = str(error).replace(f"{folder}/", "").replace(folder, UPLOAD)
            raise Refusal(422, message) from error


def _from_frame(
    frame: pd.DataFrame, labels: pd.DataFrame | None, record: DataRecord
) -> Samples:
    return read_like(_reading(record), frame, labels=labels, need_labels=False)


def _reading(record: DataRecord) -> Mapping[str, object]:
    if not record.reading:
        raise Refusal(
            422, 'The model was fitted on arrays; send {"windows": ...} as JSON.'
        )
    return record.reading


def _csv(body: bytes, limits: Limits) -> None:
    """Leave the text to the reader of files."""


def _parquet(body: bytes, limits: Limits) -> pd.DataFrame:
    file = pq.ParquetFile(io.BytesIO(body))
    facts = file.metadata
    _check_rows(facts.num_rows, limits)
    if facts.num_columns > MOST_COLUMNS:
        raise Refusal(422, f"The table must have at most {MOST_COLUMNS} columns.")
    n_bytes = 0
    for number in range(facts.num_row_groups):
        n_bytes += facts.row_group(number).total_byte_size
    _check_bytes(n_bytes, limits)
    return _to_pandas(file.read())


def _arrow_stream(body: bytes, limits: Limits) -> pd.DataFrame:
    return _of_batches(pa.ipc.open_stream(io.BytesIO(body)), limits)


def _arrow_file(body: bytes, limits: Limits) -> pd.DataFrame:
    file = pa.ipc.open_file(io.BytesIO(body))
    batches = []
    for number in range(file.num_record_batches):
        batches.append(file.get_batch(number))
        _check_batches(batches, limits)
    return _to_pandas(pa.Table.from_batches(batches, file.schema))


def _of_batches(reader: pa.RecordBatchReader, limits: Limits) -> pd.DataFrame:
    batches: list[pa.RecordBatch] = []
    for batch in reader:
        batches.append(batch)
        _check_batches(batches, limits)
    return _to_pandas(pa.Table.from_batches(batches, reader.schema))


def _check_batches(batches: list[pa.RecordBatch], limits: Limits) -> None:
    _check_rows(sum(batch.num_rows for batch in batches), limits)
    _check_bytes(sum(batch.nbytes for batch in batches), limits)


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    table.validate(full=True)
    for field in table.schema:
        if pa.types.is_nested(field.type):
            raise Refusal(422, f"`{field.name}` must hold numbers, times or text.")
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def _check_rows(n_rows: int, limits: Limits) -> None:
    if n_rows > limits.rows:
        raise Refusal(413, f"The data must have at most {limits.rows:,} rows.")


def _check_bytes(n_bytes: int, limits: Limits) -> None:
    """Raise if a compressed table grows to far more than its body may have."""
    most = MOST_GROWTH * limits.n_bytes
    if n_bytes > most:
        raise Refusal(
            413, f"The data must have at most {most:,} bytes without compression."
        )


# Any: a table, or None for text.
TABLES: dict[str, Callable[[bytes, Limits], Any]] = {
    CSV: _csv,
    PARQUET: _parquet,
    ARROW_STREAM: _arrow_stream,
    ARROW_FILE: _arrow_file,
}
