"""Which samples a model has seen: by time, by position, or by content."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multitide import Samples, read_table
from multitide.data._seen_samples import seen_samples

N_ROWS = 60


def table(n_rows: int = N_ROWS, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = np.arange(n_rows)
    return pd.DataFrame({"x": rng.normal(size=n_rows), "lab": rows // 10 % 2})


def read(frame: pd.DataFrame, window: int = 5, **options: object) -> Samples:
    return read_table(frame, tasks=["lab"], window=window, **options)  # type: ignore[arg-type]


def with_times(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(t=pd.date_range("2024", periods=len(frame), freq="h"))


@pytest.mark.parametrize("timed", [True, False])
@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, N_ROWS - 5), n=st.integers(1, 20), window=st.integers(2, 8))
def test_windows_that_share_a_row_are_seen(
    timed: bool, first: int, n: int, window: int
) -> None:
    frame = table()
    if timed:
        frame = with_times(frame)
    time = "t" if timed else None
    earlier = read(frame, time=time)[first : first + n]
    samples = read(frame, window=window, time=time)
    trained = np.zeros(N_ROWS, dtype=bool)
    for start, length in zip(earlier.starts, earlier.lengths, strict=True):
        trained[start : start + length] = True
    shares = [trained[start : start + window].any() for start in samples.starts]
    np.testing.assert_array_equal(seen_samples(samples, earlier), shares)


def test_a_table_that_continues_another_is_compared_by_position() -> None:
    frame = table()
    seen = seen_samples(read(frame), read(frame[:20]))
    assert seen.tolist() == [True] * 20 + [False] * 36


def test_rows_of_another_table_without_times_are_new() -> None:
    assert not seen_samples(read(table(seed=1)), read(table())).any()


def test_equal_series_are_found_in_any_order() -> None:
    frame = table().assign(run=np.arange(N_ROWS) // 10)
    shuffled = pd.concat([frame[frame.run == run] for run in (5, 1, 3)])
    earlier = read_table(frame[frame.run < 2], tasks=["lab"], series="run")
    samples = read_table(shuffled, tasks=["lab"], series="run")
    seen = seen_samples(samples, earlier)
    assert dict(zip(samples.series, seen, strict=True)) == {
        5: False,
        1: True,
        3: False,
    }


def test_times_of_different_series_do_not_overlap() -> None:
    frame = with_times(table())
    one, two = frame.assign(unit="1"), frame.assign(unit="2")
    options = {"series": "unit", "time": "t"}
    both = read(pd.concat([one, two]), **options)
    seen = seen_samples(both, read(one, **options))
    np.testing.assert_array_equal(seen, both.series == "1")
