"""The choice of a calibrator: the one that predicts folds best that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch

from multitide._weighted_mean import scaled_to_one, weighted_mean
from multitide.calibration._calibrator import Calibrator
from multitide.calibration._column_map import ColumnMap
from multitide.calibration._falls import falls
from multitide.calibration._folds import N_FOLDS, folds_of_recordings
from multitide.calibration._isotonic import Isotonic
from multitide.calibration._labels import Labels
from multitide.calibration._platt import Platt
from multitide.calibration._shifted_temperature import ShiftedTemperature
from multitide.calibration._temperature import Temperature
from multitide.calibration._two_classes import TwoClasses
from multitide.calibration._unchanged import Unchanged
from multitide.tasks._smallest_probability import SMALLEST_PROBABILITY

# Labels of the rarer class, and of all classes, below which a choice would be noise.
FEW_OF_RARER, FEW_LABELS = 10, 30
# Isotonic regression has as many parameters as the labels allow, and is tried only with so many of
# the rarer class (scikit-learn's documentation advises against it below a thousand).
ENOUGH_FOR_ISOTONIC = 1_000

Fitted = TypeVar("Fitted")
Map = TypeVar("Map", bound=Calibrator | ColumnMap)


class Choice(NamedTuple, Generic[Map]):
    """The calibrator of a task, or the map of a label of it.

    Attributes
    ----------
    map : Calibrator or ColumnMap
        What was chosen.
    before, after : float
        Mean log loss of the model's probabilities, and of the calibrated ones on folds that the
        calibrator was not fitted to; equal if nothing is calibrated.
    n_labels : int
        Number of labels.
    """

    map: Map
    before: float
    after: float
    n_labels: int


def choose_for_classes(
    probabilities: np.ndarray,
    codes: np.ndarray,
    recordings: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    may_shift: bool = False,
) -> Choice[Calibrator] | None:
    """Choose the calibrator of a classification task.

    Parameters
    ----------
    probabilities : ndarray, shape (n_rows, n_classes)
        What the model predicts for rows that it has not seen.
    codes : ndarray of int, shape (n_rows,)
        Their classes, all of them known to the model.
    recordings : ndarray of int, shape (n_rows,)
        Rows that belong together.
    weights : ndarray of float64, shape (n_rows,), optional
        How much each row counts; only their ratios matter.
    may_shift : bool, default=False
        Whether to try shifts of classes, too, which can change the most probable of several ones.

    Returns
    -------
    Choice or None
        None if nothing is calibrated: there are too few labels, or the cross-fitted log loss does
        not fall by more than its standard error.
    """
    logs = np.log(np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, None))
    if probabilities.shape[1] == 2:
        of_second = choose_for_label(
            logs[:, 1] - logs[:, 0], codes == 1, recordings, weights
        )
        if isinstance(of_second.map, Unchanged):
            return None
        return Choice(TwoClasses(of_second.map), *of_second[1:])
    if len(codes) < FEW_LABELS or _are_few(recordings):
        return None
    weights = _counting(weights, len(codes))
    kinds: list[type[Temperature | ShiftedTemperature]] = [Temperature]
    counts = np.bincount(codes, minlength=logs.shape[1])
    if may_shift and counts.min() >= FEW_OF_RARER:
        kinds.append(ShiftedTemperature)
    before = -logs[np.arange(len(codes)), codes]
    folds = folds_of_recordings(recordings, codes)
    best, best_after = None, before
    for kind in kinds:
        after = _cross_fitted_classes(kind, logs, codes, weights, folds)
        is_better = weighted_mean(after, weights) < weighted_mean(best_after, weights)
        if is_better and falls(before, after, recordings, weights):
            best, best_after = kind, after
    if best is None:
        return None
    return Choice(
        best.fitted(logs, codes, weights),
        weighted_mean(before, weights),
        weighted_mean(best_after, weights),
        len(codes),
    )


def _cross_fitted_classes(
    kind: type[Temperature | ShiftedTemperature],
    logs: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray,
) -> np.ndarray:
    def fit(seen: np.ndarray) -> Temperature | ShiftedTemperature:
        return kind.fitted(logs[seen], codes[seen], weights[seen])

    def losses(
        fitted: Temperature | ShiftedTemperature, held: np.ndarray
    ) -> np.ndarray:
        calibrated = fitted(torch.from_numpy(np.exp(logs[held]))).numpy()
        of_truth = calibrated[np.arange(len(calibrated)), codes[held]]
        found: np.ndarray = -np.log(np.clip(of_truth, SMALLEST_PROBABILITY, None))
        return found

    return _cross_fitted(fit, losses, folds)


def choose_for_labels(
    probabilities: np.ndarray,
    truth: np.ndarray,
    recordings: np.ndarray,
    weights: np.ndarray | None = None,
) -> tuple[Labels, list[Choice[ColumnMap]]] | None:
    """Choose a map for each label of a multi-label task; None if no label is calibrated.

    Parameters
    ----------
    probabilities : ndarray, shape (n_rows, n_labels)
        Probabilities of yes.
    truth : ndarray, shape (n_rows, n_labels)
        1 for yes, 0 for no, NaN for missing labels.
    recordings : ndarray of int, shape (n_rows,)
        Rows that belong together.
    weights : ndarray of float64, shape (n_rows,), optional
        How much each row counts; only their ratios matter.
    """
    bounded = np.clip(
        probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY
    )
    log_odds = np.log(bounded) - np.log1p(-bounded)
    choices = []
    for column, labels in enumerate(truth.T):
        known = ~np.isnan(labels)
        own = None if weights is None else weights[known]
        yes = labels[known] == 1
        choices.append(
            choose_for_label(log_odds[known, column], yes, recordings[known], own)
        )
    maps = [choice.map for choice in choices]
    if all(isinstance(each, Unchanged) for each in maps):
        return None
    return Labels(maps), choices


def choose_for_label(
    log_odds: np.ndarray,
    yes: np.ndarray,
    recordings: np.ndarray,
    weights: np.ndarray | None = None,
) -> Choice[ColumnMap]:
    """Choose the map of the log-odds of yes; see :func:`choose_for_classes`."""
    weights = _counting(weights, len(yes))
    before = _losses_of(_sigmoid(log_odds), yes)
    n_rarer = min(np.count_nonzero(yes), np.count_nonzero(~yes))
    mean = weighted_mean(before, weights)
    unchanged: Choice[ColumnMap] = Choice(Unchanged(), mean, mean, len(yes))
    if len(yes) < FEW_LABELS or n_rarer < FEW_OF_RARER or _are_few(recordings):
        return unchanged
    kinds: list[type[ColumnMap]] = [Platt]
    if n_rarer >= ENOUGH_FOR_ISOTONIC:
        kinds.append(Isotonic)
    folds = folds_of_recordings(recordings, yes)
    best = unchanged
    for kind in kinds:
        after = _cross_fitted_label(kind, log_odds, yes, weights, folds)
        mean_after = weighted_mean(after, weights)
        if mean_after < best.after and falls(before, after, recordings, weights):
            fitted = kind.fitted(log_odds, yes, weights)
            best = Choice(fitted, mean, mean_after, len(yes))
    return best


def _cross_fitted_label(
    kind: type[ColumnMap],
    log_odds: np.ndarray,
    yes: np.ndarray,
    weights: np.ndarray,
    folds: np.ndarray,
) -> np.ndarray:
    def fit(seen: np.ndarray) -> ColumnMap:
        return kind.fitted(log_odds[seen], yes[seen], weights[seen])

    def losses(fitted: ColumnMap, held: np.ndarray) -> np.ndarray:
        calibrated = fitted(torch.from_numpy(log_odds[held])).numpy()
        return _losses_of(calibrated, yes[held])

    return _cross_fitted(fit, losses, folds)


def _cross_fitted(
    fit: Callable[[np.ndarray], Fitted],
    losses: Callable[[Fitted, np.ndarray], np.ndarray],
    folds: np.ndarray,
) -> np.ndarray:
    """Return the loss of each row by what was fitted to the other folds."""
    found = np.empty(len(folds))
    for fold in np.unique(folds):
        held = folds == fold
        found[held] = losses(fit(~held), held)
    return found


def _counting(weights: np.ndarray | None, n_rows: int) -> np.ndarray:
    """Return how many rows each row counts for: with a mean of 1, for their scale is arbitrary."""
    if weights is None:
        return np.ones(n_rows)
    return scaled_to_one(weights.astype(np.float64))


def _are_few(recordings: np.ndarray) -> bool:
    """Return whether there are fewer recordings than folds."""
    return len(np.unique(recordings)) < N_FOLDS


def _losses_of(probabilities: np.ndarray, yes: np.ndarray) -> np.ndarray:
    of_truth = np.where(yes, probabilities, 1 - probabilities)
    losses: np.ndarray = -np.log(np.clip(of_truth, SMALLEST_PROBABILITY, None))
    return losses


def _sigmoid(log_odds: np.ndarray) -> np.ndarray:
    return torch.from_numpy(log_odds).sigmoid().numpy()
