"""What learners that take seconds predict for training rows that they have not seen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from multitide._silence import silence
from multitide.data._recordings import (
    FEW_RECORDINGS,
    numbered_units,
    units_of_rows,
)
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._split_data import SplitData
from multitide.errors import DataError
from multitide.fitting._data_sets import labels_of
from multitide.fitting._held_out import HeldOut, predict_held_out
from multitide.fitting._task_group import EncodedData, TaskGroup
from multitide.network._network import Network
from multitide.tasks import ClassificationTarget, Target

N_FOLDS = 4
# With more training rows, the validation set alone says enough.
MOST_ROWS = 200
# The fits take as long as the others together, and of many tasks minutes.
MOST_TASKS = 10
Fit: TypeAlias = Callable[[TaskGroup], tuple[list[Network], list[list[str]]]]


def cross_fit(group: TaskGroup, fit: Fit, tasks: Collection[str]) -> dict[str, HeldOut]:
    """Return predictions for the training rows of small groups, by fits that have not seen them.

    The training rows are divided into folds of whole recordings. For each, the learner is fitted to
    the other training rows and the validation rows. With few rows a validation set of a tenth of
    them says little about which learner is better.

    Parameters
    ----------
    group : TaskGroup
        A group without training by gradients, on one data set.
    fit : callable
        Fits a group, and returns its networks with the tasks that each predicts.
    tasks : collection of str
        The tasks that are wanted.

    Returns
    -------
    dict of str to HeldOut
        By task; without tasks that no fold can predict. Empty for larger groups, many tasks,
        without a validation set, and for the windows of a few recordings, which overlap those of
        other folds.
    """
    (data,) = group.data
    if data.validation is None or group.n_rows > MOST_ROWS or len(tasks) > MOST_TASKS:
        return {}
    everything = np.arange(len(data.samples))
    if len(set(units_of_rows(data.samples, everything))) < FEW_RECORDINGS:
        return {}
    found: dict[str, list[HeldOut]] = {}
    for train, held in _folds(data, group.recipe.seed):
        part = _part_of(group, train, held, tasks)
        if part is None:
            continue
        with silence(verbose=0):  # the fits of the folds are thrown away
            networks, predicted = fit(part)
        for name, rows in predict_held_out(networks, predicted, part, tasks).items():
            found.setdefault(name, []).append(rows)
    joined = {}
    for target in group.targets:
        name = target.task.name
        if name in found:
            joined[name] = _joined(found[name], target)
    return joined


def _folds(data: EncodedData, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows to fit to and the rows to predict; equal for all groups of a fit."""
    assert data.validation is not None
    rows = np.arange(len(data.samples))
    units = numbered_units(data.samples, rows)
    order = np.random.default_rng(seed).permutation(int(units.max()) + 1)
    fold_of_row = order[units] % N_FOLDS
    train = data.train.index
    for fold in range(N_FOLDS):
        is_held = fold_of_row[train] == fold
        others = np.concatenate([train[~is_held], data.validation.index])
        yield np.sort(others), train[is_held]


def _part_of(
    group: TaskGroup, train: np.ndarray, held: np.ndarray, tasks: Collection[str]
) -> TaskGroup | None:
    """Return the group on other rows, with the tasks that these rows can be used for."""
    (data,) = group.data
    usable = []
    for target in group.targets:
        is_wanted = target.task.name in tasks
        if is_wanted and _can_judge(target, data.samples, train, held):
            usable.append(target.task)
    if not usable:
        return None
    split = Split(train, held, np.array([], dtype=np.int64))
    training = replace(group.recipe.training, refit=False)
    recipe = replace(group.recipe, training=training)
    try:
        return TaskGroup([SplitData(data.name, data.samples, split)], usable, recipe)
    except DataError:  # such as a number that has one value in these rows
        return None


def _can_judge(
    target: Target, samples: Samples, train: np.ndarray, held: np.ndarray
) -> bool:
    """Return whether rows have all classes of a task, and the held-out rows a label."""
    labels = labels_of(samples, target.task)
    if not labels.iloc[held].notna().to_numpy().any():
        return False
    if not isinstance(target, ClassificationTarget):
        return True
    known = labels.iloc[train].dropna()
    return int(known.iloc[:, 0].nunique()) == len(target.classes)


def _joined(parts: list[HeldOut], target: Target) -> HeldOut:
    """Return the rows of all folds, with the target of the whole training set."""
    weights = None
    if parts[0].weights is not None:
        weights = np.concatenate([part.weights for part in parts])
    recordings, n_known = [], 0
    for part in parts:
        recordings.append(part.recordings + n_known)
        n_known += int(part.recordings.max()) + 1
    return HeldOut(
        target,
        np.concatenate([part.truth for part in parts]),
        np.concatenate(recordings),
        np.concatenate([part.decoded for part in parts]),
        weights,
    )
