"""Averages of the predictions of several fits."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from multitide.calibration._calibrated_label import CalibratedLabel
from multitide.fitting._decide import Decision
from multitide.fitting._free_of_class_weights import free_of_class_weights
from multitide.network._network import Predictor
from multitide.tasks import Target
from multitide.tasks._deciding import DecidingTarget


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
    calibrated: Sequence[CalibratedLabel],
) -> dict[str, Target]:
    """Return copies of the reference targets with the thresholds of the ensemble."""
    targets = copy.deepcopy(reference_targets(predictors, tasks))
    free_of_class_weights(targets.values(), calibrated)
    for name, target in targets.items():
        own = [row["threshold"] for row in decisions if row["task"] == name]
        if isinstance(target, DecidingTarget) and own:
            target.set_thresholds(own)
    return targets


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
