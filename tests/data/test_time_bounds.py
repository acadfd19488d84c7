"""Times that 64 bits cannot hold are refused, through every door."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.data._timestamps import parse_time, ticks
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError
from refusals import refused

LATE = "9999-12-31 00:00:00"
DAY = datetime.datetime(2024, 1, 1)


def stamps() -> list[str]:
    return [*pd.date_range("2024", periods=11, freq="h").astype(str), LATE]


def table(times: Any) -> pd.DataFrame:
    return pd.DataFrame({"t": times, "x": np.arange(12.0) ** 2})


@pytest.mark.parametrize(
    "times",
    [
        stamps(),
        pd.to_datetime(stamps()),
        np.array(stamps(), dtype="datetime64[s]"),
        pd.Series(np.array(stamps(), dtype="datetime64[ms]")),
        pd.Series([DAY] * 11 + [datetime.datetime(9999, 12, 31)], dtype=object),
        pd.Series([DAY.date()] * 11 + [datetime.date(9999, 12, 31)], dtype=object),
        pd.Categorical(stamps()),
        pd.Series(pd.to_datetime(stamps())).dt.tz_localize("Asia/Seoul"),
        [text.replace("-", ".") for text in stamps()],
        pd.to_datetime(stamps()).to_period("D"),
    ],
)
def test_dates_beyond_nanoseconds_are_refused(times: Any) -> None:
    with refused("`t`", "9999-12-3", "in row 12", "2262", "Correct", error=DataError):
        read_table(table(times), time="t", window=2)


def test_dates_before_nanoseconds_are_refused() -> None:
    with refused("`t`", "1582-10-15", "in row 2", "1677", error=DataError):
        parse_time(pd.DataFrame({"t": ["2024-01-01", "1582-10-15"]}), ["t"])


def test_files_and_the_index_and_arrays_are_checked_alike(tmp_path: Path) -> None:
    frame = table(stamps())
    frame.to_csv(tmp_path / "late.csv", index=False)
    table(pd.to_datetime(stamps())).to_parquet(tmp_path / "late.parquet")
    indexed = frame.drop(columns="t").set_index(pd.to_datetime(stamps()))
    for data in (tmp_path / "late.csv", tmp_path / "late.parquet", indexed):
        with refused("9999-12-31", "in row 12", error=DataError):
            read_table(data, window=2)
    X = np.zeros((12, 1, 30))
    for time in (
        stamps(),
        np.array(stamps(), "datetime64[s]"),
        pd.to_datetime(stamps()),
    ):
        with refused("`time`", "9999-12-31", "in row 12", error=DataError):
            Samples.from_arrays(X, time=time)
    with refused("`time`", "one entry per sample", error=DataError):
        Samples.from_arrays(X, time=np.zeros((12, 2)))


@pytest.mark.parametrize("bad", [np.inf, -np.inf, "inf", "1e999"])
def test_infinite_times_are_refused(bad: Any) -> None:
    times: list[Any] = [*range(11), bad]
    if isinstance(bad, str):
        times = [str(time) for time in times]
    with refused("`t`", "finite", "inf in row 12", error=DataError):
        read_table(table(times), time="t", window=2)


@pytest.mark.parametrize("bad", [2**63, 2**64 - 1, -(2**63), 10**30])
def test_integers_beyond_64_bits_are_refused(bad: int) -> None:
    for times in ([*range(11), bad], [str(time) for time in [*range(11), bad]]):
        with refused("`t`", "64 bits", "in row 12", error=DataError) as error:
            read_table(table(times), time="t", window=2)
        assert str(bad) in str(error.value) or f"{bad:.0e}" in str(error.value)


def test_large_integers_keep_every_digit() -> None:
    times = 2**62 + np.arange(12)
    assert parse_time(table(times), ["t"]).values.tolist() == times.tolist()
    assert parse_time(table(times.astype(str)), ["t"]).values.tolist() == times.tolist()


def test_the_precision_of_large_floats_is_said() -> None:
    (note,) = parse_time(table(1.7e18 + 1e6 * np.arange(12)), ["t"]).notes
    assert "`t`" in note and "256" in note and "integers" in note


def test_spans_that_integers_cannot_hold_do_not_wrap() -> None:
    numbers, unit = ticks(
        pd.to_datetime(["1700-01-01", "2200-01-02"]).to_numpy("M8[ns]")
    )
    assert unit == "seconds" and numbers[1] - numbers[0] > 500 * 365 * 86400
    numbers, _ = ticks(np.array([-(2**62) * 2 + 1, 2**62]))
    assert numbers[1] > numbers[0] and np.diff(numbers)[0] > 1e19


def test_denormal_times_are_times() -> None:
    times = 5e-324 * np.arange(12)
    samples = read_table(table(times), time="t", window=2)
    assert len(samples) == 11 and samples.time is not None
    assert samples.time.tolist() == times[1:].tolist()


def test_complex_times_are_refused() -> None:
    with refused("`t`", "complex", error=DataError):
        read_table(table(np.arange(12) * 1j), time="t", window=2)


@pytest.mark.parametrize("every", [1e-320, 1e-12])
def test_a_grid_too_fine_for_its_times_is_refused(every: float) -> None:
    with refused("`every`", "finer", every):
        read_table(table(1e9 * np.arange(12)), time="t", window=2, every=every)
