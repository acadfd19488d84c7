"""Time stamps in tables: dates in common notations, and the usual step between rows."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from multitide.errors import DataError

UNITS = {
    "year": ("year", "yyyy", "yr", "연도", "년도", "년"),
    "month": ("month", "mm", "mon", "월"),
    "day": ("day", "dd", "일"),
    "hour": ("hour", "hh", "hr", "시", "시간"),
    "minute": ("minute", "min", "분"),
    "second": ("second", "sec", "초"),
}
YEAR_FIRST = re.compile(
    r"^(\d{4})\s*[./년-]\s*(\d{1,2})\s*[./월-]\s*(\d{1,2})(?:\s*[.일])?"
)
YEAR_LAST = re.compile(r"^(\d{1,2})([./-])(\d{1,2})[./-](\d{4})")
# 01.02.03 has six readings; a parser takes one of them for some rows and another for others.
SHORT_YEAR = re.compile(r"^\d{1,2}\s*[./-]\s*\d{1,2}\s*[./-]\s*\d{2}(?!\d)")
CLOCK = r"\d{1,3}:\d{2}(?::\d{2}(?:\.\d+)?)?"
NS = "datetime64[ns]"


def unit_of(column: str) -> str | None:
    """Return "year", "month", ... if the column's name says that it holds one."""
    return next(
        (unit for unit, names in UNITS.items() if column.strip().lower() in names), None
    )


def parse_time(
    frame: pd.DataFrame, columns: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Return the time of each row, from one or several columns, and the assumptions made.

    Parameters
    ----------
    frame : DataFrame
        The table.
    columns : sequence of str
        One column of times or numbers; or year, month, day and so on; or several texts that are
        joined (date and time).

    Returns
    -------
    time : ndarray of datetime64[ns], int64 or float64, shape (n_rows,)
    assumed : list of str

    Raises
    ------
    DataError
        If a row has no time or an unreadable one; the message names the rows.
    """
    label = ", ".join(f"`{column}`" for column in columns)
    notes: list[str] = []
    if len(columns) == 1:
        time = _one_column(frame[columns[0]], label, notes)
    elif all(unit_of(column) for column in columns):
        time = _assembled(frame, columns, label)
    else:
        joined = frame[list(columns)].astype("str").agg(" ".join, axis=1)
        time = _from_text(
            joined.mask(frame[list(columns)].isna().any(axis=1)), label, notes
        )
    missing = np.flatnonzero(
        np.isnat(time) if time.dtype.kind == "M" else np.isnan(time)
    )
    if len(missing):
        raise DataError(
            f"{label} must give a time in every row; got none in {rows_text(missing)}."
        )
    return time, notes


def rows_text(rows: np.ndarray) -> str:
    """Return "row 3" or "rows 3, 7, ... (12 rows)", counted from 1 after the header."""
    numbers = []
    for row in rows[:5]:
        numbers.append(str(int(row) + 1))
    if len(rows) == 1:
        return f"row {numbers[0]}"
    return f"rows {', '.join(numbers)}" + (
        f", ... ({len(rows)} rows)" if len(rows) > 5 else ""
    )


def _one_column(column: pd.Series, label: str, notes: list[str]) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(column):
        return _naive(column, label, notes)
    if pd.api.types.is_timedelta64_dtype(column):
        seconds: np.ndarray = column.dt.total_seconds().to_numpy()
        return seconds
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return _from_digits(column, label, notes)
    return _from_text(column.astype("str").mask(column.isna()), label, notes)


def _naive(times: pd.Series, label: str, notes: list[str]) -> np.ndarray:
    if times.dt.tz is not None:
        notes.append(f"{label} has a time zone: turned into UTC.")
        times = times.dt.tz_convert("UTC").dt.tz_localize(None)
    found: np.ndarray = times.to_numpy(dtype=NS)
    return found


def _assembled(frame: pd.DataFrame, columns: Sequence[str], label: str) -> np.ndarray:
    """Return times from columns of year, month, day, ...; hour 24 is the next day's first."""
    parts = {}
    for column in columns:
        parts[str(unit_of(column))] = pd.to_numeric(frame[column], errors="coerce")
    if missing := [unit for unit in ("year", "month", "day") if unit not in parts]:
        raise DataError(
            "`time` must hold year, month and day when it has several columns; "
            f"got {label}, no {missing}."
        )
    date = pd.to_datetime(
        {unit: parts[unit] for unit in ("year", "month", "day")}, errors="coerce"
    ).astype(NS)
    for unit in ("hour", "minute", "second"):
        if unit in parts:
            date = date + pd.to_timedelta(
                parts[unit], unit=unit[0] if unit != "minute" else "min"
            )
    found: np.ndarray = date.to_numpy(dtype=NS)
    return found


def _from_digits(column: pd.Series, label: str, notes: list[str]) -> np.ndarray:
    """Return numbers as they are; 20240704 or 2024070424 (hours 1 to 24) as dates."""
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    for n_digits in (8, 10, 12, 14):
        scale = 10 ** (n_digits - 8)
        days = numbers // scale
        whole = (
            (numbers % 1 == 0).all()
            and (days >= 19000101).all()
            and (days <= 21001231).all()
        )
        if not whole:
            continue
        date = pd.to_datetime(
            pd.Series(days).astype("int64").astype("str"),
            format="%Y%m%d",
            errors="coerce",
        )
        if date.notna().all():
            notes.append(f"{label} was read as dates written in {n_digits} digits.")
            clock = (numbers % scale) * 10.0 ** (14 - n_digits)
            seconds = clock // 10000 * 3600 + clock // 100 % 100 * 60 + clock % 100
            found: np.ndarray = (
                date.astype(NS) + pd.to_timedelta(seconds, unit="s")
            ).to_numpy(dtype=NS)
            return found
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        integers: np.ndarray = column.to_numpy(dtype=np.int64)
        return integers
    floats: np.ndarray = numbers
    return floats


def _from_text(texts: pd.Series, label: str, notes: list[str]) -> np.ndarray:
    """Return times from text: ISO, then other formats; clock times without a date as seconds."""
    measured = texts.dropna()
    if len(measured) and measured.str.fullmatch(CLOCK).all():
        notes.append(f"{label} holds clock times without a date: read as seconds.")
        full = measured.where(measured.str.count(":") == 2, measured + ":00")
        seconds: np.ndarray = (
            pd.to_timedelta(full).dt.total_seconds().reindex(texts.index).to_numpy()
        )
        return seconds
    try:
        return _naive(pd.Series(pd.to_datetime(texts, format="ISO8601")), label, notes)
    except (ValueError, TypeError):
        pass
    short = np.flatnonzero(texts.str.strip().str.contains(SHORT_YEAR, na=False))
    if len(short):
        raise DataError(
            f"{label} must hold four-digit years, as in 2024-07-04 13:00; "
            f"got {texts.iloc[short[0]]!r} in {rows_text(short)}. "
            "Convert the column with pd.to_datetime(column, format=...)."
        )
    plain, day_after = _normalised(texts, label, notes)
    times = pd.to_datetime(plain, format="ISO8601", errors="coerce", utc=True)
    if times.isna().sum() > texts.isna().sum():
        times = times.fillna(
            pd.to_datetime(
                plain[times.isna()], format="mixed", errors="coerce", utc=True
            )
        )
    bad = np.flatnonzero(times.isna() & texts.notna())
    if len(bad):
        raise DataError(
            f"{label} must hold times such as 2024-07-04 13:00; "
            f"got {texts.iloc[bad[0]]!r} in {rows_text(bad)}."
        )
    if texts.str.contains(r"(?:[+-]\d\d:?\d\d|Z)$", na=False).any():
        notes.append(f"{label} has a time zone: turned into UTC.")
    found: np.ndarray = (times.dt.tz_localize(None).astype(NS) + day_after).to_numpy(
        dtype=NS
    )
    return found


def _normalised(
    texts: pd.Series, label: str, notes: list[str]
) -> tuple[pd.Series, pd.Series]:
    """Return texts with ISO dates in front, and a day to add where the clock says 24."""
    plain = texts.str.strip().str.replace(
        YEAR_FIRST, lambda m: f"{m[1]}-{m[2]:0>2}-{m[3]:0>2}", regex=True
    )
    last = plain.str.extract(YEAR_LAST)
    if last[0].notna().any():
        first, second = (pd.to_numeric(last[i]) for i in (0, 2))
        day_first = bool(
            (first > 12).any() or ((last[1] == ".").any() and not (second > 12).any())
        )
        if day_first:
            order = "day.month.year"
        else:
            order = "month/day/year"
        notes.append(f"{label} was read as {order}.")
        if day_first:
            day, month = (1, 3)
        else:
            day, month = (3, 1)
        plain = plain.str.replace(
            YEAR_LAST, lambda m: f"{m[4]}-{m[month]:0>2}-{m[day]:0>2}", regex=True
        )
    for korean, english in (("오전", "AM"), ("오후", "PM")):
        plain = plain.str.replace(
            rf"\s+{korean}\s*(.*)$", rf" \1 {english}", regex=True
        )
    plain = plain.str.replace(r"^(\S+)\s+(\d):", r"\1 0\2:", regex=True)
    late = plain.str.contains(r"[ T]24(?::?00)*$", na=False)
    plain = plain.str.replace(r"([ T])24((?::?00)*)$", r"\g<1>00\2", regex=True)
    return plain, pd.to_timedelta(late.astype("int64"), unit="D")


def ticks(time: np.ndarray, unit: str | None = None) -> tuple[np.ndarray, str]:
    """Return times as evenly spaced numbers, and their unit.

    The unit is "seconds", "months" (for monthly tables) or "1" (for plain numbers).
    """
    if (time.dtype.kind == "M") == (unit == "1"):
        if unit == "1":
            kind = "dates"
        else:
            kind = "numbers"
        if unit is not None:
            raise DataError(f"`time` must be of the kind it was before; got {kind}.")
    if time.dtype.kind != "M":
        return time, "1"
    if unit == "months" or (unit is None and _is_monthly(time)):
        return time.astype("datetime64[M]").astype(np.int64), "months"
    return (time - time.min()).astype("timedelta64[ns]").astype(
        np.int64
    ) / 1e9, "seconds"


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
