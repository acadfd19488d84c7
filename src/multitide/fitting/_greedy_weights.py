"""Weights of an ensemble's members for one task, chosen on validation rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

N_BAGS = 10
N_ROUNDS = 20


def greedy_weights(
    predictions: Sequence[np.ndarray],
    row_losses: Callable[[np.ndarray], np.ndarray],
    groups: np.ndarray,
    seed: int,
    of_rows: np.ndarray | None = None,
) -> np.ndarray:
    """Choose weights by greedy selection with replacement, averaged over bootstrap samples [1]_.

    In each round the member is added, perhaps again, that makes the loss of the mean prediction
    lowest; the best round counts. One validation set leads to extreme weights, so the selection is
    repeated on bootstrap samples of whole groups of rows, and the weights are averaged.

    Parameters
    ----------
    predictions : sequence of ndarray, each of shape (n_rows, ...)
        The decoded predictions of each member on the validation rows.
    row_losses : callable
        Returns the loss of each row, (n_rows,), of decoded predictions; NaN without a label.
    groups : ndarray, shape (n_rows,)
        Rows of one group, such as the windows of one recording, are drawn together.
    seed : int
        Seed of the bootstrap.
    of_rows : ndarray, shape (n_rows,), optional
        How much each row counts.

    Returns
    -------
    ndarray, shape (n_members,)
        They are at least 0 and sum to 1.

    References
    ----------
    .. [1] Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models",
       ICML 2004.
    """
    if len(predictions) == 1:
        return np.ones(1)
    generator = np.random.default_rng(seed)
    _, codes = np.unique(groups, return_inverse=True)
    n_groups = int(codes.max()) + 1
    weights = np.zeros(len(predictions))
    for _ in range(N_BAGS):
        drawn = generator.integers(0, n_groups, n_groups)
        counts = np.bincount(drawn, minlength=n_groups)[codes]
        if of_rows is not None:
            counts = counts * of_rows
        weights += _selected(predictions, row_losses, counts)
    shares: np.ndarray = weights / weights.sum()
    return shares


def _selected(
    predictions: Sequence[np.ndarray],
    row_losses: Callable[[np.ndarray], np.ndarray],
    counts: np.ndarray,
) -> np.ndarray:
    """Return the weights that one greedy selection finds; each row counts `counts` times."""
    chosen = np.zeros(len(predictions))
    total = np.zeros_like(predictions[0], dtype=np.float64)
    best_loss, best = np.inf, chosen
    for n_before in range(N_ROUNDS):
        losses = []
        for prediction in predictions:
            mean = (total + prediction) / (n_before + 1)
            losses.append(_weighted_mean(row_losses(mean), counts))
        place = int(np.argmin(losses))
        chosen = chosen.copy()
        chosen[place] += 1
        total = total + predictions[place]
        if losses[place] < best_loss:
            best_loss, best = losses[place], chosen
    if not best.any():  # no labelled row was drawn
        return np.full(len(predictions), 1 / len(predictions))
    shares: np.ndarray = best / best.sum()
    return shares


def _weighted_mean(losses: np.ndarray, counts: np.ndarray) -> float:
    """Return the mean loss of the labelled rows; infinite if there are none."""
    known = ~np.isnan(losses)
    total = float(counts[known].sum())
    if total == 0:
        return float("inf")
    return float((losses[known] * counts[known]).sum()) / total
