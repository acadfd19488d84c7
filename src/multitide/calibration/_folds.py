"""Folds of the calibration rows that keep recordings whole."""

from __future__ import annotations

import numpy as np

N_FOLDS = 5


def folds_of_recordings(recordings: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the fold of each row, int64 (n_rows,).

    The recordings are dealt out in the order of their mean value, so that the folds have similar
    labels.

    Parameters
    ----------
    recordings : ndarray of int, shape (n_rows,)
        Rows of one recording are in the same fold.
    values : ndarray, shape (n_rows,)
        Labels as numbers.
    """
    _, codes = np.unique(recordings, return_inverse=True)
    sums = np.bincount(codes, weights=values)
    order = np.argsort(sums / np.bincount(codes), kind="stable")
    fold_of = np.empty(len(order), dtype=np.int64)
    fold_of[order] = np.arange(len(order)) % N_FOLDS
    folds: np.ndarray = fold_of[codes]
    return folds
