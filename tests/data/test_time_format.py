"""Formats of times that the user gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._time_format import check_time_format
from multitide.data._timestamps import parse_time
from multitide.data.tables._read_like import read_like
from multitide.data.tables._read_table import read_table
from multitide.errors import DataError, MultitideError, ParameterError
from refusals import refused


def parse(values: Any, time_format: str) -> np.ndarray:
    return parse_time(
        pd.DataFrame({"t": values}), ["t"], time_format=time_format
    ).values


def test_a_format_decides_what_the_column_does_not() -> None:
    assert str(parse(["4/7/2024"], "%d/%m/%Y")[0])[:10] == "2024-07-04"
    assert str(parse(["4/7/2024"], "%m/%d/%Y")[0])[:10] == "2024-04-07"
    assert str(parse(["01.02.03 04h"], "%d.%m.%y %Hh")[0])[:13] == "2003-02-01T04"
    assert (
        str(parse(["2024-07-04 13:00 +0900"], "%Y-%m-%d %H:%M %z")[0])[11:16] == "04:00"
    )
    assert str(parse([1022024], "%d%m%Y")[0])[:10] == "2024-02-01"
    assert str(parse([2024186.0], "%Y%j")[0])[:10] == "2024-07-04"


def test_several_columns_are_joined_by_a_blank() -> None:
    frame = pd.DataFrame({"d": ["4.7.24"], "h": [13]})
    time = parse_time(frame, ["d", "h"], time_format="%d.%m.%y %H").values
    assert str(time[0])[:13] == "2024-07-04T13"


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        ("", "''"),
        ("ISO8601", "'ISO8601'"),
        (5, "5"),
        ("%Q", "%Q"),
        ("%d.%m. %H:%M", "year"),
        ("%M:%S", "hour"),
        ("%Y %Y", "once"),
        ("%Z %Y", "%Z"),
    ],
)
def test_formats_are_checked(bad: Any, part: str) -> None:
    with refused("`time_format`", part, error=ParameterError):
        check_time_format(bad)
    with refused("`time_format`", part, error=MultitideError):
        read_table(pd.DataFrame({"t": ["x"], "x": [1.5]}), time_format=bad)


def test_values_of_another_format_are_named() -> None:
    texts = ["01.02.03"] * 497 + ["soon", "32.01.03", "2003-02-01"]
    with refused(
        "`t`", "'soon' in row 498", "3 of 500", "`time_format`", error=DataError
    ):
        parse(texts, "%d.%m.%y")
    with refused("`t`", "none in row 2", error=DataError):
        parse(["01.02.03", None], "%d.%m.%y")
    with refused("`t`", "9999", "in row 1", error=DataError):
        parse(["9999"], "%Y")


def test_a_format_finds_its_column_and_stays_with_the_reading() -> None:
    frame = pd.DataFrame(
        {"when": [f"{day:02}.01.10" for day in range(1, 13)], "x": np.arange(12.0) ** 2}
    )
    samples = read_table(frame, window=3, time_format="%d.%m.%y")
    assert samples.time is not None and str(samples.time[0])[:10] == "2010-01-03"
    assert samples.reading is not None
    assert samples.reading["time_format"] == "%d.%m.%y"
    later = read_like(samples.reading, frame.tail(4))
    assert later.time is not None and str(later.time[0])[:10] == "2010-01-11"


def test_what_the_column_decided_stays_with_the_reading() -> None:
    days = pd.date_range("2024-01-01", periods=40)
    frame = pd.DataFrame({"when": days.strftime("%d/%m/%Y"), "x": np.arange(40.0) ** 2})
    samples = read_table(frame, window=3)
    assert samples.reading is not None
    assert samples.reading["time_style"] == "day/month/year"
    later = read_like(samples.reading, frame.iloc[3:7])
    assert later.time is not None and str(later.time[0])[:10] == "2024-01-06"
    months = pd.date_range("2001-01", periods=40, freq="MS")
    frame = pd.DataFrame({"time": months.strftime("%Y%m").astype(int), "x": frame.x})
    samples = read_table(frame, window=3)
    assert samples.reading is not None
    later = read_like(samples.reading, frame.iloc[:4])
    assert later.time is not None and str(later.time[0])[:10] == "2001-03-01"
