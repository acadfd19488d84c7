"""Times read by a format that the user gives, as in ``strptime``."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from multitide._checks import repeated
from multitide.data._clock_times import over_midnight
from multitide.data._time_bounds import as_nanoseconds
from multitide.data._unreadable_times import unreadable
from multitide.errors import DataError, ParameterError

DIRECTIVE = re.compile(r"%(.)")
WIDTHS = {"Y": 4, "m": 2, "d": 2, "y": 2, "H": 2, "M": 2, "S": 2, "j": 3, "f": 6}
CLOCK = set("HIpMSf%")
YEARS = set("YyGcx")
KNOWN = CLOCK | YEARS | set("mdjbBaAzXVUuWw")
EXAMPLE = 'such as "%d.%m.%Y %H:%M"'


@dataclass(frozen=True)
class _Formatted:
    """Texts that a format is to read."""

    texts: pd.Series
    label: str
    time_format: str


def check_time_format(time_format: object) -> None:
    """Raise unless the value is a format of times that can be placed in order.

    Raises
    ------
    ParameterError
        If it is not text with directives of ``strptime``, or has a date without a year.
    """
    if not isinstance(time_format, str) or not DIRECTIVE.search(time_format):
        raise ParameterError(
            f"`time_format` must be a format of strptime, {EXAMPLE}; "
            f"got {time_format!r}."
        )
    letters = DIRECTIVE.findall(time_format)
    _check_directives(letters, time_format)
    _check_order(set(letters), time_format)


def _check_directives(letters: list[str], time_format: str) -> None:
    """Raise for a directive that ``strptime`` does not know, or one that occurs twice."""
    for letter in letters:
        if letter not in KNOWN:
            raise ParameterError(
                "`time_format` must have directives "
                f"of strptime, {EXAMPLE}; "
                f"got %{letter} in {time_format!r}."
            )
    if set(repeated(letters)) - {"%"}:
        raise ParameterError(
            f"`time_format` must have each directive once; got {time_format!r}."
        )


def _check_order(given: set[str], time_format: str) -> None:
    """Raise for a date without a year, and for a clock time without an hour."""
    if not given & YEARS and not given <= CLOCK:
        raise ParameterError(
            "`time_format` must have a year, "
            "%Y or %y, if it has a date; "
            f"got {time_format!r}. "
            "Join a column that holds the "
            'year, e.g. time=["year", "t"].'
        )
    if given <= CLOCK and not given & set("HI"):
        raise ParameterError(
            "`time_format` must have an hour, "
            "%H or %I, if it has no date; "
            f"got {time_format!r}."
        )


def read_formatted(
    column: pd.Series,
    label: str,
    time_format: str,
    notes: list[str],
    series: np.ndarray | None = None,
) -> np.ndarray:
    """Return the times of a column that is written in a format of ``strptime``.

    Integers may have lost a leading zero. Times with an offset (``%z``) become UTC; a format
    of clock times gives seconds, with a day added wherever midnight passes in a series.

    Raises
    ------
    DataError
        If a value does not fit the format; with the first ones and their rows.
    """
    texts = _texts(column, time_format)
    formatted = _Formatted(texts, label, time_format)
    if set(DIRECTIVE.findall(time_format)) <= CLOCK:
        time = _parse(formatted) - pd.Timestamp("1900-01-01")
        seconds = time.dt.total_seconds().to_numpy(dtype=np.float64)
        return over_midnight(seconds, texts, label, notes, series)
    times = _parse(formatted)
    if times.dt.tz is not None:
        notes.append(f"{label} has a time zone: turned into UTC.")
        times = times.dt.tz_localize(None)
    return as_nanoseconds(times, label)


def _parse(found: _Formatted) -> pd.Series:
    is_zoned = "%z" in found.time_format
    try:
        times = pd.to_datetime(
            found.texts, format=found.time_format, errors="coerce", utc=is_zoned
        )
    except ValueError as error:
        raise ParameterError(
            "`time_format` must be a format of strptime; "
            f"got {found.time_format!r}: {error}."
        ) from None
    bad = np.flatnonzero(times.isna() & found.texts.notna())
    if len(bad):
        how = f"written as {found.time_format}"
        remedy = "change `time_format`"
        raise DataError(unreadable(found.texts, bad, found.label, how, remedy))
    return pd.Series(times)


def _texts(column: pd.Series, time_format: str) -> pd.Series:
    """Return the texts of a column; whole numbers in as many digits as the format has."""
    is_number = pd.api.types.is_numeric_dtype(column)
    if is_number and not pd.api.types.is_bool_dtype(column):
        letters = DIRECTIVE.findall(time_format)
        width = sum(WIDTHS.get(letter, 0) for letter in letters)
        whole = column
        if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
            whole = column.astype("Int64")
        texts = whole.astype("str").mask(column.isna())
        is_fixed = "%" + "%".join(letters) == time_format
        if is_fixed and all(letter in WIDTHS for letter in letters):
            texts = texts.str.zfill(width)
        return texts
    return column.astype("str").str.strip().mask(column.isna())
