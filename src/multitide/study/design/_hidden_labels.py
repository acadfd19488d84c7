"""Hiding labels: what a study would have been with a share of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data._splits import Split
from multitide.study.design._study_data import development_rows
from multitide.study.design._test_groups import MIN_GROUPS
from multitide.tasks import Task

Unit = Literal["sample", "series"]


def fitting_unit(samples: Samples, split: Split) -> Unit:
    """Return what labels come in: series, where many series of several samples teach, else single samples.

    Windows of one series resemble each other: with every second of them labelled, hardly anything
    would be hidden.
    """
    n_series = len(np.unique(samples.series[development_rows(split)]))
    return "series" if MIN_GROUPS <= n_series < len(development_rows(split)) else "sample"


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
    """Return the labels with all but a share of those that teach and those that validate hidden.

    Parameters
    ----------
    samples : Samples
    tasks : sequence of Task
    split : Split
        Test labels all stay; so do those of no side.
    share : float
        Of the labels of each side, above 0, at most 1. What a smaller share keeps, a larger one
        keeps too.
    unit : {"sample", "series"}, default="sample"
        What keeps or loses its labels as a whole.
    together : bool, default=False
        Whether the same samples lose the labels of all tasks. Else each task's labels are drawn for
        themselves, the same share of each class, and at least one of each (two numbers); of several
        yes/no answers at least one yes and one no each.
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
    units = (
        pd.factorize(pd.Series(samples.series), use_na_sentinel=False)[0]
        if unit == "series"
        else np.arange(len(y))
    )
    columns = [task.columns for task in tasks]
    for side, rows in enumerate((split.train, split.validation)):
        for number, task in enumerate(tasks):
            known = y.iloc[rows][columns[number]].notna().any(axis=1).to_numpy()
            rng = np.random.default_rng([random_state, side, 0 if together else number + 1])
            if together:
                kept = _first(np.unique(units[rows]), share, rng, least=1)
            else:
                kept = _kept(
                    units[rows[known]], y.iloc[rows[known]][task.columns], task, share, rng
                )
            hidden = rows[known & ~np.isin(units[rows], kept)]
            y.iloc[hidden, [y.columns.get_loc(column) for column in task.columns]] = None
    return y


def _kept(
    units: np.ndarray, labels: pd.DataFrame, task: Task, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the units that keep a task's labels; a unit is of the class of its first label."""
    names, first = np.unique(units, return_index=True)
    if task.kind == "multi_label":
        order = rng.permutation(names)
        pairs = [_first_of_each(units, labels[column], order) for column in labels]
        return np.concatenate([order[: _n_kept(share, len(order), least=2)], *pairs])
    if task.kind != "classification":
        return _first(names, share, rng, least=2)
    classes = labels[task.columns[0]].astype(str).to_numpy()[first]
    return np.concatenate(
        [names[:0], *(_first(names[classes == c], share, rng, 1) for c in np.unique(classes))]
    )


def _first(names: np.ndarray, share: float, rng: np.random.Generator, least: int) -> np.ndarray:
    """Return the first of them in a random order that does not depend on the share."""
    return rng.permutation(names)[: _n_kept(share, len(names), least)]


def _first_of_each(units: np.ndarray, labels: pd.Series, order: np.ndarray) -> np.ndarray:
    """Return, for each value of a column, the first unit in this order that has it."""
    known = labels.notna().to_numpy()
    values = labels[known].astype(str).to_numpy()
    return np.array(
        [order[np.isin(order, units[known][values == v])][0] for v in np.unique(values)],
        dtype=order.dtype,
    )


def _n_kept(share: float, n: int, least: int) -> int:
    return max(least, math.ceil(share * n - 1e-9))
