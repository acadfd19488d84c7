"""A mean in which some values count for more than others."""

from __future__ import annotations

import numpy as np


def weighted_mean(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Return the mean of values; NaN if there are none.

    Parameters
    ----------
    values : ndarray, shape (n,)
    weights : ndarray, shape (n,), optional
        How much each value counts; all alike by default.
    """
    if not len(values):
        return float("nan")
    if weights is None:
        return float(np.mean(values))
    return float(np.average(values, weights=weights))


def scaled_to_one(weights: np.ndarray) -> np.ndarray:
    """Return weights with a mean of 1; all alike if there are none or all are 0."""
    total = weights.sum()
    if not total > 0:
        return np.ones(len(weights))
    scaled: np.ndarray = weights * (len(weights) / total)
    return scaled
