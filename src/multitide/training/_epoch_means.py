"""The mean training losses of an epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def epoch_means(
    losses: np.ndarray, counts: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    """Return the mean loss of each task that has labels in the epoch.

    Parameters
    ----------
    losses : ndarray, shape (n_steps, n_tasks)
        The mean losses of the steps.
    counts : ndarray of int, shape (n_steps, n_tasks)
        Number of labelled rows of each.
    names : sequence of str
        The tasks.
    """
    labelled = counts.sum(axis=0)
    sums = (losses.astype(np.float64) * counts).sum(axis=0)
    means = dict(zip(names, (sums / np.maximum(labelled, 1)).tolist(), strict=True))
    by_task = {}
    for name, n in zip(names, labelled, strict=True):
        if n:
            by_task[name] = means[name]
    return by_task
