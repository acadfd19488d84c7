"""Time stamps in tables: dates in common notations, and the usual step between rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from multitide._checks import in_backticks
from multitide.data._clock_times import CLOCK, read_clock_times
from multitide.data._rows_text import rows_text
from multitide.data._time_bounds import MAX_EXACT, as_nanoseconds, check_numbers
from multitide.data._time_digits import PLAIN, read_digits
from multitide.data._time_format import read_formatted
from multitide.data._time_texts import read_texts
from multitide.data._unreadable_times import unreadable
from multitide.errors import DataError

UNITS = {
    "year": ("year", "yyyy", "yr", "연도", "년도", "년"),
    "month": ("month", "mm", "mon", "월"),
    "day": ("day", "dd", "일"),
    "hour": ("hour", "hh", "hr", "시", "시간"),
    "minute": ("minute", "min", "분"),
    "second": ("second", "sec", "초"),
}
DATE_UNITS = ("year", "month", "day")
CLOCK_UNITS = {"hour": ("h", 24), "minute": ("min", 59), "second": ("s", 60)}
NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?i:inf|infinity)"
MAX_SPAN = 2**63 - 1
OTHER_KIND = "`time` must be of the kind it was before; got {got}."


@dataclass(frozen=True)
class Times:
    """The time of every row.

    Attributes
    ----------
    values : ndarray of datetime64[ns], int64 or float64, shape (n_rows,)
    notes : list of str
        What was assumed.
    style : str or None
        How the times are written, where the whole column decided it: "day/month/year",
        "%Y%m", "number", ... Other tables of the same origin may be too short to decide.
    """

    values: np.ndarray
    notes: list[str]
    style: str | None = None


@dataclass
class _Reader:
    """What is known of a column while it is read."""

    label: str
    style: str | None = None
    series: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


def unit_of(column: str) -> str | None:
    """Return "year", "month", ... if the column's name says that it holds one."""
    name = column.strip().lower()
    for unit, names in UNITS.items():
        if name in names:
            return unit
    return None


def parse_time(
    frame: pd.DataFrame,
    columns: Sequence[str],
    *,
    time_format: str | None = None,
    style: str | None = None,
    series: np.ndarray | None = None,
) -> Times:
    """Return the time of every row, from one column or several, and what was assumed.

    Parameters
    ----------
    frame : DataFrame
        The table.
    columns : sequence of str
        One column of times or numbers; or year, month, day and so on; or several texts to be joined
        (date and time).
    time_format : str, optional
        How the times are written, as in ``strptime``; several columns are joined by a blank.
    style : str, optional
        The style of an earlier table.
    series : ndarray of int, shape (n_rows,), optional
        Code of the series of each row, for clock times that pass midnight.

    Raises
    ------
    DataError
        If a row has no time, or a text is none, or has several readings; with the rows.
    """
    label = in_backticks(columns)
    reader = _Reader(label, style, series)
    if time_format is not None:
        time = _formatted(frame, columns, time_format, reader)
    elif len(columns) == 1:
        time = _one_column(frame[columns[0]], reader)
    elif all(unit_of(column) for column in columns):
        time = _assembled(frame, columns, label)
    elif _are_clock_parts(frame, columns[1:]):
        time = _day_and_clock(frame, columns, reader)
    else:
        time = _from_text(_joined(frame, columns), reader)
    missing = np.flatnonzero(pd.isna(time))
    if len(missing):
        raise DataError(
            f"{label} must give a time in every row; "
            f"got none in {rows_text(missing)}. "
            "Fill in or remove these rows."
        )
    return Times(time, reader.notes, reader.style)


def _joined(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    parts = []
    for column in columns:
        parts.append(frame[column].astype("str").mask(frame[column].isna()))
    joined: pd.Series = parts[0].str.cat(parts[1:], sep=" ")
    return joined


def _formatted(
    frame: pd.DataFrame, columns: Sequence[str], time_format: str, reader: _Reader
) -> np.ndarray:
    column = frame[columns[0]]
    if len(columns) > 1:
        column = _joined(frame, columns)
    elif pd.api.types.is_datetime64_any_dtype(column):
        reader.notes.append(f"{reader.label} holds dates: `time_format` is not needed.")
        return _dates(column, reader)
    return read_formatted(
        column, reader.label, time_format, reader.notes, reader.series
    )


def _one_column(column: pd.Series, reader: _Reader) -> np.ndarray:
    if pd.api.types.is_complex_dtype(column):
        raise DataError(
            f"{reader.label} must hold times; got complex numbers. "
            "Name another column with `time`."
        )
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if isinstance(column.dtype, pd.ArrowDtype):
        column = _without_arrow(column)
    if pd.api.types.is_datetime64_any_dtype(column):
        return _dates(column, reader)
    if pd.api.types.is_timedelta64_dtype(column):
        seconds: np.ndarray = column.dt.total_seconds().to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        return seconds
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return _from_numbers(column, reader)
    return _from_text(column.astype("str").mask(column.isna()), reader)


def _without_arrow(column: pd.Series) -> pd.Series:
    """Return days and durations of Arrow as text and timedeltas; others as they are."""
    if str(column.dtype).startswith("date"):
        return column.astype("str").mask(column.isna())
    if str(column.dtype).startswith("duration"):
        return column.astype("timedelta64[ns]")
    return column


def _dates(times: pd.Series, reader: _Reader) -> np.ndarray:
    if times.dt.tz is not None:
        reader.notes.append(f"{reader.label} has a time zone: turned into UTC.")
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    return as_nanoseconds(times.to_numpy(), reader.label)


def _are_clock_parts(frame: pd.DataFrame, columns: Sequence[str]) -> bool:
    """Whether columns hold hours, minutes and seconds as numbers."""
    for column in columns:
        is_number = pd.api.types.is_numeric_dtype(frame[column])
        if not is_number or unit_of(column) not in CLOCK_UNITS:
            return False
    return True


def _day_and_clock(
    frame: pd.DataFrame, columns: Sequence[str], reader: _Reader
) -> np.ndarray:
    """Return times from a column of dates, and columns of hours, minutes and seconds."""
    times = _one_column(frame[columns[0]], reader)
    if times.dtype.kind != "M":
        raise DataError(
            f"`{columns[0]}` must hold dates beside {in_backticks(columns[1:])}; "
            "got numbers. Name the columns of the time with `time`."
        )
    for column in columns[1:]:
        unit = str(unit_of(column))
        name, largest = CLOCK_UNITS[unit]
        _check_range(frame[column], unit, largest)
        since = pd.to_timedelta(frame[column].astype("float64"), unit=name)
        times = times + since.to_numpy(dtype="timedelta64[ns]")
    return times


def _assembled(frame: pd.DataFrame, columns: Sequence[str], label: str) -> np.ndarray:
    """Return times from columns of year, month, day, ...; hour 24 is the next day's first."""
    parts = {}
    for column in columns:
        parts[str(unit_of(column))] = pd.to_numeric(frame[column], errors="coerce")
    missing = []
    for unit in DATE_UNITS:
        if unit not in parts:
            missing.append(unit)
    if missing:
        raise DataError(
            "`time` must hold year, month and "
            "day when it has several columns; "
            f"got {label}, no {missing}."
        )
    of_date = pd.DataFrame(parts)[list(DATE_UNITS)]
    date = pd.to_datetime(of_date, errors="coerce")
    times = as_nanoseconds(date, label)
    for unit, (name, largest) in CLOCK_UNITS.items():
        if unit in parts:
            _check_range(parts[unit], unit, largest)
            times = times + pd.to_timedelta(parts[unit], unit=name).to_numpy(
                dtype="timedelta64[ns]"
            )
    return times


def _check_range(part: pd.Series, unit: str, largest: int) -> None:
    outside = np.flatnonzero((part < 0) | (part > largest))
    if len(outside):
        raise DataError(
            f"`time` must have {unit}s from 0 to {largest}; "
            f"got {part.iloc[outside[0]]:g} in {rows_text(outside)}. "
            "Correct or remove these rows."
        )


def _from_numbers(column: pd.Series, reader: _Reader) -> np.ndarray:
    """Return numbers as they are; 20240704 or 2024070424 (hours 1 to 24) as dates."""
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        return _from_whole(check_numbers(column.to_numpy(), reader.label, []), reader)
    numbers = check_numbers(
        column.to_numpy(dtype=np.float64, na_value=np.nan), reader.label, reader.notes
    )
    is_whole = (np.mod(numbers, 1) == 0) & (np.abs(numbers) < MAX_EXACT)
    if is_whole.all():
        dates = _from_whole(numbers.astype(np.int64), reader)
        if dates.dtype.kind == "M":
            return dates
    reader.style = PLAIN
    return numbers


def _from_whole(numbers: np.ndarray, reader: _Reader) -> np.ndarray:
    style = reader.style
    if style is not None and style != PLAIN and not style.startswith("%"):
        style = None
    seconds, reader.style = read_digits(numbers, reader.label, style)
    if seconds is None:
        return numbers
    reader.notes.append(
        f"{reader.label} was read as dates written as "
        f"{reader.style} (`time_format` changes this)."
    )
    return as_nanoseconds(seconds, reader.label)


def _from_text(texts: pd.Series, reader: _Reader) -> np.ndarray:
    """Return times from text: numbers, clock times without a date, or dates."""
    plain = texts.str.strip()
    if _is_written_as(NUMBER, "as numbers", plain, reader):
        return _from_numerals(plain, reader)
    if _is_written_as(CLOCK, "as clock times", plain, reader):
        return read_clock_times(plain, reader.label, reader.notes, reader.series)
    times, reader.style = read_texts(texts, reader.label, reader.notes, reader.style)
    return times


def _is_written_as(pattern: str, how: str, texts: pd.Series, reader: _Reader) -> bool:
    """Whether all texts match; raise if most do, because the others are errors."""
    fits = texts.str.fullmatch(pattern).fillna(False).to_numpy(dtype=bool)
    known = texts.notna().to_numpy()
    bad = np.flatnonzero(known & ~fits)
    if fits.any() and not len(bad):
        return True
    if fits.sum() > len(bad):
        raise DataError(unreadable(texts, bad, reader.label, f"{how}, as most rows do"))
    return False


def _from_numerals(texts: pd.Series, reader: _Reader) -> np.ndarray:
    """Return numbers that are written as text, as if the column held numbers."""
    if texts.isna().any() or not texts.str.fullmatch(r"[+-]?\d+").all():
        return _from_numbers(texts.astype("float64"), reader)
    numbers = np.empty(len(texts), dtype=object)
    for row, text in enumerate(texts):
        numbers[row] = int(text)
    return _from_whole(check_numbers(numbers, reader.label, reader.notes), reader)


def ticks(time: np.ndarray, unit: str | None = None) -> tuple[np.ndarray, str]:
    """Return times as evenly spaced numbers, and their unit.

    The unit is "seconds", "months" (for monthly tables) or "1" (for plain numbers).
    """
    if time.dtype.kind == "M":
        return _ticks_of_dates(time, unit)
    if unit not in (None, "1"):
        raise DataError(OTHER_KIND.format(got="numbers"))
    if time.dtype.kind == "i" and _spans_too_much(time):
        return time.astype(np.float64), "1"
    return time, "1"


def _ticks_of_dates(time: np.ndarray, unit: str | None) -> tuple[np.ndarray, str]:
    if unit == "1":
        raise DataError(OTHER_KIND.format(got="dates"))
    if unit == "months" or (unit is None and _is_monthly(time)):
        return time.astype("datetime64[M]").astype(np.int64), "months"
    stamps = time.astype("datetime64[ns]").astype(np.int64)
    if _spans_too_much(stamps):
        return stamps.astype(np.float64) / 1e9, "seconds"
    return (stamps - stamps.min()) / 1e9, "seconds"


def _spans_too_much(numbers: np.ndarray) -> bool:
    """Whether differences of 64-bit integers would wrap."""
    return int(numbers.max()) - int(numbers.min()) > MAX_SPAN


def _is_monthly(time: np.ndarray) -> bool:
    """Whether all times are the first moment of a month (years are twelve months)."""
    distinct = np.unique(time)
    return len(distinct) > 1 and bool(
        (distinct.astype("datetime64[M]") == distinct).all()
    )


def step_text(size: float, unit: str) -> str:
    """Return a step as people say it."""
    if unit == "seconds":
        return str(pd.Timedelta(seconds=size)).replace("0 days ", "")
    if unit == "months":
        return f"{size:g} months"
    return f"{size:g}"
