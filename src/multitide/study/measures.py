"""Figures of merit on any part of the test rows, fast enough to be measured again without one group after another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.tasks import Target
from multitide.tasks.classification import ClassificationTarget
from multitide.tasks.labels import as_numbers
from multitide.tasks.metrics import classification_metrics, log_losses, regression_metrics

# Labels (positions of classes, or numbers) and answers (probabilities, or numbers) of the labelled rows of each fold.
Measured = list[tuple[np.ndarray, np.ndarray]]

# Figures that are the mean of something that each row has by itself.
ROW_MEANS = ("accuracy", "log_loss", "mae")


def coded(target: Target, labels: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as positions of classes or as numbers, and which of them were measured, each (n_rows,)."""
    if isinstance(target, ClassificationTarget):
        codes, _ = target.positions(labels)
        return codes, codes >= 0
    numbers, _ = as_numbers(labels[target.task.columns[0]])
    return numbers, ~np.isnan(numbers)


def row_values(metric: str, measured: Measured) -> np.ndarray:
    """Return what each row adds to a figure of `ROW_MEANS`, (n_rows,)."""
    of_fold = {
        "accuracy": lambda labels, answers: (answers.argmax(axis=1) == labels).astype(float),
        "log_loss": log_losses,
        "mae": lambda labels, answers: np.abs(answers - labels),
    }[metric]
    return np.concatenate([of_fold(labels, answers) for labels, answers in measured])


def figure(metric: str, measured: Measured, mask: np.ndarray) -> float:
    """Return a figure of some rows: of each fold, joined by their rows; a fold that does not define it is left out.

    Parameters
    ----------
    metric : str
    measured : list of (labels, answers)
        One a fold.
    mask : ndarray of bool, shape (n_rows,)
        Which rows count, over all folds.
    """
    masks = np.split(mask, np.cumsum([len(labels) for labels, _ in measured])[:-1])
    values, weights = [], []
    for (labels, answers), rows in zip(measured, masks, strict=True):
        measure = classification_metrics if answers.ndim > 1 else regression_metrics
        value = measure(labels[rows], answers[rows])[metric]
        if not np.isnan(value):
            values.append(value)
            weights.append(rows.sum())
    return float(np.average(values, weights=weights)) if values else float("nan")
