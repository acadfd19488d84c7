"""Averages of the predictions of several fits."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np

from multitide.fitting._decide import Decision
from multitide.network._network import Predictor
from multitide.tasks import ClassificationTarget, SurvivalTarget, Target
from multitide.tasks._deciding import DecidingTarget
from multitide.training._decode_samples import Decoded


def reference_targets(
    predictors: Sequence[Predictor], tasks: Sequence[str]
) -> dict[str, Target]:
    """Return, for each task, the target of the fit that knows the most classes.

    The rows that train differ between fits, and a rare class may be missing from some.
    """
    targets = {}
    for task in tasks:
        known = [predictor.target(task) for predictor in predictors]
        targets[task] = max(known, key=lambda target: target.n_outputs)
    return targets


def deciding_targets(
    predictors: Sequence[Predictor],
    tasks: Sequence[str],
    decisions: Sequence[Decision],
) -> dict[str, Target]:
    """Return copies of the reference targets with the thresholds of the ensemble."""
    targets = copy.deepcopy(reference_targets(predictors, tasks))
    for name, target in targets.items():
        own = [row["threshold"] for row in decisions if row["task"] == name]
        if isinstance(target, DecidingTarget) and own:
            target.set_thresholds(own)
    return targets


def aligned(
    decoded: Decoded, predictor: Predictor, targets: Mapping[str, Target]
) -> Decoded:
    """Return a fit's predictions with one column per class of the reference targets, in float64.

    A class that the fit does not know has probability 0. Survival curves are read at the reference
    targets' intervals.
    """
    found = {}
    for task, values in decoded.items():
        found[task] = values.astype(np.float64)
        target, own = targets[task], predictor.target(task)
        if isinstance(target, SurvivalTarget) and isinstance(own, SurvivalTarget):
            found[task] = own.at_edges(found[task], target.edges)
            continue
        if not isinstance(target, ClassificationTarget):
            continue
        if not isinstance(own, ClassificationTarget) or own.classes == target.classes:
            continue
        table = np.zeros((len(values), len(target.classes)))
        for column, value in enumerate(own.classes):
            if value in target.classes:
                table[:, list(target.classes).index(value)] = values[:, column]
        found[task] = table
    return found


def mean(predictions: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Return the weighted mean of predictions of the same shape; weights sum to 1."""
    total = np.zeros_like(predictions[0])
    for values, weight in zip(predictions, weights, strict=True):
        total += weight * values
    return total


def spread(predictions: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Return the weighted standard deviation of predictions around their weighted mean."""
    center = mean(predictions, weights)
    squares = [(values - center) ** 2 for values in predictions]
    deviation: np.ndarray = np.sqrt(mean(squares, weights))
    return deviation
