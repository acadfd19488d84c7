"""Paired differences of two models in any metric, ready for an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from multitide.study.results._metric_values import (
    FoldAnswers,
    is_row_mean,
    metric_value,
    row_values,
    weights_of,
)
from multitide.study.results._statistics import GainTable, metric_table, row_table
from multitide.tasks._metric_table import goodness
from multitide.tasks._own_metric import Metric

# What one model answered and what the other did, on the same samples; one entry per fold.
Pair = tuple[Sequence[FoldAnswers], Sequence[FoldAnswers]]


def paired_table(
    metric: str | Metric,
    level: float | None,
    pairs: Sequence[Pair],
    groups: np.ndarray,
    folds: np.ndarray | None = None,
    n_groups: int | None = None,
) -> GainTable:
    """Return how much better the first of two models is, by seed and test group; + is better.

    Parameters
    ----------
    metric : str or Metric
    level : float or None
        Where the metric is best; see `Target.level_of`.
    pairs : sequence of pair
        One per seed.
    groups, folds : ndarray of int, shape (n_rows,)
        Group and fold of each labelled sample.
    n_groups : int, optional
        As in :func:`row_table`.
    """
    weights = weights_of(pairs[0][0])
    if isinstance(metric, str) and level is None and is_row_mean(metric, pairs[0][0]):
        rows = []
        for a, b in pairs:
            ours, theirs = row_values(metric, a), row_values(metric, b)
            rows.append(goodness(metric, ours) - goodness(metric, theirs))
        return row_table(np.stack(rows), groups, folds, n_groups, weights)

    def differences(mask: np.ndarray) -> np.ndarray:
        return np.array([_difference(metric, level, a, b, mask) for a, b in pairs])

    return metric_table(differences, groups, folds, weights=weights)


def _difference(
    metric: str | Metric,
    level: float | None,
    arm: Sequence[FoldAnswers],
    reference: Sequence[FoldAnswers],
    mask: np.ndarray,
) -> float:
    ours = metric_value(metric, arm, mask)
    theirs = metric_value(metric, reference, mask)
    gain: float = goodness(metric, ours, level) - goodness(metric, theirs, level)
    return gain
