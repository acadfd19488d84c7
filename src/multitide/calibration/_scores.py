"""Conformal scores: how far predictions were from labels that the model had not seen."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

# Of each column; more would widen no interval by less than a thousandth of its level.
MOST_SCORES = 1_000
ROUNDING = 1e-9  # of sums of weights


class Scores(nn.Module):
    """The distribution of the scores of each column, by hierarchical conformal prediction.

    Each of the K units, such as recordings, has the weight 1 / (K + 1), which its rows share, and
    so has infinity, for the unit of the new sample (Lee, Barber and Willett 2023 [1]_). If every
    row is a unit, this is split conformal prediction, and with weights that of Tibshirani et al.
    (2019 [2]_): infinity has the mean weight of rows that are drawn in proportion to their weights,
    so that K rows count as (sum of weights)^2 / (sum of their squares). Rows of larger units share
    the weight of their unit in proportion to their own.

    Parameters
    ----------
    n_scores, n_columns : int
        Sizes of the buffers.

    References
    ----------
    .. [1] Lee, Barber and Willett, "Distribution-free inference with hierarchical data", 2023.
       https://arxiv.org/abs/2306.06342
    .. [2] Tibshirani, Foygel Barber, Candes and Ramdas, "Conformal prediction under covariate
       shift", NeurIPS 2019. https://arxiv.org/abs/1904.06019
    """

    values: Tensor
    below: Tensor
    columns: Tensor
    n_units: Tensor

    def __init__(self, n_scores: int, n_columns: int) -> None:
        super().__init__()
        self.register_buffer("values", torch.zeros(n_scores, dtype=torch.float64))
        self.register_buffer("below", torch.zeros(n_scores, dtype=torch.float64))
        self.register_buffer("columns", torch.zeros(n_scores, dtype=torch.int64))
        self.register_buffer("n_units", torch.zeros(n_columns, dtype=torch.int64))

    @classmethod
    def fitted(
        cls, scores: np.ndarray, units: np.ndarray, weights: np.ndarray | None = None
    ) -> Self:
        """Return the distribution of scores.

        Parameters
        ----------
        scores : ndarray of float64, shape (n_rows, n_columns)
            NaN for missing labels.
        units : ndarray, shape (n_rows,)
            Of which new samples will have others.
        weights : ndarray of float64, shape (n_rows,), optional
            How much each row counts, above 0; only their ratios matter.
        """
        if weights is None:
            weights = np.ones(len(units))
        parts = []
        n_units = []
        for column, own in enumerate(scores.T):
            known = ~np.isnan(own)
            values, below, n = _distribution(own[known], units[known], weights[known])
            parts.append((values, below, np.full(len(values), column)))
            n_units.append(n)
        fitted = cls(sum(len(part[0]) for part in parts), scores.shape[1])
        for i, buffer in enumerate((fitted.values, fitted.below, fitted.columns)):
            joined = np.concatenate([part[i] for part in parts])
            buffer.copy_(torch.from_numpy(joined))
        fitted.n_units.copy_(torch.tensor(n_units))
        return fitted

    @property
    def fewest_units(self) -> int:
        """The number of units that count, of the column with the fewest."""
        return int(self.n_units.min())

    def quantiles(self, level: float) -> np.ndarray:
        """Return the score of each column that new scores do not exceed with probability `level`.

        Returns
        -------
        ndarray of float64, shape (n_columns,)
            Infinite for a column with fewer than `units_needed` units.
        """
        values, below = self.values.cpu().numpy(), self.below.cpu().numpy()
        columns = self.columns.cpu().numpy()
        found = np.full(len(self.n_units), np.inf)
        for column in range(len(found)):
            own = columns == column
            place = int(np.searchsorted(below[own], level - ROUNDING))
            if place < np.count_nonzero(own):
                found[column] = values[own][place]
        return found


def units_needed(level: float) -> int:
    """Return the number of units without which no finite interval has this level."""
    return math.ceil(level / (1 - level) - ROUNDING)


def _distribution(
    scores: np.ndarray, units: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return scores in their order, the weight up to each, and the number of units that count.

    Of very many, evenly spaced ones stay, the largest among them. The weight up to each stays
    that of all, so that quantiles are rounded up.
    """
    shares, n_units = _shares(units, weights)
    order = np.argsort(scores, kind="stable")
    below = np.cumsum(shares[order]) * n_units / (n_units + 1)
    kept = np.arange(len(scores))
    if len(scores) > MOST_SCORES:
        wanted = np.arange(1, MOST_SCORES + 1) / MOST_SCORES * below[-1]
        places = np.searchsorted(below, wanted - ROUNDING)
        kept = np.unique(np.minimum(places, len(scores) - 1))
    return scores[order][kept], below[kept], math.floor(n_units + ROUNDING)


def _shares(units: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the share of each row in the distribution, which sum to 1, and how many units count.

    Units count alike, and their rows share by weight. If every unit is a single row, the weights of
    rows are those of units, and few heavy ones count as fewer.
    """
    names, codes = np.unique(units, return_inverse=True)
    if not len(names):
        return np.zeros(0), 0.0
    if len(names) == len(units):
        n_units = weights.sum() ** 2 / np.square(weights).sum()
        return weights / weights.sum(), float(n_units)
    of_units = np.bincount(codes, weights=weights)
    return weights / (of_units[codes] * len(names)), float(len(names))
