"""The choice of a calibrator: the one that predicts folds best that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch

from multitide.calibration._calibrator import Calibrator
from multitide.calibration._column_map import ColumnMap
from multitide.calibration._falls import falls
from multitide.calibration._folds import N_FOLDS, folds_of_recordings
from multitide.calibration._isotonic import Isotonic
from multitide.calibration._labels import Labels
from multitide.calibration._platt import Platt
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
    probabilities: np.ndarray, codes: np.ndarray, recordings: np.ndarray
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

    Returns
    -------
    Choice or None
        None if nothing is calibrated: there are too few labels, or the cross-fitted log loss does
        not fall by more than its standard error.
    """
    logs = np.log(np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, None))
    if probabilities.shape[1] == 2:
        of_second = choose_for_label(logs[:, 1] - logs[:, 0], codes == 1, recordings)
        if isinstance(of_second.map, Unchanged):
            return None
        return Choice(TwoClasses(of_second.map), *of_second[1:])
    if len(codes) < FEW_LABELS or _are_few(recordings):
        return None
    rows = np.arange(len(codes))
    before = -logs[rows, codes]

    def losses(fitted: Temperature, held: np.ndarray) -> np.ndarray:
        scaled = torch.log_softmax(fitted.factor * torch.from_numpy(logs[held]), dim=1)
        of_truth: np.ndarray = scaled.numpy()[np.arange(len(scaled)), codes[held]]
        return -of_truth

    def fit(seen: np.ndarray) -> Temperature:
        return Temperature.fitted(logs[seen], codes[seen])

    after = _cross_fitted(fit, losses, folds_of_recordings(recordings, codes))
    if not falls(before, after, recordings):
        return None
    everything = np.ones(len(codes), dtype=bool)
    before_mean, after_mean = float(before.mean()), float(after.mean())
    return Choice(fit(everything), before_mean, after_mean, len(codes))


def choose_for_labels(
    probabilities: np.ndarray, truth: np.ndarray, recordings: np.ndarray
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
    """
    bounded = np.clip(
        probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY
    )
    log_odds = np.log(bounded) - np.log1p(-bounded)
    choices = []
    for column, labels in enumerate(truth.T):
        known = ~np.isnan(labels)
        choices.append(
            choose_for_label(
                log_odds[known, column], labels[known] == 1, recordings[known]
            )
        )
    maps = [choice.map for choice in choices]
    if all(isinstance(each, Unchanged) for each in maps):
        return None
    return Labels(maps), choices


def choose_for_label(
    log_odds: np.ndarray, yes: np.ndarray, recordings: np.ndarray
) -> Choice[ColumnMap]:
    """Choose the map of the log-odds of yes; see :func:`choose_for_classes`."""
    before = _losses_of(_sigmoid(log_odds), yes)
    n_rarer = min(np.count_nonzero(yes), np.count_nonzero(~yes))
    mean = float(before.mean()) if len(before) else float("nan")
    unchanged: Choice[ColumnMap] = Choice(Unchanged(), mean, mean, len(yes))
    if len(yes) < FEW_LABELS or n_rarer < FEW_OF_RARER or _are_few(recordings):
        return unchanged
    kinds: list[type[ColumnMap]] = [Platt]
    if n_rarer >= ENOUGH_FOR_ISOTONIC:
        kinds.append(Isotonic)
    folds = folds_of_recordings(recordings, yes)
    best, best_after = unchanged, before
    for kind in kinds:
        after = _cross_fitted_label(kind, log_odds, yes, folds)
        if after.mean() < best_after.mean() and falls(before, after, recordings):
            fitted = kind.fitted(log_odds, yes)
            best = Choice(fitted, mean, float(after.mean()), len(yes))
            best_after = after
    return best


def _cross_fitted_label(
    kind: type[ColumnMap], log_odds: np.ndarray, yes: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    def fit(seen: np.ndarray) -> ColumnMap:
        return kind.fitted(log_odds[seen], yes[seen])

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


def _are_few(recordings: np.ndarray) -> bool:
    """Return whether there are fewer recordings than folds."""
    return len(np.unique(recordings)) < N_FOLDS


def _losses_of(probabilities: np.ndarray, yes: np.ndarray) -> np.ndarray:
    of_truth = np.where(yes, probabilities, 1 - probabilities)
    losses: np.ndarray = -np.log(np.clip(of_truth, SMALLEST_PROBABILITY, None))
    return losses


def _sigmoid(log_odds: np.ndarray) -> np.ndarray:
    return torch.from_numpy(log_odds).sigmoid().numpy()
