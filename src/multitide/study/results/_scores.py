"""Metrics of every arm on the test set, each with that of the trivial predictor."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from multitide.errors import MultitideWarning
from multitide.study.results._evidence import Evidence
from multitide.tasks import Target

KEYS = ["arm", "task", "metric"]
SCORES = [*KEYS, "seed", "fold", "value", "trivial", "n_labelled", "higher_is_better"]
FIGURES = [*KEYS, "mean", "sd", "trivial", "n_labelled", "n_seeds", "higher_is_better"]


def score_runs(evidence: Evidence) -> pd.DataFrame:
    """Compute the metrics of every run on every fold.

    Returns
    -------
    DataFrame
        One row per arm, task, seed, fold and metric: ``value``, ``trivial`` (the same metric of the
        best constant of the training set), ``n_labelled``, ``higher_is_better``. The main metric of
        each task comes first.
    """
    tables = []
    for arm in evidence.arm_names:
        for question in evidence.protocol.questions:
            task = question.name
            seeds = evidence.seeds(arm, task)
            for fold in range(evidence.protocol.n_folds):
                labels, target = question.labels(fold), evidence.targets[task, fold]
                weights = question.weights(fold)
                for seed in seeds:
                    answers = evidence.answers(arm, task, seed, fold)
                    table = measure(target, labels, answers, weights)
                    tables.append(
                        table.assign(arm=arm, task=task, seed=seed, fold=fold)
                    )
    if not tables:
        return pd.DataFrame(columns=SCORES)
    return pd.concat(tables, ignore_index=True)[SCORES]


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Average the metrics over folds and seeds.

    Folds are weighted by their labelled samples. A fold in which a metric is undefined is left out.

    Returns
    -------
    DataFrame
        One row per arm, task and metric: ``mean`` and ``sd`` over seeds, ``trivial``,
        ``n_labelled`` test samples, ``n_seeds``, ``higher_is_better``.
    """
    rows = []
    for key, of_key in scores.groupby(KEYS, sort=False):
        seeds = []
        for _, of_seed in of_key.groupby("seed", sort=False):
            seeds.append(join_folds(of_seed))
        values = np.array([value for value, _ in seeds])
        first = of_key[of_key["seed"] == of_key["seed"].iloc[0]]
        row = dict(zip(KEYS, key, strict=True)) | {
            "mean": values.mean(),
            "sd": values.std(ddof=1) if len(values) > 1 else np.nan,
            "trivial": seeds[0][1],
            "n_labelled": int(first["n_labelled"].sum()),
            "n_seeds": len(values),
            "higher_is_better": bool(of_key["higher_is_better"].iloc[0]),
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=FIGURES)


def join_folds(scores: pd.DataFrame) -> tuple[float, float]:
    """Return the metric and that of the trivial predictor of one seed over its folds."""
    defined = scores[scores["value"].notna() & (scores["n_labelled"] > 0)]
    if defined.empty:
        return np.nan, np.nan
    weights = defined["n_labelled"].to_numpy(dtype=float)
    value = np.average(defined["value"], weights=weights)
    trivial = np.average(defined["trivial"], weights=weights)
    return float(value), float(trivial)


def measure(
    target: Target,
    labels: pd.DataFrame,
    decoded: np.ndarray,
    weights: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return the metrics of a target without its warnings, which are the same for every run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MultitideWarning)
        return target.metrics(labels, decoded, weights)
