"""Times as nanoseconds: what 64 bits cannot hold is refused rather than wrapped."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.data._rows_text import rows_text
from multitide.errors import DataError

NS = "datetime64[ns]"
FIRST, LAST = np.datetime64("1677-09-22"), np.datetime64("2262-04-11")
MAX_EXACT = 2**53  # beyond it, floats do not hold every whole number


def as_nanoseconds(times: np.ndarray | pd.Series, label: str) -> np.ndarray:
    """Return times of any unit as datetime64[ns].

    Parameters
    ----------
    times : ndarray or Series of datetime64
        NaT for missing times.
    label : str
        The column, for messages.

    Raises
    ------
    DataError
        If a time lies outside 1677 to 2262, what nanoseconds hold; with its row.
    """
    array = np.asarray(times)
    if np.datetime_data(array.dtype)[0] != "ns":
        outside = np.flatnonzero((array < FIRST) | (array >= LAST))
        if len(outside):
            raise DataError(
                f"{label} must hold times from 1677-09-22 to "
                "2262-04-10, which fit into 64 bits of nanoseconds; "
                f"got {array[outside[0]]} in {rows_text(outside)}. "
                "Correct these rows, or remove them "
                "if the time stands for a missing one."
            )
    nanoseconds: np.ndarray = array.astype(NS)
    return nanoseconds


def check_numbers(numbers: np.ndarray, label: str, notes: list[str]) -> np.ndarray:
    """Return numeric times as int64 or float64; NaN stays for missing ones.

    Raises
    ------
    DataError
        If a number is infinite or does not fit into 64 bits; with its row.
    """
    if numbers.dtype.kind == "f":
        numbers = numbers.astype(np.float64)
        _check_finite(numbers, label)
        _check_64_bits(numbers, label)
        _note_precision(numbers, label, notes)
        return numbers
    _check_64_bits(numbers, label)
    return numbers.astype(np.int64)


def _check_64_bits(numbers: np.ndarray, label: str) -> None:
    limit = np.iinfo(np.int64).max
    outside = np.flatnonzero((numbers > limit) | (numbers < -limit))
    if len(outside):
        raise DataError(
            f"{label} must hold numbers that fit into 64 bits; "
            f"got {numbers[outside[0]]} in {rows_text(outside)}. "
            "Use a coarser unit of time, such as seconds."
        )


def _check_finite(numbers: np.ndarray, label: str) -> None:
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise DataError(
            f"{label} must hold finite times; "
            f"got {numbers[infinite[0]]} in {rows_text(infinite)}. "
            "Correct or remove these rows."
        )


def _note_precision(numbers: np.ndarray, label: str, notes: list[str]) -> None:
    largest = float(np.nanmax(np.abs(numbers), initial=0.0))
    if largest > MAX_EXACT:
        notes.append(
            f"{label} holds floats up to {largest:.3g}, which tell "
            f"times apart by at least {np.spacing(largest):g}: "
            "store integers or dates if times are finer."
        )
