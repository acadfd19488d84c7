"""Standard and robust scaling."""

from __future__ import annotations

from typing import Literal

import numpy as np

# Interquartile range of the standard normal distribution.
NORMAL_RANGE = 1.3489795003921634

# The inverse of a smaller spread is no float32.
MIN_SPREAD = float(np.finfo(np.float32).tiny)

Scale = Literal["standard", "robust", "none"]


def center_and_scale(values: np.ndarray, scale: Scale) -> tuple[float, float]:
    """Return the number to subtract from `values` and the number to divide them by.

    Parameters
    ----------
    values : ndarray of float64, shape (n_values,)
        Measured values, at least one.
    scale : {"standard", "robust", "none"}
        "standard": mean and standard deviation. "robust": median, and interquartile range / 1.349,
        which equals the standard deviation of a normal distribution; if the range is 0, the
        standard deviation. "none": 0 and 1.

    Returns
    -------
    center, scale : float
        `scale` is 1 if all values are equal, or differ by less than `MIN_SPREAD`.
    """
    if scale == "none":
        return 0.0, 1.0
    center = float(values.mean())
    spread = float(values.std())
    if scale == "robust":
        low, center, high = map(float, np.quantile(values, [0.25, 0.5, 0.75]))
        spread = (high - low) / NORMAL_RANGE or spread
    if values.max() == values.min() or spread < MIN_SPREAD:
        spread = 1.0
    return center, spread
