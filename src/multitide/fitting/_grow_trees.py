"""Growing the trees of one task with scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from multitide.backbones._trees import Trees
from multitide.errors import ParameterError
from multitide.fitting._grown_trees import Grown, GrownBoosting, GrownForest
from multitide.tasks import ClassificationTarget, RegressionTarget, Target

# Numbers of rows that a node needs to be split, among which the validation set chooses.
LIMITS = (2, 5, 10, 20, 50)
UNSPLIT_CLASSES, UNSPLIT_NUMBERS = 2, 5  # without a validation set
LEAF_OF_BOOSTING = 20
MANY_ROWS = 10_000
MOST_NODES = 8_000_000  # while a forest is grown


@dataclass(frozen=True)
class Rows:
    """The labelled rows of one task.

    Attributes
    ----------
    features : ndarray of float32, shape (n, n_features)
        NaN for missing values.
    codes : ndarray, shape (n,)
        The labels, as the target encodes them.
    truth : ndarray, shape (n,)
        The labels, as its metrics take them.
    """

    features: np.ndarray
    codes: np.ndarray
    truth: np.ndarray


def check_growable(targets: list[Target], kind: str) -> None:
    """Raise :class:`ParameterError` with the tasks for which no trees of a kind can be grown."""
    refused = []
    for target in targets:
        written = f"{target.task.name!r} ({target.task.kind})"
        if not isinstance(target, (ClassificationTarget, RegressionTarget)):
            refused.append(written)
        elif isinstance(target, RegressionTarget) and target.n_outputs > 1:
            refused.append(f"{target.task.name!r} ({target.task.kind}, quantiles)")
    if refused:
        raise ParameterError(
            f"`tasks` must be classifications or regressions of one number for trees ({kind}); got "
            f"{', '.join(refused)}. Remove them, or train a network."
        )


def settings_of(spec: Trees, target: Target, choice: bool) -> tuple[int, ...]:
    """Return the settings that trees are grown for; see :class:`Grown`.

    Parameters
    ----------
    spec : Trees
        The parameters.
    target : Target
        The fitted target of the task.
    choice : bool
        Whether a validation set chooses. The number of boosted trees is chosen from all up to the
        setting.
    """
    if spec.kind == "boosting":
        return (spec.n_trees,)
    if spec.min_samples_leaf is not None:
        return (2,)
    if choice:
        return LIMITS
    if isinstance(target, ClassificationTarget):
        return (UNSPLIT_CLASSES,)
    return (UNSPLIT_NUMBERS,)


def grow_trees(
    spec: Trees, target: Target, rows: Rows, settings: Sequence[int], seed: int
) -> Grown:
    """Grow the trees of a task.

    Parameters
    ----------
    spec : Trees
        The parameters.
    target : Target
        The fitted target of the task.
    rows : Rows
        The training rows with a label.
    settings : sequence of int
        Those that may be chosen, as `settings_of` returns them.
    seed : int
        Seed of the trees.
    """
    features = rows.features
    # Boosting cannot bin a column without any value, and a constant one has no split.
    columns = _varying(features)
    read = features[:, columns]
    weights = None
    if isinstance(target, ClassificationTarget):
        weights = target.class_weights.numpy().astype(np.float64)[rows.codes]
    if spec.kind == "boosting":
        boosted = _boosting(spec, target, settings[0], seed)
        with threadpool_limits(_n_threads(len(read)), user_api="openmp"):
            boosted.fit(read, rows.codes, sample_weight=weights)
        return GrownBoosting(boosted, columns, features.shape[1])
    forest = _forest(spec, target, len(read), settings[0], seed)
    forest.fit(read, rows.codes, sample_weight=weights)
    return GrownForest(forest, columns, features.shape[1], settings)


def _n_threads(n_rows: int) -> int:
    """Return how many threads boosting uses; for few rows they would wait more than work."""
    if n_rows < MANY_ROWS:
        return 1
    return torch.get_num_threads()


def _varying(features: np.ndarray) -> np.ndarray:
    """Return the columns that differ between rows; the first one if there is none."""
    first = features[:1]
    same = (features == first) | (np.isnan(features) & np.isnan(first))
    columns = np.flatnonzero(~same.all(axis=0))
    if len(columns):
        return columns
    return np.array([0])


def _forest(
    spec: Trees, target: Target, n_rows: int, limit: int, seed: int
) -> ExtraTreesClassifier | ExtraTreesRegressor:
    fewest = -(-2 * n_rows * spec.n_trees // MOST_NODES)
    shared = {
        "n_estimators": spec.n_trees,
        "max_depth": spec.max_depth,
        "max_features": spec.max_features,
        "min_samples_leaf": spec.min_samples_leaf or 1,
        "min_samples_split": max(2, limit, fewest),
        "n_jobs": torch.get_num_threads(),
        "random_state": seed,
    }
    if isinstance(target, ClassificationTarget):
        return ExtraTreesClassifier(criterion="entropy", **shared)
    return ExtraTreesRegressor(**shared)


def _boosting(
    spec: Trees, target: Target, n_iterations: int, seed: int
) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
    shared = {
        "max_iter": n_iterations,
        "max_depth": spec.max_depth,
        "max_leaf_nodes": spec.max_leaf_nodes,
        "min_samples_leaf": spec.min_samples_leaf or LEAF_OF_BOOSTING,
        "learning_rate": spec.learning_rate,
        "early_stopping": False,
        "random_state": seed,
    }
    if isinstance(target, RegressionTarget):
        if target.task.loss == "mae":
            return HistGradientBoostingRegressor(loss="absolute_error", **shared)
        return HistGradientBoostingRegressor(**shared)
    return HistGradientBoostingClassifier(**shared)
