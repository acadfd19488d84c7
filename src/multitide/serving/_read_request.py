"""Samples from the body of a request; nothing in it names a file of the server."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data.tables._read_like import read_like
from multitide.errors import MultitideError
from multitide.model._schema import DataRecord
from multitide.serving._decode_table import (
    ARROW_FILE,
    ARROW_STREAM,
    PARQUET,
    decode_table,
)
from multitide.serving._limits import Limits
from multitide.serving._refusal import Refusal

JSON = "application/json"
CSV = "text/csv"
KINDS = (JSON, CSV, PARQUET, ARROW_STREAM, ARROW_FILE)

UPLOAD = "upload.csv"
SEPARATORS = (b",", b";", b"\t", b"|")


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
        if kind == CSV:
            return _from_csv(body, record, limits)
        return _from_frame(decode_table(body, kind, limits), None, record)
    except MultitideError as error:
        raise Refusal(422, str(error)) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise Refusal(422, f"The body must be {kind} that can be read.") from error


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
    limits.check_rows(len(rows))
    columns: dict[str, None] = {}
    for row in rows:
        columns.update(dict.fromkeys(row))
        limits.check_table(len(rows), len(columns))
        for value in row.values():
            if isinstance(value, (list, dict)) or _is_infinite(value):
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
        limits.check_rows(n_steps)
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
            if not _is_number_or_null(value):
                raise problem
    try:
        return np.array(window, dtype=np.float64)
    except OverflowError as error:
        raise problem from error


def _is_number_or_null(value: object) -> bool:
    if value is None:
        return True
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and not _is_infinite(value)


def _is_infinite(value: object) -> bool:
    """Return whether a value is what 1e999 becomes in Python."""
    return isinstance(value, float) and math.isinf(value)


def _from_csv(body: bytes, record: DataRecord, limits: Limits) -> Samples:
    """Return the samples of a file, which is read as the training data were."""
    n_rows = max(body.count(b"\n"), body.count(b"\r"))
    n_columns = 0
    for line in body.splitlines():
        n_columns = max(n_columns, 1 + _n_separators(line))
    limits.check_table(n_rows, n_columns)
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


def _n_separators(line: bytes) -> int:
    """Return how often the commonest separator is in a line."""
    return max(line.count(separator) for separator in SEPARATORS)


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
