"""Hiding labels, to repeat a study with a fraction of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.study.design._study_data import development_rows
from multitide.study.design._test_groups import MIN_GROUPS
from multitide.tasks import Task

Unit = Literal["sample", "series"]


def fitting_unit(samples: Samples, split: Split) -> Unit:
    """Return the unit that keeps or loses its labels as a whole.

    It is the series if there are many with several samples each, else the sample. Windows of one
    series resemble each other: with every second of them labelled, hardly anything would be hidden.
    """
    rows = development_rows(split)
    n_series = len(np.unique(samples.series[rows]))
    if MIN_GROUPS <= n_series < len(rows):
        return "series"
    return "sample"


def keep_share(
    samples: Samples,
    tasks: Sequence[Task],
    split: Split,
    share: float,
    *,
    unit: Unit = "sample",
    together: bool = False,
    random_state: int = 0,
) -> pd.DataFrame:
    """Return the labels with only a fraction of those in the training and validation sets.

    Parameters
    ----------
    samples : Samples
    tasks : sequence of Task
    split : Split
        Labels of test samples, and of samples in no set, are kept.
    share : float
        The fraction of the labels in each set, above 0 and at most 1. Labels that are kept with a
        smaller fraction are kept with a larger one too.
    unit : {"sample", "series"}, default="sample"
        What keeps or loses its labels as a whole.
    together : bool, default=False
        Whether the same samples lose the labels of all tasks. Otherwise the labels of each task are
        drawn independently: the same fraction of each class, and at least one label of each class,
        two numbers, or for several yes/no labels at least one yes and one no of each.
    random_state : int, default=0
        Seed of the draw.

    Returns
    -------
    DataFrame, n_samples rows
        The columns of ``samples.y``.
    """
    y = samples.y.copy()
    if share == 1:
        return y
    units = np.arange(len(y))
    if unit == "series":
        units = pd.factorize(pd.Series(samples.series), use_na_sentinel=False)[0]
    for side, rows in enumerate((split.train, split.validation)):
        for number, task in enumerate(tasks):
            known = y.iloc[rows][task.columns].notna().any(axis=1).to_numpy()
            rng = np.random.default_rng(
                [random_state, side, 0 if together else number + 1]
            )
            if together:
                kept = _first(np.unique(units[rows]), share, rng, least=1)
            else:
                labelled = rows[known]
                labels = y.iloc[labelled][task.columns]
                kept = _kept_units(units[labelled], labels, task, share, rng)
            hidden = rows[known & ~np.isin(units[rows], kept)]
            y.iloc[hidden, [y.columns.get_loc(column) for column in task.columns]] = (
                None
            )
    return y


def _kept_units(
    units: np.ndarray,
    labels: pd.DataFrame,
    task: Task,
    share: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the units that keep a task's labels; a unit has the class of its first label."""
    names, first = np.unique(units, return_index=True)
    if task.kind == "multi_label":
        order = rng.permutation(names)
        pairs = []
        for column in labels:
            pairs.append(_first_of_each(units, labels[column], order))
        return np.concatenate([order[: _n_kept(share, len(order), least=2)], *pairs])
    if task.kind != "classification":
        return _first(names, share, rng, least=2)
    classes = labels[task.columns[0]].astype(str).to_numpy()[first]
    kept = [names[:0]]
    for value in np.unique(classes):
        kept.append(_first(names[classes == value], share, rng, least=1))
    return np.concatenate(kept)


def _first(
    names: np.ndarray, share: float, rng: np.random.Generator, least: int
) -> np.ndarray:
    """Return the first units in a random order that does not depend on the share."""
    return rng.permutation(names)[: _n_kept(share, len(names), least)]


def _first_of_each(
    units: np.ndarray, labels: pd.Series, order: np.ndarray
) -> np.ndarray:
    """Return, for each value of a column, the first unit in this order that has it."""
    known = labels.notna().to_numpy()
    values = labels[known].astype(str).to_numpy()
    firsts = []
    for value in np.unique(values):
        having = units[known][values == value]
        firsts.append(order[np.isin(order, having)][0])
    return np.array(firsts, dtype=order.dtype)


def _n_kept(share: float, n: int, least: int) -> int:
    return max(least, math.ceil(share * n - 1e-9))
