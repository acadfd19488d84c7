"""Dates in text, as people write them, brought into one form; what is unclear is refused."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from multitide.data._rows_text import rows_text
from multitide.data._time_bounds import as_nanoseconds
from multitide.data._time_digits import PLAIN, read_digits
from multitide.data._unreadable_times import unreadable
from multitide.errors import DataError

DAY_FIRST, MONTH_FIRST = "day/month/year", "month/day/year"
YEAR_FIRST = re.compile(
    r"^(\d{4})\s*[./年년-]\s*(\d{1,2})\s*[./月월-]\s*(\d{1,2})(?:\s*[.日일])?(?!\d)"
)
YEAR_LAST = re.compile(r"^(\d{1,2})\s*([./-])\s*(\d{1,2})\s*[./-]\s*(\d{4})(?!\d)")
# 01.02.03 has six readings.
SHORT_YEAR = re.compile(r"^\d{1,2}\s*[./-]\s*\d{1,2}\s*[./-]\s*\d{2}(?!\d)")
DIGITS = re.compile(r"^(\d{6}|\d{8})(?=[T ]\s*\d)")
ISO = re.compile(
    r"\d{4}-\d{2}(?:-\d{2})?"
    r"(?:[T ](?:[01]\d|2[0-3])(?::\d{2}(?::\d{2}(?:\.\d+)?)?\s?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?)?"
)
LATE = r"^\d{4}-\d{2}-\d{2}[T ]24(?::00)*(?:\.0+)?(?:$|[Z+ -])"
ZONE = r"(?::\d{2}|\.\d+|[AP]M)\s?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)(?:\s+\d{4})?$"
# Written-out months: 4 July 2024, Thu Jul 4 13:00:00 2024. Other words have no one meaning.
WORDS = re.compile(
    r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*|T|Z|UTC|GMT|[AaPp][Mm]"
    r"|(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*"
)
HALVES = (("오전", "AM"), ("오후", "PM"))
CHANGES = (
    (r"(:\d{2}),(\d+)", r"\1.\2"),  # 13:00:00,5
    (r"^(\d{1,2}:\d{2}\S*)\s+(\S+)$", r"\2 \1"),  # the clock before the date
    (r"^(\d{4}-\d\d-\d\d[T ]\d\d)(\d\d)(?=$|[Z+-])", r"\1:\2"),  # T1300
    (r"^(\d{4}-\d\d-\d\d[T ]\d\d)(\d\d)(\d\d)", r"\1:\2:\3"),  # T130000
    (r"([T ])\s*(\d):", r"\g<1>0\2:"),
    (r"(?<=\d)\s+(?:UTC|GMT)$", "Z"),
    (r"\s+", " "),
)
TWELVE = re.compile(
    r"([T ])(0?[1-9]|1[0-2])(:\d{2}(?::\d{2}(?:\.\d+)?)?)? ?([AaPp])[Mm]$"
)


def read_texts(
    texts: pd.Series, label: str, notes: list[str], style: str | None = None
) -> tuple[np.ndarray, str | None]:
    """Return the times of dates in text, and the order of day and month if that was decided.

    Parameters
    ----------
    texts : Series of str
        Missing ones become NaT.
    label : str
        The column, for messages.
    notes : list of str
        Is extended by what was assumed.
    style : str, optional
        The order or the digits to expect, as an earlier call returned it.

    Returns
    -------
    times : ndarray of datetime64[ns]
        In UTC if the texts have offsets.
    style : str or None

    Raises
    ------
    DataError
        If a text is no date, or has several readings, or some have an offset and others not.
    """
    plain = texts.str.strip()
    late = pd.Series(False, index=texts.index)
    if not plain.str.fullmatch(ISO).all():
        plain, style = _normalised(plain, label, notes, style)
        late = plain.str.contains(LATE, na=False)
        midnight = plain.str.replace(r"([T ])24", r"\g<1>00", regex=True)
        plain = plain.mask(late, midnight)
    is_zoned = _check_zones(texts, plain, label)
    times = _parse(plain)
    bad = np.flatnonzero(times.isna() & texts.notna())
    if len(bad):
        raise DataError(unreadable(texts, bad, label, "such as 2024-07-04 13:00"))
    if is_zoned:
        notes.append(f"{label} has a time zone: turned into UTC.")
    days = pd.to_timedelta(late.astype("int64"), unit="D")
    return as_nanoseconds(times.dt.tz_localize(None) + days, label), style


def _parse(plain: pd.Series) -> pd.Series:
    """Return times in UTC; NaT for what is neither ISO 8601 nor has a month in words."""
    is_iso = plain.str.fullmatch(ISO).fillna(False).astype(bool)
    times = pd.Series(
        pd.to_datetime(plain.where(is_iso), format="ISO8601", errors="coerce", utc=True)
    )
    rest = plain[~is_iso & plain.notna()]
    in_words = rest[_are_in_words(rest)]
    if len(in_words):
        dates = pd.to_datetime(in_words, format="mixed", errors="coerce", utc=True)
        unit = max(times.dt.unit, dates.dt.unit, key=("s", "ms", "us", "ns").index)
        times = times.dt.as_unit(unit).fillna(dates.dt.as_unit(unit))
    return times


def _are_in_words(texts: pd.Series) -> pd.Series:
    """Return which texts have a year of four digits, and no words but months, days and zones."""
    has_words = texts.str.contains(r"[A-Za-z]{3}")
    has_year = texts.str.contains(r"(?<!\d)\d{4}(?!\d)")
    others = texts.str.replace(WORDS, "", regex=True).str.contains(r"[^\W\d_]")
    return (has_words & has_year & ~others).astype(bool)


def _check_zones(texts: pd.Series, plain: pd.Series, label: str) -> bool:
    """Return whether the texts have offsets; raise if only some have."""
    known = plain.notna().to_numpy()
    zoned = plain.str.contains(ZONE, na=False).to_numpy(dtype=bool)
    naive = np.flatnonzero(known & ~zoned)
    with_zone = np.flatnonzero(zoned)
    if len(naive) and len(with_zone):
        row, other = with_zone[0], naive[0]
        raise DataError(
            f"{label} must have a time zone in all rows or in none; "
            f"got {texts.iloc[row]!r} in {rows_text(with_zone)}, "
            f"and {texts.iloc[other]!r} in {rows_text(naive)}. "
            "Write all of them in UTC."
        )
    return bool(len(with_zone))


def _normalised(
    plain: pd.Series, label: str, notes: list[str], style: str | None
) -> tuple[pd.Series, str | None]:
    """Return texts with ISO dates in front and clocks of 24 hours, and the style."""
    for pattern, new in CHANGES[:2]:
        plain = plain.str.replace(pattern, new, regex=True)
    plain = plain.str.replace(YEAR_FIRST, _year_first, regex=True)
    short = np.flatnonzero(plain.str.contains(SHORT_YEAR, na=False))
    if len(short):
        raise DataError(
            f"{label} must hold four-digit "
            "years, as in 2024-07-04 13:00; "
            f"got {plain.iloc[short[0]]!r} in {rows_text(short)}. "
            "Say how the dates are written with "
            '`time_format`, e.g. time_format="%d.%m.%y %H:%M".'
        )
    plain, style = _year_last(plain, label, notes, style)
    plain, style = _digits(plain, label, notes, style)
    for korean, english in HALVES:
        plain = plain.str.replace(
            rf"\s+{korean}\s*(.*)$", rf" \1 {english}", regex=True
        )
    for pattern, new in CHANGES[2:]:
        plain = plain.str.replace(pattern, new, regex=True)
    return plain.str.replace(TWELVE, _of_24_hours, regex=True), style


def _year_first(match: re.Match[str]) -> str:
    return f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"


def _of_24_hours(match: re.Match[str]) -> str:
    hour = int(match[2]) % 12 + 12 * (match[4].upper() == "P")
    return f"{match[1]}{hour:02}{match[3] or ':00'}"


def _year_last(
    plain: pd.Series, label: str, notes: list[str], style: str | None
) -> tuple[pd.Series, str | None]:
    """Put the year in front of dates such as 4/7/2024, if the column says which is the month."""
    parts = plain.str.extract(YEAR_LAST)
    if not parts[0].notna().any():
        return plain, style
    if style not in (DAY_FIRST, MONTH_FIRST):
        style = _order(plain, parts, label)
    order = style
    if (parts[1].dropna() == ".").all():
        order = style.replace("/", ".")
    notes.append(f"{label} was read as {order}.")
    if style == DAY_FIRST:
        day, month = 1, 3
    else:
        day, month = 3, 1
    return plain.str.replace(
        YEAR_LAST, lambda m: f"{m[4]}-{m[month]:0>2}-{m[day]:0>2}", regex=True
    ), style


def _order(plain: pd.Series, parts: pd.DataFrame, label: str) -> str:
    first, second = pd.to_numeric(parts[0]), pd.to_numeric(parts[2])
    if (first > 12).any():
        return DAY_FIRST
    if (second > 12).any():
        return MONTH_FIRST
    if (parts[1] == ".").any() or (first == second)[parts[0].notna()].all():
        return DAY_FIRST  # dates with dots never start with the month
    row = int(np.flatnonzero(first != second)[0])
    raise DataError(
        f"{label} must say which number is the month; "
        f"got {plain.iloc[row]!r} in row {row + 1}, "
        "and no number above 12 in any row. "
        "Say which with `time_format`, e.g. "
        'time_format="%d/%m/%Y" or time_format="%m/%d/%Y", '
        'with " %H:%M" if there is a clock.'
    )


def _digits(
    plain: pd.Series, label: str, notes: list[str], style: str | None
) -> tuple[pd.Series, str | None]:
    """Read the dates of 20240704 13:00 and 040724 13:00."""
    dates = plain.str.extract(DIGITS)[0]
    written = np.flatnonzero(dates.notna())
    if not len(written):
        return plain, style
    numbers = dates.iloc[written].astype("int64").to_numpy()
    if style is not None and not style.startswith("%"):
        style = None
    days, style = read_digits(numbers, label, style)
    if days is None or style == PLAIN:
        return plain, None
    notes.append(f"{label} was read as dates written as {style}.")
    texts = np.datetime_as_string(days, unit="D")
    new = dates.copy()
    new.iloc[written] = texts
    rest = plain.str.replace(DIGITS, "", regex=True)
    return plain.mask(dates.notna(), new + rest), style
