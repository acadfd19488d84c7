"""Whether a loss falls by more than the noise of its rows."""

from __future__ import annotations

import numpy as np

from multitide._weighted_mean import weighted_mean


def falls(
    before: np.ndarray,
    after: np.ndarray,
    recordings: np.ndarray,
    weights: np.ndarray | None = None,
) -> bool:
    """Return whether the mean loss falls by more than one standard error of its fall.

    Parameters
    ----------
    before, after : ndarray, shape (n_rows,)
        The loss of each row.
    recordings : ndarray of int, shape (n_rows,)
        Rows of one recording err together, so that the error is that of sums over recordings.
    weights : ndarray of float64, shape (n_rows,), optional
        How many rows each row counts for; 1 by default.
    """
    if weights is None:
        weights = np.ones(len(before))
    fall = before - after
    mean = weighted_mean(fall, weights)
    _, codes = np.unique(recordings, return_inverse=True)
    sums = np.bincount(codes, weights=weights * (fall - mean))
    n = len(sums)
    if n < 2:
        return False
    error = np.sqrt(np.square(sums).sum() * n / (n - 1)) / weights.sum()
    return bool(mean > error)
