"""Dates in digits alone (202407, 20240704, 2024070413, 040724): the whole column decides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from multitide.data._rows_text import rows_text
from multitide.errors import DataError

PLAIN = "number"  # the style of digits that are no date
DATES = ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y")
CLOCKS = ("", "%H", "%H%M", "%H%M%S")
WIDTHS = {"Y": 4}  # of a directive; 2 otherwise
YEARS = (1900, 2100)
MIN_STAMPS = 3  # distinct ones, to say that they are evenly spaced
DAY = 86400  # seconds


def read_digits(
    numbers: np.ndarray, label: str, style: str | None = None
) -> tuple[np.ndarray | None, str]:
    """Read whole numbers as dates, if they are dates.

    A reading fits if it makes a date of every number. The basic format of ISO 8601
    (``%Y%m%d``, with or without a clock) is taken if it fits. Otherwise numbers that are
    evenly spaced are plain numbers, and dates need a reading that is the only one to fit,
    the only one of four-digit years and days, or the only one by which they are evenly
    spaced.

    Parameters
    ----------
    numbers : ndarray of int64
        Without missing values.
    label : str
        The column, for messages.
    style : str, optional
        The reading to use, as an earlier call returned it.

    Returns
    -------
    seconds : ndarray of datetime64[s] or None
        None if the numbers are not dates.
    style : str
        The reading, as in ``strptime``; "number" for plain numbers.

    Raises
    ------
    DataError
        If several readings fit, or `style` does not.
    """
    if style == PLAIN or not len(numbers):
        return None, PLAIN
    if style is not None:
        return _read_as(numbers, style, label), style
    fitting = {}
    for candidate in _candidates(numbers):
        time, is_date = _as_dates(numbers, candidate)
        if is_date.all():
            fitting[candidate] = time
        elif candidate.startswith("%Y") and not _has_one_step(numbers):
            _refuse_errors(numbers, is_date, candidate, label)
    chosen = _choose(numbers, fitting, label)
    return fitting.get(chosen), chosen


def _choose(numbers: np.ndarray, fitting: dict[str, np.ndarray], label: str) -> str:
    even = []
    for candidate, time in fitting.items():
        if _is_even(time):
            even.append(candidate)
    sure = _whole_years(fitting, even)
    if sure.startswith("%Y"):
        return sure
    if not fitting or _has_one_step(numbers):
        return PLAIN
    if sure:
        return sure
    for possible in (list(fitting), even):
        if len(possible) == 1:
            return possible[0]
    readings = ", ".join(f'"{candidate}"' for candidate in fitting)
    raise DataError(
        f"{label} must hold dates that can be read in one way; "
        f"got {numbers[0]}, and every row fits {readings}. "
        "Say which with `time_format`, e.g. "
        f'time_format="{next(iter(fitting))}".'
    )


def _whole_years(fitting: dict[str, np.ndarray], even: list[str]) -> str:
    """Return the only reading of four-digit years and days, unless only others are even."""
    whole = []
    for candidate in fitting:
        if "%Y" in candidate and "%d" in candidate:
            whole.append(candidate)
    if len(whole) == 1 and (whole[0] in even or not even):
        return whole[0]
    return ""


def _refuse_errors(
    numbers: np.ndarray, is_date: np.ndarray, style: str, label: str
) -> None:
    """Raise if most numbers are dates: the others are errors."""
    bad = np.flatnonzero(~is_date)
    if 2 * len(bad) < len(numbers):
        raise DataError(
            f"{label} must hold a date in every "
            f"row, as most rows do ({style}); "
            f"got {numbers[bad[0]]} in {rows_text(bad)}. "
            "Correct or remove these rows."
        )


def _candidates(numbers: np.ndarray) -> Iterator[str]:
    """Yield the readings of that many digits; a leading zero may be lost."""
    if numbers.min() < 0:
        return
    n_digits = len(str(numbers.max()))
    width = n_digits + n_digits % 2
    if n_digits == 6:
        yield "%Y%m"
    for date in DATES:
        for clock in CLOCKS:
            starts_with_year = date.startswith("%Y")
            if _width(date + clock) == width and (
                n_digits == width or not starts_with_year
            ):
                yield date + clock


def _width(style: str) -> int:
    return sum(WIDTHS.get(letter, 2) for letter in style[1::2])


def _read_as(numbers: np.ndarray, style: str, label: str) -> np.ndarray:
    time, is_date = _as_dates(numbers, style)
    bad = np.flatnonzero(~is_date)
    if len(bad):
        raise DataError(
            f"{label} must hold dates written as "
            f"{style}, as the training data did; "
            f"got {numbers[bad[0]]} in {rows_text(bad)}."
        )
    return time


def _as_dates(numbers: np.ndarray, style: str) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers as datetime64[s], and which of them are dates."""
    rest = numbers
    parts = {"m": np.ones_like(numbers), "d": np.ones_like(numbers)}
    for letter in reversed(style[1::2]):
        scale = 10 ** WIDTHS.get(letter, 2)
        parts[letter] = rest % scale
        rest = rest // scale
    if "y" in parts:
        short = parts.pop("y")
        # As strptime does.
        parts["Y"] = np.where(short < 69, 2000 + short, 1900 + short)
    years, months, days = parts["Y"], parts["m"], parts["d"]
    is_date = (rest == 0) & (years >= YEARS[0]) & (years <= YEARS[1])
    is_date &= (months >= 1) & (months <= 12) & (days >= 1)
    month = (np.where(is_date, (years - 1970) * 12 + months - 1, 0)).astype(
        "datetime64[M]"
    )
    date = month.astype("datetime64[D]") + np.where(is_date, days - 1, 0)
    is_date &= date.astype("datetime64[M]") == month
    zeros = np.zeros_like(numbers)
    hours, minutes = parts.get("H", zeros), parts.get("M", zeros)
    clock = hours * 3600 + minutes * 60 + parts.get("S", zeros)
    is_date &= (minutes < 60) & (parts.get("S", zeros) < 60) & (clock <= DAY)
    return date.astype("datetime64[s]") + np.where(is_date, clock, 0), is_date


def _is_even(time: np.ndarray) -> bool:
    """Whether times have one step, in seconds or in months."""
    months = time.astype("datetime64[M]")
    if (months == time).all():
        return _has_one_step(months.astype(np.int64))
    return _has_one_step(time.astype(np.int64))


def _has_one_step(numbers: np.ndarray) -> bool:
    distinct = np.unique(numbers)
    return len(distinct) >= MIN_STAMPS and len(np.unique(np.diff(distinct))) == 1
