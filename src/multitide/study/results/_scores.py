"""Figures of merit of every arm on the test part, each beside that of the trivial predictor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

from multitide.errors import MultitideWarning
from multitide.study.results._evidence import Evidence
from multitide.tasks import Target

SCORES = [
    "arm",
    "task",
    "metric",
    "seed",
    "fold",
    "value",
    "trivial",
    "n_labelled",
    "higher_is_better",
]
FIGURES = [
    "arm",
    "task",
    "metric",
    "mean",
    "sd",
    "trivial",
    "n_labelled",
    "n_seeds",
    "higher_is_better",
]


def score_runs(evidence: Evidence) -> pd.DataFrame:
    """Measure every run on every fold.

    Returns
    -------
    DataFrame
        One row an arm, task, seed, fold and metric: ``value``, ``trivial`` (the same figure of the
        best training constant), ``n_labelled``, ``higher_is_better``; each task's headline figure
        first.
    """
    tables = [
        measure(
            evidence.targets[asked.name, fold],
            labels,
            evidence.answers(arm, asked.name, seed, fold),
        ).assign(arm=arm, task=asked.name, seed=seed, fold=fold)
        for arm in evidence.arm_names
        for asked in evidence.protocol.questions
        for fold in range(evidence.protocol.n_folds)
        for labels in (asked.labels(fold),)
        for seed in evidence.seeds(arm, asked.name)
    ]
    return pd.concat(tables, ignore_index=True)[SCORES] if tables else pd.DataFrame(columns=SCORES)


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Join folds (each weighs by its labelled rows; one that does not define a figure is left out) and seeds.

    Returns
    -------
    DataFrame
        One row an arm, task and metric: ``mean`` and ``sd`` over seeds, ``trivial``, ``n_labelled``
        test rows, ``n_seeds``, ``higher_is_better``.
    """
    rows: list[dict[str, Any]] = []
    for (arm, task, metric), found in scores.groupby(["arm", "task", "metric"], sort=False):
        seeds = [join_folds(of_seed) for _, of_seed in found.groupby("seed", sort=False)]
        values = np.array([value for value, _ in seeds])
        first = found[found["seed"] == found["seed"].iloc[0]]
        rows.append(
            {
                "arm": arm,
                "task": task,
                "metric": metric,
                "mean": values.mean(),
                "sd": values.std(ddof=1) if len(values) > 1 else np.nan,
                "trivial": seeds[0][1],
                "n_labelled": int(first["n_labelled"].sum()),
                "n_seeds": len(values),
                "higher_is_better": bool(found["higher_is_better"].iloc[0]),
            }
        )
    return pd.DataFrame(rows, columns=FIGURES)


def join_folds(scores: pd.DataFrame) -> tuple[float, float]:
    """Return value and trivial value of one seed over its folds."""
    defined = scores[scores["value"].notna() & (scores["n_labelled"] > 0)]
    if defined.empty:
        return np.nan, np.nan
    weights = defined["n_labelled"].to_numpy(dtype=float)
    return tuple(float(np.average(defined[name], weights=weights)) for name in ("value", "trivial"))  # type: ignore[return-value]


def measure(target: Target, labels: pd.DataFrame, decoded: np.ndarray) -> pd.DataFrame:
    """Return the target's metrics without its warnings, which would be the same for every run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultitideWarning)
        return target.metrics(labels, decoded)
