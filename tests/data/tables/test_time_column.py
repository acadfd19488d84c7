"""The time column is found; one with a few errors is refused and not passed over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data.tables._read_table import read_table
from multitide.errors import DataError, ParameterError
from refusals import refused

DATES = pd.date_range("2024", periods=500, freq="h")


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({**columns, "x": np.arange(500.0) ** 2})


def time_of(frame: pd.DataFrame) -> list[str]:
    samples = read_table(frame, window=3)
    assert samples.reading is not None
    return list(samples.reading["time"])


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M"])
@pytest.mark.parametrize("rows", [[100, 200, 300], [0], [499], range(200)])
def test_a_few_unreadable_stamps_are_refused(form: str, rows: Any) -> None:
    texts = np.array(DATES.strftime(form), dtype=object)
    texts[list(rows)] = "no signal"
    with refused(
        "`when`",
        f"'no signal' in row {rows[0] + 1}",
        "`time_format`",
        "`ignore`",
        error=DataError,
    ):
        read_table(table(when=texts), window=3)
    frame = table(when=texts)
    assert len(read_table(frame, window=3, ignore="when")) == 498
    assert len(read_table(frame, window=3, time=())) == 498


def test_a_column_whose_month_is_unclear_is_refused() -> None:
    with refused("`when`", "month", "`time_format`", error=DataError):
        read_table(table(when=DATES.strftime("%d/01/2024 %H:%M")).head(120), window=3)


def test_a_named_column_with_errors_is_not_replaced_by_another() -> None:
    texts = np.array(DATES.strftime("%Y-%m-%d %H:%M"), dtype=object)
    texts[7] = "-1"
    built = ["1999-01-01"] * 500
    with refused("`time`", "'-1' in row 8", error=DataError):
        read_table(table(time=texts, built=built), window=3)


def test_numbers_and_clocks_of_that_name_with_errors_are_refused() -> None:
    numbers = [*map(str, range(499)), "soon"]
    with refused("`time`", "'soon' in row 500", error=DataError):
        read_table(table(time=numbers), window=3)
    clocks = [*DATES[:23].strftime("%H:%M"), "soon"]
    with refused("`time`", "'soon' in row 24", error=DataError):
        read_table(table()[:24].assign(time=clocks), window=3)


def test_times_are_found() -> None:
    assert time_of(table(when=DATES.strftime("%d.%m.%Y %H:%M"))) == ["when"]
    assert time_of(table(time=DATES.strftime("%H:%M"))) == ["time"]
    assert time_of(table(note=["2024-0017-A"] * 500)) == []
    assert time_of(table(time=range(500))) == ["time"]


def test_a_format_that_reads_nothing_is_refused() -> None:
    table = pd.DataFrame({"a": ["u", "v"] * 10, "x": np.arange(20) * 1.5})
    with refused("`time`", "%d.%m.%y", "name the columns", error=DataError):
        read_table(table, time_format="%d.%m.%y", window=5)
    with refused("`time_format`", "time=()", error=ParameterError):
        read_table(table, time=(), time_format="%d.%m.%y", window=5)


SECONDS = np.arange(500, dtype=np.int64) * 3600 + 1_700_000_000


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
@pytest.mark.parametrize("name", ["ts", "unix_time", "epoch", "Time (s)", "t.time"])
def test_seconds_since_1970_are_the_time(name: str, scale: int) -> None:
    assert time_of(table(**{name: SECONDS * scale})) == [name]
    two = np.concatenate([SECONDS[:250], SECONDS[:250]]) * scale
    frame = table(**{name: two, "id": np.arange(500) // 250})
    assert time_of(frame) == [name]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("time_s", np.arange(500) * 0.1),
        ("month", [(1980 + i // 12) * 100 + i % 12 + 1 for i in range(500)]),
    ],
)
def test_rising_times_and_months_are_the_time(name: str, values: Any) -> None:
    assert time_of(table(**{name: values})) == [name]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("energy", SECONDS),  # a meter rises, too
        ("time_on", np.arange(500) % 60),
        ("month", np.arange(500) % 12 + 1),
        ("on_time", [True, False] * 250),
    ],
)
def test_other_numbers_are_no_times(name: str, values: Any) -> None:
    assert time_of(table(**{name: values})) == []


def test_one_of_two_columns_of_dates_must_be_named() -> None:
    frame = table(start=DATES.astype("str"), end=(DATES + pd.Timedelta("1h")))
    frame["end"] = frame["end"].astype("str")
    samples = read_table(frame, window=3)
    assert samples.reading is not None
    said = "\n".join(samples.reading["assumed"])
    assert "`start` holds times" in said and "name it with `time`" in said
