"""A small body that stands for a huge table is refused before the table is built."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from multitide.serving._decode_table import (
    ARROW_FILE,
    ARROW_STREAM,
    PARQUET,
    decode_table,
)
from multitide.serving._limits import Limits
from multitide.serving._refusal import Refusal

LIMITS = Limits(megabytes=1, rows=2000)
TABLE = pa.table(
    {
        "time": pa.array(pd.date_range("2024", periods=50, freq="h")),
        "a": pa.array([1.5, None] * 25),
        "word": pa.array(["on", None, "off", "on", "on"] * 10),
    }
)


def in_form(table: pa.Table, kind: str, compression: str | None = None) -> bytes:
    stream = io.BytesIO()
    if kind == PARQUET:
        pq.write_table(
            table, stream, compression=compression or "none", store_schema=False
        )
        return stream.getvalue()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_file if kind == ARROW_FILE else pa.ipc.new_stream
    with new(stream, table.schema, options=options) as writer:
        writer.write_table(table)
    return stream.getvalue()


def refused_with(body: bytes, kind: str) -> int:
    before = pa.total_allocated_bytes()
    with pytest.raises(Refusal) as caught:
        decode_table(body, kind, LIMITS)
    assert pa.total_allocated_bytes() - before < 2**23
    return caught.value.status


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@pytest.mark.parametrize("kind", [PARQUET, ARROW_STREAM, ARROW_FILE])
def test_a_table_is_the_same_in_every_form(kind: str, compression: Any) -> None:
    for table in (
        TABLE,
        TABLE.set_column(2, "word", TABLE["word"].dictionary_encode()),
        TABLE.set_column(2, "word", TABLE["word"].cast(pa.large_string())),
        TABLE.slice(7, 30),
    ):
        frame = decode_table(in_form(table, kind, compression), kind, LIMITS)
        expected = TABLE.slice(7, 30) if len(table) == 30 else TABLE
        pd.testing.assert_frame_equal(frame, expected.to_pandas(), check_dtype=False)


def test_texts_of_polars_are_read() -> None:
    view = TABLE.set_column(2, "word", TABLE["word"].cast(pa.string_view()))
    frame = decode_table(in_form(view, ARROW_STREAM), ARROW_STREAM, LIMITS)
    assert frame["word"].tolist()[0] == "on"


LONG = "x" * 100_000
BOMBS = {
    "zeros": pa.table({f"c{i}": np.zeros(1900) for i in range(300)}),
    "one text for all rows": pa.table(
        {"a": pa.DictionaryArray.from_arrays(np.zeros(1900, "i4"), pa.array([LONG]))}
    ),
    "rows": pa.table({"a": np.zeros(3000)}),
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("kind", [PARQUET, ARROW_STREAM, ARROW_FILE])
def test_a_bomb_is_refused_before_it_is_unpacked(bomb: str, kind: str) -> None:
    body = in_form(BOMBS[bomb], kind, "zstd")
    assert len(body) < LIMITS.n_bytes
    assert refused_with(body, kind) == 413


def test_views_of_one_text_are_counted_row_by_row() -> None:
    # Length, the first four letters, the number of the buffer, and the place in it.
    view = np.array([len(LONG), int.from_bytes(b"xxxx", "little"), 0, 0], "<i4")
    buffers = [None, pa.py_buffer(np.tile(view, 1900)), pa.py_buffer(LONG.encode())]
    texts = pa.Array.from_buffers(pa.string_view(), 1900, buffers)
    body = in_form(pa.table({"a": texts}), ARROW_STREAM)
    assert refused_with(body, ARROW_STREAM) == 413


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1.0]] * 20),
        pa.array([{"b": 1}] * 20),
        pa.RunEndEncodedArray.from_arrays(pa.array([20], pa.int32()), pa.array([1.0])),
    ],
)
def test_packed_and_nested_columns_are_refused(column: pa.Array) -> None:
    body = in_form(pa.table({"a": column}), ARROW_STREAM)
    assert refused_with(body, ARROW_STREAM) == 422


@pytest.mark.parametrize("kind", [PARQUET, ARROW_STREAM, ARROW_FILE])
def test_damaged_bodies_are_refused(kind: str) -> None:
    body = in_form(TABLE, kind, "zstd")
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(body)
        for place in rng.integers(0, len(body), 3):
            damaged[place] = rng.integers(256)
        cut = bytes(damaged[: rng.integers(1, len(body) + 1)])
        try:
            decode_table(cut, kind, LIMITS)
        except Refusal as refusal:
            assert refusal.status in (413, 422)
