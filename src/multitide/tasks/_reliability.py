"""How well probabilities agree with frequencies: calibration error, Brier score and their curve."""

from __future__ import annotations

import numpy as np
import pandas as pd

N_BINS = 15
RELIABILITY = ("brier", "ece")  # metrics


def said_and_true(
    codes: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities that a classification task is judged by, and what came true.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
        The classes.
    probabilities : ndarray, shape (n_rows, n_classes)
        Their probabilities.

    Returns
    -------
    said : ndarray of float64, shape (n_rows,)
        With two classes the probability of the second, otherwise that of the most probable one.
    came_true : ndarray of bool, shape (n_rows,)
        Whether that was the class.
    """
    if probabilities.shape[1] == 2:
        return probabilities[:, 1].astype(np.float64), codes == 1
    likely = probabilities.argmax(axis=1)
    return probabilities.max(axis=1).astype(np.float64), codes == likely


def reliability_curve(said: np.ndarray, came_true: np.ndarray) -> pd.DataFrame:
    """Return, for bins of equal width, the mean probability, the frequency and the number of rows.

    Parameters
    ----------
    said : ndarray of float64, shape (n_rows,)
        Probabilities.
    came_true : ndarray of bool, shape (n_rows,)
        Outcomes.

    Returns
    -------
    DataFrame
        Columns ``said``, ``came_true``, ``n``; only bins with rows.
    """
    bins = np.minimum((said * N_BINS).astype(np.int64), N_BINS - 1)
    counts = np.bincount(bins, minlength=N_BINS)
    used = counts > 0
    n = counts[used]
    mean = np.bincount(bins, weights=said, minlength=N_BINS)[used] / n
    frequency = np.bincount(bins, weights=came_true, minlength=N_BINS)[used] / n
    return pd.DataFrame({"said": mean, "came_true": frequency, "n": n})


def calibration_error(
    said: np.ndarray, came_true: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Return the expected calibration error (Naeini et al. 2015 [1]_); NaN without rows.

    It is the mean distance between the probabilities of a bin and its frequency, weighted by the
    number of rows, or by their `weights`.

    References
    ----------
    .. [1] Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
       binning", AAAI 2015.
    """
    if not len(said):
        return float("nan")
    if weights is None:
        weights = np.ones(len(said))
    bins = np.minimum((said * N_BINS).astype(np.int64), N_BINS - 1)
    gaps = np.bincount(bins, weights=weights * (said - came_true), minlength=N_BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def of_classes(
    codes: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return Brier score and calibration error of class probabilities; see `said_and_true`."""
    return {
        "brier": float(np.average(brier_scores(codes, probabilities), weights=weights)),
        "ece": calibration_error(*said_and_true(codes, probabilities), weights),
    }


def of_labels(
    truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return Brier score and calibration error of several yes/no labels.

    Parameters
    ----------
    truth : ndarray, shape (n_rows, n_labels)
        1 for yes, 0 for no, NaN for missing labels; some are known.
    probabilities : ndarray, shape (n_rows, n_labels)
        Probabilities of yes.
    weights : ndarray, shape (n_rows,), optional
        How much each row counts.

    Returns
    -------
    dict of str to float
        The Brier score is the mean over all known labels, the error that over the columns.
    """
    known = ~np.isnan(truth)
    if weights is None:
        weights = np.ones(len(truth))
    squares = np.square(probabilities - np.nan_to_num(truth), dtype=np.float64)
    of_cells = np.broadcast_to(weights[:, None], known.shape)
    errors = []
    for said, labels, rows in zip(probabilities.T, truth.T, known.T, strict=True):
        if rows.any():
            said_of_known = said[rows].astype(np.float64)
            error = calibration_error(said_of_known, labels[rows] == 1, weights[rows])
            errors.append(error)
    return {
        "brier": float(np.average(squares[known], weights=of_cells[known])),
        "ece": float(np.mean(errors)),
    }


def brier_scores(codes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the Brier score of each row, as scikit-learn defines it, float64 (n_rows,).

    With two classes it is the squared error of the probability of one of them, with more the sum
    over the classes. A class that training has not seen counts as one with probability 0.
    """
    n_classes = probabilities.shape[1]
    squares = np.square(probabilities.astype(np.float64)).sum(axis=1)
    known = codes < n_classes
    of_truth = np.zeros(len(codes))
    of_truth[known] = probabilities[known, codes[known]]
    scores: np.ndarray = squares - 2 * of_truth + 1
    if n_classes == 2:
        return scores / 2
    return scores
