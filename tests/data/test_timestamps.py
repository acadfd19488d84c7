"""Times as people write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide.data._rows_text import rows_text
from multitide.data._timestamps import parse_time, step_text, ticks, unit_of
from multitide.errors import DataError
from refusals import refused

NOON = np.datetime64("2024-07-04T13:00:00", "ns")
DAY = np.datetime64("2024-07-04", "ns")


def parse(values: Any, **options: Any) -> np.ndarray:
    return parse_time(pd.DataFrame({"t": values}), ["t"], **options).values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-07-04", DAY),
        ("2024-07-04 13:00", NOON),
        ("2024-07-04T13:00:00", NOON),
        ("2024.07.04", DAY),
        ("2024.07.04 13:00", NOON),
        ("2024. 7. 4. 13:00", NOON),
        ("2024. 7. 4.", DAY),
        ("2024/7/4 13:00", NOON),
        ("2024년 7월 4일 13:00", NOON),
        ("2024-07-04 오후 1:00", NOON),
        ("2024-07-04 오후 1:00:00", NOON),
        ("2024-07-04 1:00 PM", NOON),
        ("2024-07-03 24:00", DAY),
        ("2024.07.03 24:00:00", DAY),
        ("04.07.2024 13:00", NOON),
        ("7/7/2024 13:00", NOON + np.timedelta64(3, "D")),
        ("20240704", DAY),
        ("2024-07-04T13:00:00Z", NOON),
        ("2024-07-04T22:00:00+09:00", NOON),
    ],
)
def test_dates_as_people_write_them(text: str, expected: np.datetime64) -> None:
    assert parse([text, text]).tolist() == [expected.astype(int)] * 2


def test_months_and_days_are_told_apart_by_the_whole_column() -> None:
    assert str(parse(["4/7/2024", "13/7/2024"])[0])[:10] == "2024-07-04"
    assert str(parse(["4/7/2024", "4/17/2024"])[0])[:10] == "2024-04-07"
    notes = parse_time(pd.DataFrame({"t": ["4/17/2024"]}), ["t"]).notes
    assert notes == ["`t` was read as month/day/year."]
    with refused("`t`", "'4/7/2024' in row 1", "`time_format`", error=DataError):
        parse(["4/7/2024", "5/7/2024"])
    assert str(parse(["4/7/2024"], style="day/month/year")[0])[:10] == "2024-07-04"


def test_numbers_stay_numbers_and_dates_in_digits_become_dates() -> None:
    assert parse([0, 5, 7]).tolist() == [0, 5, 7]
    assert parse([0.5, 1.0]).tolist() == [0.5, 1.0]
    assert parse([20240704, 20240705])[0] == DAY
    assert parse([2024070324, 2024070413]).tolist() == [
        DAY.astype(int),
        NOON.astype(int),
    ]
    assert parse([202407041300])[0] == NOON
    assert parse([20249904, 20249905]).dtype == np.int64


def test_zones_become_utc_and_mixed_offsets_too() -> None:
    frame = pd.DataFrame(
        {"t": ["2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00"]}
    )
    times = parse_time(frame, ["t"])
    assert [str(stamp)[11:16] for stamp in times.values] == ["00:30", "01:30"]
    assert "turned into UTC" in times.notes[0]
    assert str(
        parse(pd.date_range("2024-07-04 22:00", periods=1, tz="Asia/Seoul"))[0]
    ) == str(NOON)


def test_time_in_several_columns() -> None:
    frame = pd.DataFrame(
        {"Year": [2024, 2024], "월": [7, 7], "day": [3, 4], "hour": [24, 13]}
    )
    assert parse_time(frame, list(frame)).values.tolist() == [
        DAY.astype(int),
        NOON.astype(int),
    ]
    frame = pd.DataFrame({"date": ["2024.07.04"], "clock": ["13:00"]})
    assert parse_time(frame, ["date", "clock"]).values[0] == NOON
    with pytest.raises(
        DataError, match=r"must hold year, month and day.*no \['month'\]"
    ):
        parse_time(pd.DataFrame({"year": [1], "day": [1]}), ["year", "day"])


def test_a_clock_without_a_date_is_seconds() -> None:
    assert parse(["0:00", "1:30"]).tolist() == [0, 5400]
    assert parse(["00:00:01.5", "00:01:00"]).tolist() == [1.5, 60]
    assert parse(pd.to_timedelta([1, 2], unit="min")).tolist() == [60, 120]


@pytest.mark.parametrize(
    "text", ["01.02.10 00h", "1/2/10", "10-02-01 13:00", " 01. 02. 10"]
)
def test_years_of_two_digits_are_refused_and_not_guessed_row_by_row(text: str) -> None:
    with refused(
        "`t`", "four-digit years", "in row 2", "`time_format`", error=DataError
    ):
        parse(["2024-07-04", text])


def test_rows_without_time_are_named() -> None:
    with pytest.raises(
        DataError, match="`t` must give a time in every row; got none in row 2"
    ):
        parse(["2024-01-01", None, "2024-01-03"])
    with pytest.raises(DataError, match="got 'soon' in row 1, 'later' in row 3"):
        parse(["soon", "2024-01-01", "later"])
    with pytest.raises(DataError, match="got none in row 1"):
        parse([np.nan, 1.0])
    assert rows_text(np.arange(9)) == "rows 1, 2, 3, 4, 5, ... (9 rows)"


def test_ticks_grow_evenly() -> None:
    numbers, unit = ticks(pd.date_range("2024", periods=4, freq="MS").to_numpy())
    assert unit == "months" and np.diff(numbers).tolist() == [1, 1, 1]
    numbers, unit = ticks(pd.date_range("2024", periods=4, freq="15min").to_numpy())
    assert unit == "seconds" and np.diff(numbers).tolist() == [900] * 3
    assert ticks(np.array([1, 5])) == (pytest.approx([1, 5]), "1")
    with pytest.raises(DataError, match="of the kind it was before; got numbers"):
        ticks(np.array([1, 5]), "seconds")
    with pytest.raises(DataError, match="of the kind it was before; got dates"):
        ticks(pd.date_range("2024", periods=4).to_numpy(), "1")


def test_steps_are_written_as_people_say_them() -> None:
    assert step_text(3600.0, "seconds") == "01:00:00"
    assert step_text(1.0, "months") == "1 months"
    assert step_text(0.5, "1") == "0.5"


def test_units_by_name() -> None:
    assert [unit_of(name) for name in ("Year", "시", "MIN", "pressure")] == [
        "year",
        "hour",
        "minute",
        None,
    ]
