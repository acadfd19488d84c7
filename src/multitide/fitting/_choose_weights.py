"""The weights with which several fits predict one task together, chosen on validation rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from multitide._weighted_mean import weighted_mean
from multitide.fitting._greedy_weights import greedy_weights

# The mean loss of all fits counts as much as so many independent losses of each fit, and the
# starting weights as much as greedy selection on so many.
PRIOR_ROWS = 10.0
POWER = 4.0
LEAST_SHARE = 0.05
SMALLEST_LOSS = 1e-12


class Evidence(NamedTuple):
    """The mean losses of fits, and on how many independent rows."""

    losses: np.ndarray
    n_rows: float


def choose_weights(
    predictions: Sequence[np.ndarray],
    row_losses: Callable[[np.ndarray], np.ndarray],
    groups: np.ndarray,
    seed: int,
    of_rows: np.ndarray | None = None,
    evidence: Evidence | None = None,
) -> np.ndarray:
    """Choose weights that follow the validation rows only as far as these can be trusted.

    Few rows, or few positive ones, favour one fit by chance. Two steps limit that:

    1. The weights start proportional to a power of 1 / loss. The loss of each fit is drawn to the
       mean of all fits, as by ten more rows: with few rows the weights are nearly equal.
    2. The weights move from there towards those of greedy selection among all fits, the further the
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
    evidence : Evidence, optional
        Losses on more rows, for the weights at the start. These then count as much as so many rows.

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
    n_rows = _n_independent(table.mean(axis=0), codes, counts)
    if evidence is None:
        means = np.array([weighted_mean(row, counts) for row in table])
        start, n_start = _start(Evidence(means, n_rows)), PRIOR_ROWS
    else:
        start, n_start = _start(evidence), max(PRIOR_ROWS, evidence.n_rows)
    selected = greedy_weights(predictions, row_losses, groups, seed, of_rows)
    weights = (n_rows * selected + n_start * start) / (n_rows + n_start)
    # Of many fits that are equally good, each has a small weight: half an equal share is enough.
    weights[weights < min(LEAST_SHARE, 0.5 / len(weights))] = 0
    shares: np.ndarray = weights / weights.sum()
    return shares


def _start(evidence: Evidence) -> np.ndarray:
    means, n_rows = evidence
    drawn = (n_rows * means + PRIOR_ROWS * means.mean()) / (n_rows + PRIOR_ROWS)
    shares = (
        np.maximum(drawn, SMALLEST_LOSS) / max(drawn.max(), SMALLEST_LOSS)
    ) ** -POWER
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
