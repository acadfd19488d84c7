"""Dates in digits alone: sure, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._time_digits import read_digits
from multitide.data._timestamps import parse_time
from multitide.errors import DataError
from refusals import refused

MONTHS = pd.date_range("2001-01", "2012-12", freq="MS")
DAYS = pd.date_range("2023-11-20", periods=60, freq="D")
HOURS = pd.date_range("2010-01-29", periods=80, freq="h")


def parse(values: Any, **options: Any) -> Any:
    return parse_time(pd.DataFrame({"t": values}), ["t"], **options)


@pytest.mark.parametrize(
    ("dates", "style"),
    [
        (MONTHS, "%Y%m"),
        (DAYS, "%Y%m%d"),
        (DAYS, "%d%m%Y"),
        (DAYS, "%m%d%Y"),
        (DAYS, "%y%m%d"),
        (DAYS, "%d%m%y"),
        (DAYS, "%m%d%y"),
        (HOURS, "%Y%m%d%H"),
        (HOURS, "%Y%m%d%H%M"),
        (HOURS, "%Y%m%d%H%M%S"),
        (HOURS, "%y%m%d%H"),
        (HOURS, "%d%m%Y%H%M"),
    ],
)
def test_the_whole_column_decides(dates: pd.DatetimeIndex, style: str) -> None:
    texts = dates.strftime(style)
    expected = dates.to_numpy("datetime64[ns]").tolist()
    for values in (texts, texts.astype("int64"), texts.astype("float64")):
        times = parse(values)
        assert times.values.tolist() == expected
        assert times.style == style
        assert parse(values, time_format=style).values.tolist() == expected
        assert style in times.notes[0]


@pytest.mark.parametrize(
    "numbers",
    [
        [200101, 200103, 200104],
        [10203, 20304, 20506],
        [1022024, 2032024, 3052024],
    ],
)
def test_digits_with_several_readings_are_refused(numbers: list[int]) -> None:
    with refused("`t`", numbers[0], "one way", "time_format=", error=DataError):
        parse(numbers)


@pytest.mark.parametrize(
    "numbers",
    [
        [200101, 200102, 200103, 200104],
        range(5, 50),
        [1720098000, 1720098600],
        [20249904, 20249905],
        [0, 7, 9],
        [-20240701, 3],
        [99990, 100001, 100013],
    ],
)
def test_other_numbers_stay_numbers(numbers: Any) -> None:
    times = parse(list(numbers))
    assert times.values.tolist() == list(numbers) and times.style == "number"


def test_a_few_impossible_dates_do_not_turn_dates_into_numbers() -> None:
    dates = [int(date.strftime("%Y%m%d")) for date in DAYS]
    with refused("`t`", "20240231", "in rows 11, 21", "Correct", error=DataError):
        parse(np.insert(dates, [10, 19], [20240231, 99999999]))
    hours = [int(hour.strftime("%Y%m%d%H")) for hour in HOURS]
    with refused("`t`", "2010013099", "in row 6", error=DataError):
        parse(np.insert(hours, 5, 2010013099))


def test_hour_24_is_the_end_of_the_day() -> None:
    assert str(parse([2024070323, 2024070324]).values[1])[:13] == "2024-07-04T00"


def test_an_earlier_style_reads_the_dates_of_a_short_table() -> None:
    seconds, style = read_digits(np.array([200103]), "`t`", "%Y%m")
    assert (
        seconds is not None and str(seconds[0])[:10] == "2001-03-01" and style == "%Y%m"
    )
    assert read_digits(np.array([20010301]), "`t`", "number")[0] is None
    with refused("`t`", "%Y%m", "200113 in row 1", error=DataError):
        read_digits(np.array([200113]), "`t`", "%Y%m")


def test_dates_in_digits_may_have_a_clock() -> None:
    assert str(parse(["20240704 13:00"] * 2).values[0])[:16] == "2024-07-04T13:00"
    assert str(parse(["20240704T130000"]).values[0])[:16] == "2024-07-04T13:00"
    texts = [f"{day:%d%m%y} 13:00" for day in DAYS]
    assert parse(texts).values.astype("datetime64[D]").tolist() == list(DAYS.date)
