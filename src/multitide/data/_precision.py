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
    largest = np.abs(known).max()
    if known.max() == known.min():
        return bool(largest > MAX_CONSTANT and float(np.float32(largest)) != largest)
    error = max(largest * 2.0**-24, 2.0**-150)  # the second of the smallest numbers
    return bool(error > MAX_ERROR * known.std())
