"""A table from the bytes of a Parquet or Arrow file, whose author may mean harm.

A few hundred bytes can stand for gigabytes: pages are compressed, and a dictionary writes a long
text once for all rows. So sizes are found out before a table is built.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from multitide.serving._limits import Limits
from multitide.serving._refusal import Refusal

PARQUET = "application/vnd.apache.parquet"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
ARROW_FILE = "application/vnd.apache.arrow.file"

ROWS_AT_ONCE = 1000
MAGIC = b"ARROW1\x00\x00"  # of an Arrow file; a stream follows
# Where Arrow's format has them: fields of a message and of its parts.
HEADER, BATCH_OF_DICTIONARY, BUFFERS, COMPRESSION = 2, 1, 2, 3
OLD_COMPRESSION = b"experimental_compression"


def decode_table(body: bytes, kind: str, limits: Limits) -> pd.DataFrame:
    """Return the table of a body.

    Parameters
    ----------
    body : bytes
        What the client sent.
    kind : str
        Its content type, a key of `DECODERS`.
    limits : Limits
        What it may take.

    Raises
    ------
    Refusal
        If it cannot be read, or is too large.
    """
    try:
        return _to_pandas(DECODERS[kind](body, limits))
    except (pa.ArrowException, OSError, OverflowError, ValueError, struct.error) as err:
        raise Refusal(422, f"The body must be {kind} that can be read.") from err


def _of_parquet(body: bytes, limits: Limits) -> pa.Table:
    file = pq.ParquetFile(io.BytesIO(body))
    facts, schema = file.metadata, file.schema_arrow
    limits.check_table(facts.num_rows, facts.num_columns)
    _check_types(schema)
    n_bytes = 0
    for number in range(facts.num_row_groups):
        n_bytes += facts.row_group(number).total_byte_size
    limits.check_memory(n_bytes)
    # Text stays in its dictionary until it is known how long it is in all rows together.
    texts = [field.name for field in schema if _is_text(field.type)]
    file = pq.ParquetFile(io.BytesIO(body), read_dictionary=texts)
    batches = file.iter_batches(ROWS_AT_ONCE, use_threads=False)
    return _gathered(batches, file.schema_arrow, limits)


def _of_stream(body: bytes, limits: Limits) -> pa.Table:
    n_bytes = 0
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        if message.type != "schema":
            n_bytes += _unpacked_bytes(message)
        limits.check_memory(n_bytes)
    reader = pa.ipc.open_stream(pa.py_buffer(body))
    limits.check_table(0, len(reader.schema))
    _check_types(reader.schema)
    return _gathered(reader, reader.schema, limits)


def _of_file(body: bytes, limits: Limits) -> pa.Table:
    if not body.startswith(MAGIC):
        raise ValueError("is no Arrow file")
    return _of_stream(body[len(MAGIC) :], limits)


def _gathered(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, limits: Limits
) -> pa.Table:
    """Return the table of batches; refuse it with the first one that makes it too large."""
    gathered: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    for batch in batches:
        batch.validate(full=True)
        gathered.append(batch)
        n_rows += batch.num_rows
        for column in batch.columns:
            n_bytes += _decoded_bytes(column)
        limits.check_rows(n_rows)
        limits.check_memory(n_bytes)
    return pa.Table.from_batches(gathered, schema)


def _check_types(schema: pa.Schema) -> None:
    for field in schema:
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        is_packed = pa.types.is_run_end_encoded(kind) or pa.types.is_dictionary(kind)
        if is_packed or pa.types.is_nested(kind):
            raise Refusal(422, f"`{field.name}` must hold numbers, times or text.")


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    is_binary = types.is_binary(kind) or types.is_large_binary(kind)
    return bool(is_binary or types.is_string(kind) or types.is_large_string(kind))


def _decoded_bytes(column: pa.Array) -> int:
    """Return how many bytes a column has once each row has a value of its own."""
    if pa.types.is_dictionary(column.type) and _is_text(column.type.value_type):
        sizes = pc.cast(pc.binary_length(column.dictionary), pa.int64())
        return pc.sum(pc.take(sizes, column.indices)).as_py() or 0
    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        # 16 bytes per row, of which the first four are the length of its text.
        views = np.frombuffer(column.buffers()[1], "<i4")[::4]
        return int(views[column.offset :][: len(column)].sum(dtype=np.int64))
    if pa.types.is_dictionary(column.type):
        return len(column) * 16
    return int(column.nbytes)


def _unpacked_bytes(message: pa.Message) -> int:
    """Return how many bytes the body of a message has without compression."""
    content = message.metadata.to_pybytes()
    if OLD_COMPRESSION in content:
        raise ValueError("is compressed in a way of early versions")
    (root,) = struct.unpack_from("<I", content)
    batch = _reference(content, _place(content, root, HEADER))
    if message.type == "dictionary":
        batch = _reference(content, _place(content, batch, BATCH_OF_DICTIONARY))
    if not _place(content, batch, COMPRESSION):
        return int(message.body.size)
    buffers = _reference(content, _place(content, batch, BUFFERS))
    (n_buffers,) = struct.unpack_from("<I", content, buffers)
    packed, total = memoryview(message.body), 0
    for number in range(n_buffers):
        start, size = struct.unpack_from("<qq", content, buffers + 4 + 16 * number)
        if size:
            # The size without compression comes first; -1: it is not compressed.
            (unpacked,) = struct.unpack_from("<q", packed, start)
            total += size if unpacked == -1 else abs(unpacked)
    return total


def _place(content: bytes, table: int, field: int) -> int:
    """Return where a field of a flatbuffers table is; 0 if it is absent."""
    (back,) = struct.unpack_from("<i", content, table)
    (n_bytes,) = struct.unpack_from("<H", content, table - back)
    entry = 4 + 2 * field
    if entry >= n_bytes:
        return 0
    (offset,) = struct.unpack_from("<H", content, table - back + entry)
    return table + int(offset) if offset else 0


def _reference(content: bytes, place: int) -> int:
    if not place:
        raise ValueError("lacks a part")
    (offset,) = struct.unpack_from("<I", content, place)
    return place + int(offset)


def _to_pandas(table: pa.Table) -> pd.DataFrame:
    columns = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        columns.append(column)
    plain = pa.Table.from_arrays(columns, names=table.column_names)
    frame: pd.DataFrame = plain.to_pandas(ignore_metadata=True)
    return frame


DECODERS: dict[str, Callable[[bytes, Limits], pa.Table]] = {
    PARQUET: _of_parquet,
    ARROW_STREAM: _of_stream,
    ARROW_FILE: _of_file,
}
