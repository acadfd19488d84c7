"""What to subtract from numbers and what to divide them by."""

from __future__ import annotations

from typing import Literal

import numpy as np

NORMAL_RANGE = 1.3489795003921634  # interquartile range of the standard normal distribution

Scale = Literal["standard", "robust", "none"]


def center_and_scale(values: np.ndarray, scale: Scale) -> tuple[float, float]:
    """Return what to subtract from `values` and what to divide them by; equal values are divided by 1.

    Parameters
    ----------
    values : ndarray of float64, shape (n_values,)
        Measured values, at least one.
    scale : {"standard", "robust", "none"}
        Mean and standard deviation; median and interquartile range over 1.349, which is the
        standard deviation of normal values (where half of the values are equal, the standard
        deviation itself); or 0 and 1.
    """
    if scale == "none":
        return 0.0, 1.0
    center, spread = float(values.mean()), float(values.std())
    if scale == "robust":
        low, center, high = map(float, np.quantile(values, [0.25, 0.5, 0.75]))
        spread = (high - low) / NORMAL_RANGE or spread
    return center, spread if values.max() > values.min() else 1.0
