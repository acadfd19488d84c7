"""In which precision series are stored: float32, or float64 where float32 would lose them."""

from __future__ import annotations

import numpy as np

# Rounding errors of up to this share of a channel's standard deviation are accepted.
MAX_ERROR = 1e-3
# A constant does not show how finely a channel varies: a larger one is kept as it is.
MAX_CONSTANT = 2**16


def as_values(values: np.ndarray) -> np.ndarray:
    """Return values as float32 unless a channel needs float64.

    A counter at 2e9 that moves by 1 is a constant in float32. Its input layer needs the float64
    values to subtract their mean before it computes in float32.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_channels)
        Numbers of any type; NaN for missing values.
    """
    if values.dtype in (np.float32, np.float16, bool):
        return values.astype(np.float32, copy=False)
    numbers = values.astype(np.float64, copy=False)
    for column in numbers.T:
        if needs_float64(column[~np.isnan(column)]):
            return numbers
    return numbers.astype(np.float32)


def needs_float64(known: np.ndarray) -> bool:
    """Whether float32 would lose how the values of a channel vary; none may be NaN."""
    if not len(known):
        return False
    return _is_lost(float(known.min()), float(known.max()), float(known.std()))


def _is_lost(low: float, high: float, std: float) -> bool:
    """Whether float32 loses how a channel varies that has these extremes and this deviation."""
    largest = max(-low, high)
    if low == high:
        return largest > MAX_CONSTANT and float(np.float32(largest)) != largest
    error = max(largest * 2.0**-24, 2.0**-150)  # the second of the smallest numbers
    return error > MAX_ERROR * std


class Spread:
    """The extremes and the deviation of each channel of a table that comes in parts."""

    def __init__(self) -> None:
        self._count = self._mean = self._squares = np.zeros(1)
        self._low, self._high = np.full(1, np.inf), np.full(1, -np.inf)

    def add(self, values: np.ndarray) -> None:
        """Add rows, shape (n_rows, n_channels); NaN for missing values."""
        if not len(values):
            return
        numbers = values.astype(np.float64)
        is_known = ~np.isnan(numbers)
        self._low = np.fmin(self._low, np.fmin.reduce(numbers))
        self._high = np.fmax(self._high, np.fmax.reduce(numbers))
        n = is_known.sum(axis=0)
        mean = np.where(is_known, numbers, 0.0).sum(axis=0) / np.maximum(n, 1)
        squares = np.where(is_known, numbers - mean, 0.0)
        # Chan, Golub and LeVeque (1983): how the moments of two parts are put together.
        total = np.maximum(self._count + n, 1)
        shift = mean - self._mean
        self._squares = (
            self._squares
            + np.square(squares).sum(axis=0)
            + np.square(shift) * self._count * n / total
        )
        self._mean = self._mean + shift * n / total
        self._count = self._count + n

    def needs_float64(self) -> bool:
        """Whether float32 would lose how the values of a channel vary."""
        deviations = np.sqrt(self._squares / np.maximum(self._count, 1))
        found = zip(self._low, self._high, deviations, self._count, strict=True)
        for low, high, deviation, count in found:
            if count and _is_lost(float(low), float(high), float(deviation)):
                return True
        return False
