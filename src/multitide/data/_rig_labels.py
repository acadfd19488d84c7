"""The tasks of the simulated rig: labels computed from hidden wear, and missing labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

TASKS = ("fault", "severity", "remaining_life", "operator")
RELATED = ("fault", "severity", "remaining_life")
# The wear of the worst of three components exceeds it in three runs of four.
FAULT_LIMIT = 0.25 ** (1 / 3)
RATED_LIFE = 1000.0  # hours, of unworn components at full load
OPERATORS = np.array(["A", "B", "C"])


def labels_of(runs: pd.DataFrame, relatedness: float) -> pd.DataFrame:
    """Compute the labels from the hidden states, without noise.

    The remaining life also depends on the load of the run.
    """
    from scipy.special import ndtr, ndtri

    parts = runs[["valve", "pump", "bearing"]]
    worst = parts.max(axis=1).to_numpy()
    worn_part = parts.idxmax(axis=1).to_numpy(dtype=object)
    wear = ndtri(worst**3)  # normal scores of the worst of three uniform wears
    shared = np.sqrt(relatedness)
    own = np.sqrt(1 - relatedness)
    severity = ndtr(shared * wear + own * ndtri(runs["cooler"].to_numpy()))
    spent = ndtr(shared * wear + own * ndtri(runs["filter"].to_numpy()))
    # Archard: wear grows with load.
    remaining = RATED_LIFE * (1 - spent) / runs["level"].to_numpy()
    operator = OPERATORS[(3 * runs["hand"].to_numpy()).astype(int)]
    return pd.DataFrame(
        {
            "fault": np.where(worst > FAULT_LIMIT, worn_part, "none"),
            "severity": 100 * severity,
            "remaining_life": remaining,
            "operator": operator,
        }
    )


def hide_labels(
    y: pd.DataFrame,
    shares: Mapping[str, float],
    missing: float,
    blocks: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Hide labels by run, at random, and in one block of consecutive runs per task."""
    n_runs, n_block = len(y), round(blocks * len(y))
    hidden = {}
    for task in TASKS:
        kept = rng.permutation(n_runs) < round(shares.get(task, 1.0) * n_runs)
        since_start = np.arange(n_runs) - rng.integers(0, n_runs - n_block + 1)
        in_block = (since_start >= 0) & (since_start < n_block)
        hidden[task] = ~kept | in_block | (rng.random(n_runs) < missing)
    return y.mask(pd.DataFrame(hidden))
