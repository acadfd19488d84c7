"""Samples as their weights say: checked, and without the labels that do not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from multitide._checks import gathering, one_of, suggest
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._weights import ALL, weights_of
from multitide.errors import DataError
from multitide.fitting._data_sets import labels_of, naming_data_set
from multitide.tasks import Task, label_names, task_names

REMEDY = "Use 0, or a missing label, for rows that do not count."
# The largest weight is between these, so that sums of squares are neither infinite nor 0.
LEAST, MOST = 1e-100, 1e100


def weighed_sets(data_sets: Mapping[str, Samples], tasks: Sequence[Task]) -> DataSets:
    """Return data sets, each as `weighed` returns it."""
    return DataSets(weighed_by_name(data_sets, tasks))


def weighed_by_name(
    data_sets: Mapping[str, Samples], tasks: Sequence[Task]
) -> dict[str, Samples]:
    """Return samples by data set, each as `weighed` returns it; there may be none."""
    by_name = {}
    for name, samples in data_sets.items():
        with naming_data_set(name):
            by_name[name] = weighed(samples, tasks)
    return by_name


def weighed(samples: Samples, tasks: Sequence[Task]) -> Samples:
    """Check the weights of samples, and treat a label with weight 0 as a missing one.

    Parameters
    ----------
    samples : Samples
    tasks : sequence of Task
        All tasks of the fit.

    Returns
    -------
    Samples
        With one column of weights, above 0 at every label, for each task that has weights; the
        same samples if there are none.

    Raises
    ------
    DataError
        With every problem: a column that is no task, or a weight at a label that is negative,
        infinite or missing, or weights that are all 0.
    """
    if samples.weights is None:
        return samples
    problems = _unknown_columns(samples, tasks)
    y = samples.y.copy()
    columns = {}
    for task in tasks:
        weights = weights_of(samples, task.name)
        labels = labels_of(samples, task)
        known = labels.notna().any(axis=1).to_numpy()
        if weights is None or not known.any():
            continue
        with gathering(problems):
            _check(task.name, weights, known)
        columns[task.name] = np.where(known, weights, 0.0)
        gone = known & (weights == 0)
        if gone.any():
            for column in task.columns:
                y[column] = y[column].mask(gone)
    if problems:
        raise DataError("\n".join(problems))
    if not columns:
        return samples.replace(weights=None)
    return samples.replace(y=y, weights=pd.DataFrame(columns, index=y.index))


def _unknown_columns(samples: Samples, tasks: Sequence[Task]) -> list[str]:
    """Name the columns of weights that are of no task; other columns of `y` may have weights."""
    names = task_names(tasks)
    others = set(samples.y) - set(label_names(tasks))
    problems = []
    for column in samples.weights if samples.weights is not None else ():
        if column not in (*names, *others, ALL):
            problems.append(
                f"`weights` must have a column per task, {one_of(names)}; "
                f"got {column!r}.{suggest(column, names)}"
            )
    return problems


def _check(task: str, weights: np.ndarray, known: np.ndarray) -> None:
    """Raise unless the weights of the labelled rows say how much each counts."""
    wrong = known & ~(np.isfinite(weights) & (weights >= 0))
    got = ""
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        got = f"{weights[row]:g} in row {row}, and {wrong.sum()} of these in all"
    elif not weights[known].any():
        got = f"0 in all {known.sum()} of them"
    elif not LEAST <= (largest := weights[known].max()) <= MOST:
        raise DataError(
            f"`weights` of {task!r} must be between {LEAST:g} and {MOST:g}, or 0; the largest is "
            f"{largest:g}. Divide them by it: only their ratios matter."
        )
    if got:
        raise DataError(
            f"`weights` of {task!r} must be finite numbers of at least 0, some above 0, where it "
            f"has labels; got {got}. {REMEDY}"
        )
