"""Metrics that some fields quote, which a regression computes when its task names them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from multitide._weighted_mean import weighted_mean

# Predictions that are late cost more: the constants of the challenge of PHM 2008.
LATE, EARLY = 10.0, 13.0


def nasa_score(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Return the score of remaining lives of the PHM challenge 2008 [1]_; 0 is perfect.

    It is the sum over rows of exp(d / 10) - 1 for d = prediction - label above 0, and of
    exp(-d / 13) - 1 below it.

    References
    ----------
    .. [1] Saxena, Goebel, Simon and Eklund, "Damage Propagation Modeling for Aircraft Engine
       Run-to-Failure Simulation", PHM 2008.
    """
    late_by = predictions.astype(np.float64) - labels
    with np.errstate(over="ignore"):
        costs = np.expm1(np.where(late_by > 0, late_by / LATE, -late_by / EARLY))
    if weights is not None:
        costs = costs * weights
    return float(costs.sum())


def rmse_over_std(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Return the RMSE in units of the standard deviation of the labels; NaN if they are equal."""
    squares = np.square(predictions.astype(np.float64) - labels)
    deviations = np.square(labels - weighted_mean(labels, weights))
    variance = weighted_mean(deviations, weights)
    if not variance > 0:
        return float("nan")
    return float(np.sqrt(weighted_mean(squares, weights) / variance))


QUOTED: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray | None], float]] = {
    "nasa_score": nasa_score,
    "rmse_over_std": rmse_over_std,
}
