"""Rows are put in the order of time, and what was moved is said; ends of days are mended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from refusals import refused


def read(times: Any, **options: Any) -> Samples:
    frame = pd.DataFrame({"t": times, "x": np.arange(float(len(times)))})
    return read_table(frame, time="t", window=2, channels="x", **options)


def assumed(samples: Samples) -> str:
    assert samples.reading is not None
    return "\n".join(samples.reading["assumed"])


def meter(step: str = "1h", n_days: int = 30) -> pd.Series:
    """Return times at the end of each interval; 0:00 has the date of the day that it ends."""
    ends = pd.date_range("2024-01-01", periods=n_days * 24, freq=step) + pd.Timedelta(
        step
    )
    times = pd.Series(ends)
    return times.where(times != times.dt.normalize(), times - pd.Timedelta("1D"))


@pytest.mark.parametrize("step", ["1h", "15min", "6h", "12h"])
@pytest.mark.parametrize("form", ["dates", "text", "day.month", "reversed"])
def test_the_end_of_a_day_stamped_with_its_date_is_corrected(
    step: str, form: str
) -> None:
    times = meter(step)
    values: Any = times
    if form == "text":
        values = times.dt.strftime("%Y-%m-%d %H:%M")
    elif form == "day.month":
        values = times.dt.strftime("%d.%m.%Y %H:%M")
    elif form == "reversed":
        values = times[::-1]
    samples = read(values)
    assert len(samples) == len(times) - 1
    steps = np.diff(samples.X[:, 0, 1])
    assert set(steps) == {-1.0 if form == "reversed" else 1.0}
    assert "no gaps" in assumed(samples)
    assert "0:00" in assumed(samples) and "end of that day" in assumed(samples)


def test_one_day_or_several_series_of_one_day_are_corrected_too() -> None:
    samples = read(meter(n_days=1))
    assert samples.X[:, 0, 1].tolist() == list(range(1, 24))
    times = pd.concat([meter(n_days=1)] * 3, ignore_index=True)
    frame = pd.DataFrame({"t": times, "x": np.arange(72.0), "s": np.arange(72) // 24})
    samples = read_table(frame, time="t", series="s", window=24)
    assert samples.X[:, 0, 23].tolist() == [23, 47, 71]


def test_midnights_with_other_rows_out_of_order_are_refused() -> None:
    times = meter()
    times.iloc[[100, 110]] = times.iloc[[110, 100]].to_numpy()
    with refused(
        "`time`", "2024-01-01 00:00:00 in row 24", "Add a day", error=DataError
    ):
        read(times)


def test_usual_midnights_stay() -> None:
    times = pd.Series(pd.date_range("2024-01-01", periods=240, freq="h"))
    for ordered in (times, times[::-1], times.sample(frac=1, random_state=0)):
        samples = read(ordered)
        assert "end of that day" not in assumed(samples)
        assert samples.time is not None
        assert samples.time.tolist() == times[1:].to_numpy("M8[ns]").tolist()


def test_what_was_moved_is_said() -> None:
    times = pd.Series(pd.date_range("2024-01-01", periods=100, freq="h"))
    times = pd.concat([times[:40], times[50:], times[40:50]], ignore_index=True)
    note = assumed(read(times))
    assert "10 of 100 rows come after a later one, by at most 2 days 11:00:00" in note
    assert "row 91 (2024-01-02 16:00:00, after 2024-01-05 03:00:00)" in note
    note = assumed(read([1, 2, 5, 3, 4]))
    assert "2 of 5 rows come after a later one, by at most 2" in note
    assert "row 4 (3, after 5)" in note


def test_rows_of_several_series_are_counted_by_their_place_in_the_table() -> None:
    frame = pd.DataFrame(
        {"s": list("aabbab"), "t": [1, 3, 7, 8, 2, 9], "x": np.arange(6.0) ** 2}
    )
    note = assumed(read_table(frame, series="s", time="t", window=2))
    assert "1 of 6 rows come after a later one" in note and "row 5 (2, after 3)" in note


@pytest.mark.parametrize("form", ["forward", "reversed"])
def test_a_first_row_at_the_end_of_a_day_is_corrected_too(form: str) -> None:
    times = meter().iloc[23:].reset_index(drop=True)  # 2024-01-01 00:00, 01-02 01:00
    if form == "reversed":
        times = times[::-1]
    samples = read(times)
    assert len(samples) == len(times) - 1
    assert "no gaps" in assumed(samples)


@pytest.mark.parametrize("rows", [slice(23, 40), slice(23, 24), slice(10, 24)])
def test_new_tables_are_read_like_the_first(rows: slice) -> None:
    times = meter()
    frame = pd.DataFrame({"t": times, "x": np.arange(float(len(times)))})
    first = read_table(frame, time="t", window=1, channels="x")
    assert first.reading is not None and first.time is not None
    again = read_like(first.reading, frame[rows])
    assert again.time is not None
    assert again.time.tolist() == first.time[rows].tolist()
    sorted_by_its_stamps = frame[:48].sort_values("t")
    again = read_like(first.reading, sorted_by_its_stamps)
    assert again.X[:, 0, 0].tolist() == list(range(48))


def test_days_that_begin_and_end_with_a_midnight_keep_the_first() -> None:
    day = list(pd.date_range("2024-01-01", periods=24, freq="h"))
    samples = read([*day, day[0], *(t + pd.Timedelta("1D") for t in day[1:])])
    assert samples.time is not None
    assert str(samples.time[0]) == "2024-01-01T01:00:00.000000000"
