"""Growing the trees of one task with scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import torch

from multitide.backbones._trees import Trees
from multitide.errors import ParameterError
from multitide.fitting._grown_boosting import BoostedPart, GrownBoosting
from multitide.fitting._grown_trees import Grown, GrownForest
from multitide.tasks import (
    ClassificationTarget,
    RegressionTarget,
    SurvivalTarget,
    Target,
)
from multitide.tasks._forecast import ForecastTarget
from multitide.tasks._multi_label import MultiLabelTarget
from multitide.tasks._several import SeveralTarget

if TYPE_CHECKING:
    from multitide.fitting._grown_boosting import Boosted
    from multitide.fitting._grown_trees import Extra

# Numbers of rows that a node needs to be split, among which the validation set chooses.
LIMITS = (2, 5, 10, 20, 50)
UNSPLIT_CLASSES, UNSPLIT_NUMBERS = 2, 5  # without a validation set
# Rows per leaf of a boosted tree, and of few rows this fraction.
LEAF_OF_BOOSTING, FRACTION_OF_BOOSTING = 20, 0.05
# Of the features, among which each split is chosen; boosted trees that are less alike need at least
# so many.
FEATURES_OF_FOREST = 0.1
FEATURES_OF_BOOSTING, FEWEST_FEATURES = 0.2, 6
BINS = 63  # of a feature; with 255, finding the splits of few rows takes four times as long
# Of the nodes while a forest is grown.
MOST_NODES, MOST_VALUES = 8_000_000, 32_000_000


@dataclass(frozen=True)
class Rows:
    """The labelled rows of one task.

    Attributes
    ----------
    features : ndarray of float32, shape (n, n_features)
        NaN for missing values.
    codes : ndarray, shape (n,) or (n, n_labels)
        The labels, as the target encodes them.
    truth : ndarray, shape (n,) or (n, n_labels)
        The labels, as its metrics take them.
    weights : ndarray or None, shape (n,)
        How much each row counts; None if all count alike.
    """

    features: np.ndarray
    codes: np.ndarray
    truth: np.ndarray
    weights: np.ndarray | None = None


def check_growable(targets: list[Target], kind: str) -> None:
    """Raise :class:`ParameterError` with the tasks for which no trees of a kind can be grown."""
    refused = []
    for target in targets:
        if not is_growable(target, kind):
            refused.append(f"{target.task.name!r} ({target.task.kind})")
    if refused:
        raise ParameterError(
            f"`tasks` must have no times of survival with trees, and no quantiles with "
            f"kind='extra_trees'; got {', '.join(refused)} with kind={kind!r}. "
            "Use kind='boosting' for quantiles, or train a network."
        )


def is_growable(target: Target, kind: str) -> bool:
    """Return whether trees of a kind can answer a task.

    There are none for times of survival, and no extra trees for quantiles.
    """
    if isinstance(target, SurvivalTarget):
        return False
    return kind == "boosting" or not is_quantiles(target)


def is_quantiles(target: Target) -> TypeGuard[RegressionTarget]:
    """Return whether a task has the quantiles of a number."""
    return isinstance(target, RegressionTarget) and target.n_outputs > 1


def n_boosted(target: Target) -> int:
    """Return how many times boosting grows trees for a task: per quantile, label or step."""
    if is_quantiles(target) or isinstance(target, SeveralTarget):
        return target.n_outputs
    return 1


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
    if isinstance(target, (ClassificationTarget, MultiLabelTarget)):
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
    if spec.kind == "boosting":
        parts = _boosted_parts(spec, target, rows, settings[0], seed)
        return GrownBoosting(parts, features.shape[1])
    columns = _varying(features)
    read = features[:, columns]
    weights = _row_weights(target, rows)
    forest = _forest(spec, target, len(read), settings[0], seed)
    forest.fit(read, _complete(rows.codes, target), sample_weight=weights)
    grown = GrownForest(forest, columns, features.shape[1], settings)
    if np.isnan(rows.codes).any():
        grown.use_known_labels(features, rows.codes, rows.weights)
    return grown


def _boosted_parts(
    spec: Trees, target: Target, rows: Rows, n_iterations: int, seed: int
) -> list[BoostedPart]:
    """Boost the classes or the number of a task, or each of its quantiles or labels."""
    if is_quantiles(target):
        parts = []
        for level in target.task.quantiles:
            model = _boosting(spec, target, len(rows.codes), n_iterations, seed)
            model.set_params(loss="quantile", quantile=level)
            part = _boosted(spec, model, rows.features, rows.codes, rows.weights)
            parts.append(part)
        return parts
    if not isinstance(target, SeveralTarget):
        weights = _row_weights(target, rows)
        model = _boosting(spec, target, len(rows.codes), n_iterations, seed)
        return [_boosted(spec, model, rows.features, rows.codes, weights)]
    parts = []
    for labels, best in zip(rows.codes.T, target.bias.double().numpy(), strict=True):
        read, labels, weights = _rows_of_label(rows, labels, best, target)
        model = _boosting(spec, target, len(labels), n_iterations, seed)
        parts.append(_boosted(spec, model, read, labels, weights))
    return parts


def _boosted(
    spec: Trees,
    model: Boosted,
    features: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray | None,
) -> BoostedPart:
    columns = _varying(features)
    # Boosting cannot bin a column without any value, which has no split.
    read = features[:, columns]
    if np.isnan(read).all():
        read = np.zeros_like(read)
    model.set_params(max_features=_share_of_features(spec, len(columns)))
    model.fit(read, labels, sample_weight=weights)
    return BoostedPart(model, columns)


def _share_of_features(spec: Trees, n_features: int) -> float:
    """Return the fraction of the features among which boosting chooses each split."""
    if spec.max_features is not None:
        return spec.max_features
    return min(1.0, max(FEATURES_OF_BOOSTING, FEWEST_FEATURES / n_features))


def _rows_of_label(
    rows: Rows, labels: np.ndarray, best: float, target: Target
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the rows with one label of several, and perhaps their weights.

    Without any, or if all are the same answer, they are rows that give the best constant.
    """
    from scipy.special import expit

    features, known = rows.features, ~np.isnan(labels)
    values = np.unique(labels[known])
    if isinstance(target, MultiLabelTarget) and len(values) < 2:
        no_and_yes = np.array([0.0, 1.0])
        shares = np.array([expit(-best), expit(best)])
        return np.zeros((2, features.shape[1])), no_and_yes, shares
    if not len(values):
        return np.zeros((1, features.shape[1])), np.array([best]), None
    weights = None if rows.weights is None else rows.weights[known]
    return features[known], labels[known], weights


def _row_weights(target: Target, rows: Rows) -> np.ndarray | None:
    """Return the weight of each row, also by its class; None if all are equal.

    With weights, scikit-learn bins each feature by weighted percentiles, which takes far longer.
    """
    if not isinstance(target, ClassificationTarget):
        return rows.weights
    weights = target.class_weights.numpy().astype(np.float64)
    if (weights == weights[0]).all():
        return rows.weights
    of_classes: np.ndarray = weights[rows.codes]
    if rows.weights is None:
        return of_classes
    both: np.ndarray = of_classes * rows.weights
    return both


def _complete(codes: np.ndarray, target: Target) -> np.ndarray:
    """Return labels in which the best constant replaces the missing ones of a row."""
    if not isinstance(target, SeveralTarget):
        return codes
    constant = target.bias.double()
    if isinstance(target, MultiLabelTarget):
        constant = constant.sigmoid()
    return np.where(np.isnan(codes), constant.numpy(), codes)


def _varying(features: np.ndarray) -> np.ndarray:
    """Return the columns that differ between rows; the first one if there is none."""
    first = features[:1]
    same = (features == first) | (np.isnan(features) & np.isnan(first))
    columns = np.flatnonzero(~same.all(axis=0))
    if len(columns):
        return columns
    return np.array([0])


def _forest(spec: Trees, target: Target, n_rows: int, limit: int, seed: int) -> Extra:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    most = min(MOST_NODES, MOST_VALUES // target.n_outputs)
    fewest = -(-2 * n_rows * spec.n_trees // most)
    shared = {
        "n_estimators": spec.n_trees,
        "max_depth": spec.max_depth,
        "max_features": spec.max_features or FEATURES_OF_FOREST,
        "min_samples_leaf": spec.min_samples_leaf or 1,
        "bootstrap": spec.bootstrap,
        "min_samples_split": max(2, limit, fewest),
        "n_jobs": torch.get_num_threads(),
        "random_state": seed,
    }
    if isinstance(target, ClassificationTarget):
        return ExtraTreesClassifier(criterion="entropy", **shared)
    return ExtraTreesRegressor(**shared)


def _boosting(
    spec: Trees, target: Target, n_rows: int, n_iterations: int, seed: int
) -> Boosted:
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    leaf = min(LEAF_OF_BOOSTING, max(2, int(FRACTION_OF_BOOSTING * n_rows)))
    shared = {
        "max_iter": n_iterations,
        "max_depth": spec.max_depth,
        "max_leaf_nodes": spec.max_leaf_nodes,
        "min_samples_leaf": spec.min_samples_leaf or leaf,
        "learning_rate": spec.learning_rate,
        "max_bins": BINS,
        "early_stopping": False,
        "random_state": seed,
    }
    if isinstance(target, (RegressionTarget, ForecastTarget)):
        if target.task.loss == "mae":
            return HistGradientBoostingRegressor(loss="absolute_error", **shared)
        return HistGradientBoostingRegressor(**shared)
    return HistGradientBoostingClassifier(**shared)
