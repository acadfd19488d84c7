"""Whether a loss falls by more than the noise of its rows."""

from __future__ import annotations

import numpy as np


def falls(before: np.ndarray, after: np.ndarray, recordings: np.ndarray) -> bool:
    """Return whether the mean loss falls by more than one standard error of its fall.

    Parameters
    ----------
    before, after : ndarray, shape (n_rows,)
        The loss of each row.
    recordings : ndarray of int, shape (n_rows,)
        Rows of one recording err together, so that the error is that of sums over recordings.
    """
    fall = before - after
    mean = float(fall.mean())
    _, codes = np.unique(recordings, return_inverse=True)
    sums = np.bincount(codes, weights=fall - mean)
    n = len(sums)
    if n < 2:
        return False
    error = np.sqrt(np.square(sums).sum() * n / (n - 1)) / len(fall)
    return bool(mean > error)
