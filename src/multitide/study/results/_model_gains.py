"""How much better one given model is than another on the same samples, task by task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from multitide.study.design._test_groups import MIN_GROUPS
from multitide.study.results._metric_pairs import paired_table
from multitide.study.results._metric_values import FoldAnswers, metric_value
from multitide.study.results._statistics import group_interval
from multitide.tasks import Target

COLUMNS = [
    *("task", "metric", "old", "new", "gain", "low", "high"),
    *("n_labelled", "n_groups", "verdict", "why"),
]
BETTER, WORSE, SAME, CANNOT_TELL = "better", "worse", "same", "cannot tell"
NOT_COMPARED = "not compared"


@dataclass(frozen=True)
class Answered:
    """The labels and predictions of one task.

    Attributes
    ----------
    target : Target
    labels : DataFrame, n_samples rows
        The columns of the task.
    decoded : ndarray, n_samples rows
        The predictions.
    weights : ndarray or None, shape (n_samples,)
        How much each sample counts; None if all count alike.
    """

    target: Target
    labels: pd.DataFrame
    decoded: np.ndarray
    weights: np.ndarray | None = None

    def on(self, rows: np.ndarray) -> FoldAnswers:
        """Return the labels and predictions of some samples."""
        truth = self.target.truth(self.labels)
        weights = None if self.weights is None else self.weights[rows]
        return FoldAnswers(self.target, truth[rows], self.decoded[rows], weights)

    @property
    def has_label(self) -> np.ndarray:
        """Which samples have a label, bool (n_samples,)."""
        return self.target.has_label(self.target.truth(self.labels))


def model_gains(
    old: Mapping[str, Answered],
    new: Mapping[str, Answered],
    groups: np.ndarray,
    confidence: float,
) -> pd.DataFrame:
    """Compare two models by the main metric of every task.

    Parameters
    ----------
    old, new : dict of str to Answered
        By task, on the same samples.
    groups : ndarray of int, shape (n_samples,)
        Groups of samples that resemble each other.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        See :class:`multitide.RunComparison`.
    """
    rows = []
    for task in dict.fromkeys([*old, *new]):
        if task not in new:
            row = _not_compared("only the old model has it")
        elif task not in old:
            row = _not_compared("only the new model has it")
        else:
            row = _compared(old[task], new[task], groups, confidence)
        rows.append({"task": task} | row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _compared(
    old: Answered, new: Answered, groups: np.ndarray, confidence: float
) -> dict[str, object]:
    metric = _metric(old.target, new.target)
    if metric is None:
        kinds = f"{old.target.task.kind} and {new.target.task.kind}"
        return _not_compared(f"they share no metric: {kinds}")
    if not _are_equal(old.labels, new.labels):
        return _not_compared("the models read different labels")
    known = np.flatnonzero(old.has_label & new.has_label)
    n_groups = len(np.unique(groups[known]))
    counts = {"metric": metric, "n_labelled": len(known), "n_groups": n_groups}
    if not len(known):
        return _not_compared("no sample has a label") | counts
    pair = [new.on(known)], [old.on(known)]
    everything = np.ones(len(known), dtype=bool)
    values = [metric_value(metric, answers, everything) for answers in pair]
    codes = np.unique(groups[known], return_inverse=True)[1]
    level = new.target.level_of(metric)
    table = paired_table(metric, level, [pair], codes)
    gain = float(table.gains[0])
    low, high = group_interval(table, confidence)
    verdict, why = _verdict(gain, low, high, n_groups)
    numbers = {"old": values[1], "new": values[0], "gain": gain}
    words = {"low": low, "high": high, "verdict": verdict, "why": why}
    return counts | numbers | words


def _are_equal(labels: pd.DataFrame, others: pd.DataFrame) -> bool:
    """Return whether labels are equal; a column with missing ones holds whole numbers as floats."""
    same = labels.astype(object) == others.astype(object)
    return bool((same | (labels.isna() & others.isna())).all(axis=None))


def _metric(old: Target, new: Target) -> str | None:
    """Return the first metric of the new model that the old one has too."""
    if old.task.kind != new.task.kind or old.task.columns != new.task.columns:
        return None
    for metric in new.metric_names:
        if metric in old.metric_names:
            return metric
    return None


def _verdict(gain: float, low: float, high: float, n_groups: int) -> tuple[str, str]:
    if np.isnan(gain):
        return CANNOT_TELL, "the metric is undefined on these samples"
    if gain == low == high == 0:
        return SAME, ""
    if n_groups < MIN_GROUPS:
        return CANNOT_TELL, f"needs at least {MIN_GROUPS} test groups (has {n_groups})"
    if low > 0:
        return BETTER, ""
    if high < 0:
        return WORSE, ""
    return CANNOT_TELL, "the interval includes 0"


def _not_compared(why: str) -> dict[str, object]:
    numbers = dict.fromkeys(("old", "new", "gain", "low", "high"), np.nan)
    counts = {"metric": "", "n_labelled": 0, "n_groups": 0}
    return counts | numbers | {"verdict": NOT_COMPARED, "why": why}
