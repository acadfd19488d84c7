"""The weights with which several fits predict one task together, chosen on validation rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from multitide._weighted_mean import weighted_mean
from multitide.fitting._greedy_weights import greedy_weights

# A fit starts with 0 if its loss is higher than the lowest by more standard errors.
N_ERRORS = 2.0
# The starting weights count as much as greedy selection on so many independent losses.
PRIOR_ROWS = 10.0
LEAST_SHARE = 0.05
SMALLEST_LOSS = 1e-12


def choose_weights(
    predictions: Sequence[np.ndarray],
    row_losses: Callable[[np.ndarray], np.ndarray],
    groups: np.ndarray,
    seed: int,
    of_rows: np.ndarray | None = None,
) -> np.ndarray:
    """Choose weights that follow the validation rows only as far as these can be trusted.

    Few rows, or few positive ones, favour one fit by chance. Three steps limit that:

    1. Fits that are clearly worse than the best one start with weight 0, by paired differences.
    2. The others start with weights inverse to their losses, which is best for numbers with
       independent errors.
    3. The weights move from there towards those of greedy selection among all fits, the further the
       more rows contribute to the loss. A fit that is worse alone can still help the others.

    Weights below `LEAST_SHARE`, or half an equal share if that is less, become 0.
    docs/guide/defaults.md compares the rule with others.

    Parameters
    ----------
    predictions : sequence of ndarray, each of shape (n_rows, ...)
        The decoded predictions of each fit on the validation rows.
    row_losses : callable
        Returns the loss of each row, (n_rows,), of decoded predictions; NaN without a label.
    groups : ndarray, shape (n_rows,)
        Rows of one group, such as the windows of one recording, count as one for errors.
    seed : int
        Seed of the greedy selection.
    of_rows : ndarray, shape (n_rows,), optional
        How much each row counts.

    Returns
    -------
    ndarray, shape (n_fits,)
        They are at least 0 and sum to 1; equal if no row has a label.
    """
    losses = np.stack([row_losses(each) for each in predictions])
    known = ~np.isnan(losses).any(axis=0)
    if not known.any():
        return np.full(len(predictions), 1 / len(predictions))
    counts = np.ones(len(groups)) if of_rows is None else of_rows
    table, counts = losses[:, known], counts[known]
    _, codes = np.unique(groups[known], return_inverse=True)
    means = np.array([weighted_mean(row, counts) for row in table])
    places = _not_clearly_worse(table, means, codes, counts)
    prior = np.zeros(len(predictions))
    prior[places] = _inverse(means[places])
    selected = greedy_weights(predictions, row_losses, groups, seed, of_rows)
    n_rows = _n_independent(table[places].mean(axis=0), codes, counts)
    weights = (n_rows * selected + PRIOR_ROWS * prior) / (n_rows + PRIOR_ROWS)
    # Of many fits that are equally good, each has a small weight: half an equal share is enough.
    weights[weights < min(LEAST_SHARE, 0.5 / len(weights))] = 0
    shares: np.ndarray = weights / weights.sum()
    return shares


def _not_clearly_worse(
    table: np.ndarray, means: np.ndarray, codes: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Return the positions of the best fit, and of those within `N_ERRORS` of it."""
    best = int(np.argmin(means))
    kept = []
    for place, row in enumerate(table):
        error = _error_of_mean(row - table[best], codes, counts)
        if place == best or means[place] - means[best] <= N_ERRORS * error:
            kept.append(place)
    return np.array(kept)


def _error_of_mean(values: np.ndarray, codes: np.ndarray, counts: np.ndarray) -> float:
    """Return the standard error of a mean over rows of groups; infinite for one group."""
    deviations = counts * (values - weighted_mean(values, counts))
    sums = np.bincount(codes, deviations)
    n_groups = len(sums)
    if n_groups < 2:
        return float("inf")
    variance = float((sums**2).sum()) * n_groups / (n_groups - 1)
    return float(variance**0.5 / counts.sum())


def _inverse(losses: np.ndarray) -> np.ndarray:
    shares = 1 / np.maximum(losses, SMALLEST_LOSS)
    scaled: np.ndarray = shares / shares.sum()
    return scaled


def _n_independent(losses: np.ndarray, codes: np.ndarray, counts: np.ndarray) -> float:
    """Return how many groups the loss comes from (Kish's effective sample size).

    It is small where a few groups have most of the loss, such as the positive samples of a rare
    class.
    """
    sums = np.bincount(codes, counts * losses)
    squares = float((sums**2).sum())
    if squares == 0:
        return float(len(sums))
    return float(sums.sum()) ** 2 / squares
