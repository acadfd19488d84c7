"""Every row of a table is in a sample or in `left_out`, with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multitide.data._samples import Samples
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from refusals import refused


def long_table(lengths: dict[str, int], **columns: Any) -> pd.DataFrame:
    """Return hourly rows of several series."""
    parts = []
    for name, n in lengths.items():
        time = pd.date_range("2024-01-01", periods=n, freq="h")
        parts.append(
            pd.DataFrame({"unit": name, "when": time, "x": np.arange(n) + 0.5})
        )
    return pd.concat(parts, ignore_index=True).assign(**columns)


def rows_in_samples(samples: Samples) -> int:
    inside = np.zeros(len(samples.values), dtype=bool)
    for start, length in zip(samples.starts, samples.lengths, strict=True):
        inside[start : start + length] = True
    return int(inside.sum())


def left_out(samples: Samples) -> pd.DataFrame:
    assert samples.left_out is not None
    return samples.left_out


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=6),
    removed=st.sets(st.integers(0, 71), max_size=12),
    unmeasured=st.sets(st.integers(0, 71), max_size=6),
    window=st.integers(1, 4),
    stride=st.integers(1, 5),
)
def test_every_row_is_in_a_sample_or_left_out(
    lengths: list[int],
    removed: set[int],
    unmeasured: set[int],
    window: int,
    stride: int,
) -> None:
    names = {f"u{i}": n for i, n in enumerate([*lengths, 20])}
    table = long_table(names)
    table.loc[[i for i in unmeasured if i < len(table) - 20], "x"] = np.nan
    table = table.drop(index=[i for i in removed if i < len(table) - 20])
    samples = read_table(
        table,
        series="unit",
        time="when",
        window=window,
        stride=min(stride, window),
        missing_rows="drop",
    )
    found = left_out(samples)
    assert rows_in_samples(samples) + found["rows"].sum() == len(table)
    assert found["why"].notna().all() and found["series"].isin(names).all()
    assert (found["first"] <= found["last"]).all()


def test_each_reason_is_one_sentence_with_an_example() -> None:
    table = long_table({"a": 12, "b": 3, "c": 11, "d": 12})
    table = table.drop(index=[28, 29, 30])  # a gap in the last series, 2 rows before
    samples = read_table(table, series="unit", time="when", window=4, stride=2)
    reasons = dict(left_out(samples).groupby("why")["rows"].sum())
    assert reasons == {
        "fewer rows than the window (4)": 3,
        "between gaps, fewer rows than the window (4)": 2,
        "after the last window (stride 2)": 2,
    }
    assert samples.reading is not None
    said = [line for line in samples.reading["assumed"] if "not used, e.g." in line]
    assert len(said) == 3
    assert "`unit` b, 3 rows from 2024-01-01 00:00:00 to 2024-01-01 02:00:00" in said[0]
    assert "`unit` d, 2 rows" in said[1]
    assert "`unit` c, the row at 2024-01-01 10:00:00" in said[2]


def test_whole_series_leave_nothing_out() -> None:
    samples = read_table(long_table({"a": 3, "b": 5}), series="unit", time="when")
    assert len(left_out(samples)) == 0
    assert samples[:1].left_out is not None
    assert Samples.from_arrays(np.zeros((2, 1, 3))).left_out is None


@pytest.mark.parametrize("column", ["unit", "when"])
def test_new_rows_without_a_key_are_left_out_and_said(column: str) -> None:
    table = long_table({"a": 6, "b": 6})
    known = read_table(table, series="unit", time="when", window=3)
    assert known.reading is not None
    new = table.astype({"unit": "object"})
    new.loc[[4, 11], column] = None
    samples = read_like(known.reading, new)
    (row,) = left_out(samples).query("why == 'no `unit` or `when`'").to_dict("records")
    assert (row["rows"], row["first"], row["last"]) == (2, 5, 12)
    assert samples.reading is not None
    assert any("rows 5, 12 of the table" in line for line in samples.reading["assumed"])
    with refused(f"`{column}`", "rows 5, 12"):
        read_table(new, series="unit", time="when", window=3)


def test_a_table_without_any_key_is_refused() -> None:
    table = long_table({"a": 6, "b": 6})
    known = read_table(table, series="unit", time="when", window=3)
    assert known.reading is not None
    with refused("`unit`", "every row"):
        read_like(known.reading, table.assign(unit=None))


def test_series_of_the_label_table_without_rows_are_named() -> None:
    table = long_table({"a": 4, "b": 4})
    labels = pd.DataFrame({"unit": ["c", "a", "b", "d"], "load": [1.0, 2.0, 3.5, 4.0]})
    samples = read_table(table, labels=labels, series="unit", time="when")
    found = left_out(samples)
    assert found["series"].tolist() == ["c", "d"]
    assert set(found["why"]) == {"no rows in the data"}
    assert samples.reading is not None
    assert any(
        "2 of 4 series in `labels`" in line for line in samples.reading["assumed"]
    )
