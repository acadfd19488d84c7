"""Metrics of the labelled test samples of one run, on all of them or on some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from multitide.tasks import ClassificationTarget, Target
from multitide.tasks._metrics import log_losses
from multitide.tasks._own_metric import Metric

# Metrics that are the mean of one value per sample, for tasks with one label per sample.
ROW_MEANS = ("accuracy", "log_loss", "mae")


@dataclass(frozen=True)
class FoldAnswers:
    """The labelled test samples of one fold.

    Attributes
    ----------
    target : Target
        Fitted to the training labels of the fold.
    labels : ndarray
        Positions of classes, or numbers.
    answers : ndarray
        Probabilities of classes, or numbers.
    weights : ndarray or None
        How much each sample counts; None if all count alike.
    written : ndarray or None
        The labels as the user wrote them, for metrics of the user.
    """

    target: Target
    labels: np.ndarray
    answers: np.ndarray
    weights: np.ndarray | None = None
    written: np.ndarray | None = None

    def value(self, metric: str | Metric, rows: np.ndarray) -> tuple[float, float]:
        """Return a metric of some samples, and how much they count together."""
        weights = None if self.weights is None else self.weights[rows]
        labels, answers = self.labels[rows], self.answers[rows]
        if isinstance(metric, str):
            value = self.target.metric_values(labels, answers, weights)[metric]
        elif self.written is None:
            raise ValueError("a metric of the user needs labels as the user wrote them")
        else:
            value = metric.value(self.target, self.written[rows], answers, weights)
        return value, float(rows.sum() if weights is None else weights.sum())


def weights_of(folds: Sequence[FoldAnswers]) -> np.ndarray | None:
    """Return how much the samples of all folds count, (n_rows,); None if all count alike."""
    parts = [fold.weights for fold in folds if fold.weights is not None]
    return np.concatenate(parts) if parts else None


def encode_labels(
    target: Target, labels: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as `Target.metric_values` takes them, and which samples have one."""
    encoded = target.truth(labels)
    return encoded, target.has_label(encoded)


def is_row_mean(metric: str, folds: Sequence[FoldAnswers]) -> bool:
    """Return whether a metric is the mean of one value per sample."""
    return metric in ROW_MEANS and all(fold.labels.ndim == 1 for fold in folds)


def row_values(metric: str, folds: Sequence[FoldAnswers]) -> np.ndarray:
    """Return the value of each sample whose mean is a metric of `ROW_MEANS`, (n_rows,)."""
    parts = []
    for fold in folds:
        answers = fold.target.point(fold.answers)
        if metric == "accuracy":
            values = (_decided(fold) == fold.labels).astype(float)
        elif metric == "log_loss":
            values = log_losses(fold.labels, answers)
        else:
            values = np.abs(answers - fold.labels)
        parts.append(values)
    return np.concatenate(parts)


def _decided(fold: FoldAnswers) -> np.ndarray:
    """Return the predicted classes."""
    if isinstance(fold.target, ClassificationTarget):
        return fold.target.decide(fold.answers)
    predicted: np.ndarray = fold.answers.argmax(axis=1)
    return predicted


def metric_value(
    metric: str | Metric, folds: Sequence[FoldAnswers], mask: np.ndarray
) -> float:
    """Return a metric of some samples: the mean over folds, weighted by how much they count.

    Folds in which the metric is undefined are left out.

    Parameters
    ----------
    metric : str or Metric
    folds : sequence of FoldAnswers
    mask : ndarray of bool, shape (n_rows,)
        Which samples count, over all folds.
    """
    ends = np.cumsum([len(fold.labels) for fold in folds])
    values, weights = [], []
    for fold, rows in zip(folds, np.split(mask, ends[:-1]), strict=True):
        value, weight = fold.value(metric, rows)
        if not np.isnan(value):
            values.append(value)
            weights.append(weight)
    if values:
        return float(np.average(values, weights=weights))
    return float("nan")
