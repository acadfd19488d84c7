"""Figures of merit on any part of the test rows, fast enough to be measured again without one group after another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.tasks import Target
from multitide.tasks.metrics import log_losses

# Of each fold its target, and labels (positions of classes, or numbers) and answers (probabilities, or numbers) of its
# labelled rows.
Measured = list[tuple[Target, np.ndarray, np.ndarray]]

# Figures that are the mean of something that each row has by itself, where a row has one label.
ROW_MEANS = ("accuracy", "log_loss", "mae")


def coded(target: Target, labels: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as `Target.figures` takes them, and which rows have one, (n_rows,)."""
    truth = target.truth(labels)
    if truth.ndim > 1:
        return truth, ~np.isnan(truth).all(axis=1)
    return truth, truth >= 0 if truth.dtype.kind == "i" else ~np.isnan(truth)


def is_row_mean(metric: str, measured: Measured) -> bool:
    """Say whether a figure is the mean of something that each row has by itself."""
    return metric in ROW_MEANS and all(truth.ndim == 1 for _, truth, _ in measured)


def row_values(metric: str, measured: Measured) -> np.ndarray:
    """Return what each row adds to a figure of `ROW_MEANS`, (n_rows,)."""
    of_fold = {
        "accuracy": lambda labels, answers: (answers.argmax(axis=1) == labels).astype(float),
        "log_loss": log_losses,
        "mae": lambda labels, answers: np.abs(answers - labels),
    }[metric]
    return np.concatenate([of_fold(truth, target.point(answers)) for target, truth, answers in measured])


def figure(metric: str, measured: Measured, mask: np.ndarray) -> float:
    """Return a figure of some rows: of each fold, joined by their rows; a fold that does not define it is left out.

    Parameters
    ----------
    metric : str
    measured : list of (target, labels, answers)
        One a fold.
    mask : ndarray of bool, shape (n_rows,)
        Which rows count, over all folds.
    """
    masks = np.split(mask, np.cumsum([len(truth) for _, truth, _ in measured])[:-1])
    values, weights = [], []
    for (target, truth, answers), rows in zip(measured, masks, strict=True):
        value = target.figures(truth[rows], answers[rows])[metric]
        if not np.isnan(value):
            values.append(value)
            weights.append(rows.sum())
    return float(np.average(values, weights=weights)) if values else float("nan")
