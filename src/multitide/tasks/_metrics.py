"""Metrics of one task on its labelled rows. An undefined metric is NaN, never an error.

Names follow scikit-learn where it has the metric. Classes are given by position: 0 to n_classes - 1
are the classes of the training labels (the columns of the probabilities). Larger positions are
classes that training has not seen; predictions for them count as wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from multitide._weighted_mean import weighted_mean
from multitide.tasks._ranking import ranking
from multitide.tasks._reliability import RELIABILITY, of_classes, of_labels
from multitide.tasks._smallest_probability import clipped

CLASSIFICATION = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "roc_auc",
    "average_precision",
    "log_loss",
    *RELIABILITY,
)
# Of the positive class of two.
BINARY = ("precision", "recall", "f1")
REGRESSION = ("rmse", "mae", "r2", "mape")
QUANTILE = ("pinball", "coverage", "width")
MULTI_LABEL = (
    "f1_macro",
    "roc_auc",
    "average_precision",
    "exact_match",
    "hamming_loss",
    "log_loss",
    *RELIABILITY,
)
FORECAST = ("rmse", "mae", "r2")

# What errors are divided by is at least this, as in scikit-learn.
SMALLEST_LABEL = float(np.finfo(np.float64).eps)


def classification_metrics(
    codes: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    positive: int | None = None,
    predicted: np.ndarray | None = None,
) -> dict[str, float]:
    """Compare class probabilities with classes.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        The true classes, without missing labels.
    probabilities : ndarray, shape (n_samples, n_classes)
        Probabilities of the classes seen in training.
    weights : ndarray, shape (n_samples,), optional
        How much each row counts.
    positive : int, optional
        The positive class of two.
    predicted : ndarray of int, shape (n_samples,), optional
        The predicted classes; by default the most probable ones.

    Returns
    -------
    dict of str to float
        With a positive class, ``roc_auc`` and ``average_precision`` are its own, and so are
        ``precision``, ``recall`` and ``f1``, which only it has. Otherwise, the first two are
        one-vs-rest means over the classes present. ``ece`` is the expected calibration error: how
        far probabilities are from frequencies.
    """
    from sklearn import metrics as sk  # not imported for a prediction

    if not len(codes) or not np.isfinite(probabilities).all():
        names = CLASSIFICATION if positive is None else (*CLASSIFICATION, *BINARY)
        return dict.fromkeys(names, np.nan)
    if predicted is None:
        predicted = probabilities.argmax(axis=1)
    areas, precisions = [], []
    for c in _rankable_classes(codes, probabilities.shape[1], positive):
        ranked = ranking(codes == c, probabilities[:, c], weights)
        areas.append(ranked.roc_auc)
        precisions.append(ranked.average_precision)
    return {
        "accuracy": sk.accuracy_score(codes, predicted, sample_weight=weights),
        # Mean recall over the classes present. `balanced_accuracy_score` would warn about the
        # others.
        "balanced_accuracy": sk.recall_score(
            codes,
            predicted,
            labels=np.unique(codes),
            average="macro",
            sample_weight=weights,
            zero_division=0.0,
        ),
        "f1_macro": sk.f1_score(
            codes, predicted, average="macro", sample_weight=weights, zero_division=0.0
        ),
        "roc_auc": mean_or_nan(areas),
        "average_precision": mean_or_nan(precisions),
        "log_loss": weighted_mean(log_losses(codes, probabilities), weights),
        **of_classes(codes, probabilities, weights),
        **_of_positive(codes, predicted, positive, weights),
    }


def _of_positive(
    codes: np.ndarray,
    predicted: np.ndarray,
    positive: int | None,
    weights: np.ndarray | None,
) -> dict[str, float]:
    """Return precision, recall and F1 of the positive class; nothing without one."""
    if positive is None:
        return {}
    yes, said_yes = codes == positive, predicted == positive
    right = _total(yes & said_yes, weights)
    n_yes, n_said = _total(yes, weights), _total(said_yes, weights)
    return {
        "precision": right / n_said if n_said else float("nan"),
        "recall": right / n_yes if n_yes else float("nan"),
        "f1": 2 * right / (n_yes + n_said) if n_yes + n_said else float("nan"),
    }


def log_losses(codes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the negative log-probability of the true class of each row, float64 (n_samples,)."""
    known = codes < probabilities.shape[1]
    columns = np.where(known, codes, 0)[:, None]
    of_true_class = np.take_along_axis(probabilities, columns, axis=1)[:, 0]
    losses: np.ndarray = -np.log(clipped(np.where(known, of_true_class, 0.0)))
    return losses


def regression_metrics(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Compare predicted numbers with labels.

    Parameters
    ----------
    labels, predictions : ndarray, shape (n_samples,)
        In the units of the user, without missing labels.
    weights : ndarray, shape (n_samples,), optional
        How much each row counts.

    Returns
    -------
    dict of str to float
        ``mape`` is a fraction, computed over the rows whose label is not zero. ``r2`` needs two
        different labels.
    """
    metrics = _error_metrics(labels, predictions, weights)
    metrics["mape"] = np.nan
    nonzero = labels != 0
    if nonzero.any() and not np.isnan(metrics["mae"]):
        of_label = np.maximum(np.abs(labels[nonzero]), SMALLEST_LABEL)
        errors = np.abs(predictions[nonzero] - labels[nonzero])
        metrics["mape"] = weighted_mean(
            errors / of_label, None if weights is None else weights[nonzero]
        )
    return metrics


def _error_metrics(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return ``rmse``, ``mae`` and ``r2``.

    They are scikit-learn's, without the checks that take it most of the time.
    """
    if not len(labels) or not np.isfinite(predictions).all():
        return dict.fromkeys(FORECAST, np.nan)
    errors = predictions.astype(np.float64) - labels
    # Ignored: the squared error of a prediction that is absurdly far away may be infinite.
    with np.errstate(over="ignore", invalid="ignore"):
        squares = _total(np.square(errors), weights)
        deviations = _total(np.square(labels - weighted_mean(labels, weights)), weights)
    r2 = np.nan
    if np.ptp(labels) > 0 and deviations > 0:  # squares of tiny numbers are 0
        r2 = 1 - squares / deviations
    return {
        "rmse": float(np.sqrt(squares / _total(np.ones(len(labels)), weights))),
        "mae": weighted_mean(np.abs(errors), weights),
        "r2": r2,
    }


def _total(values: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the sum of values, each multiplied by its weight."""
    if weights is not None:
        values = values * weights
    return float(values.sum())


def quantile_metrics(
    labels: np.ndarray,
    predictions: np.ndarray,
    quantiles: Sequence[float],
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """Compare predicted quantiles with labels.

    Parameters
    ----------
    labels : ndarray, shape (n_samples,)
        In the units of the user, without missing labels.
    predictions : ndarray, shape (n_samples, n_quantiles)
        In the units of the user, ascending.
    quantiles : sequence of float
        Levels of the quantiles.
    weights : ndarray, shape (n_samples,), optional
        How much each row counts.

    Returns
    -------
    dict of str to float
        ``pinball``: mean pinball loss over the quantiles. ``coverage``: fraction of the labels
        between the outermost quantiles; ideally the difference of their levels. ``width``: mean
        distance between these two quantiles.
    """
    from sklearn import metrics as sk

    if not len(labels) or not np.isfinite(predictions).all():
        return dict.fromkeys(QUANTILE, np.nan)
    low, high = predictions[:, 0], predictions[:, -1]
    losses = []
    for i, level in enumerate(quantiles):
        losses.append(
            sk.mean_pinball_loss(
                labels, predictions[:, i], sample_weight=weights, alpha=level
            )
        )
    inside = (low <= labels) & (labels <= high)
    return {
        "pinball": float(np.mean(losses)),
        "coverage": weighted_mean(inside, weights),
        "width": weighted_mean(high - low, weights),
    }


def multi_label_metrics(
    truth: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None = None,
    predicted: np.ndarray | None = None,
) -> dict[str, float]:
    """Compare the probabilities of several yes/no labels with the known labels.

    Parameters
    ----------
    truth : ndarray, shape (n_samples, n_labels)
        1 for yes, 0 for no, NaN for missing labels; every row has at least one label.
    probabilities : ndarray, shape (n_samples, n_labels)
        Probabilities of yes.
    weights : ndarray, shape (n_samples,), optional
        How much each row counts.
    predicted : ndarray of bool, shape (n_samples, n_labels), optional
        Where yes is predicted; by default where it is the more probable answer.

    Returns
    -------
    dict of str to float
        ``f1_macro`` (of yes), ``roc_auc`` and ``average_precision`` are means over the columns
        that define them. ``exact_match``: fraction of rows whose known labels are all predicted
        correctly. ``hamming_loss``: fraction of all known labels that are predicted wrongly.
        ``log_loss``, ``brier``: means over all known labels. ``ece``: a mean over the columns.
    """
    if not len(truth) or not np.isfinite(probabilities).all():
        return dict.fromkeys(MULTI_LABEL, np.nan)
    known = ~np.isnan(truth)
    if predicted is None:
        predicted = probabilities > 0.5
    wrong = known & (predicted != (truth == 1))
    f1_scores, areas, precisions = [], [], []
    for i, rows in enumerate(known.T):
        yes, said_yes = truth[rows, i] == 1, predicted[rows, i]
        own = None if weights is None else weights[rows]
        if yes.any() or said_yes.any():
            n_right = _total(yes & said_yes, own)
            n_said = _total(yes, own) + _total(said_yes, own)
            f1_scores.append(float(2 * n_right / n_said))
        if 0 < yes.sum() < len(yes):
            ranked = ranking(yes, probabilities[rows, i], own)
            areas.append(ranked.roc_auc)
            precisions.append(ranked.average_precision)
    return {
        "f1_macro": mean_or_nan(f1_scores),
        "roc_auc": mean_or_nan(areas),
        "average_precision": mean_or_nan(precisions),
        "exact_match": weighted_mean(~wrong.any(axis=1), weights),
        "hamming_loss": weighted_mean(wrong[known], weights_of_labels(weights, known)),
        "log_loss": weighted_mean(
            binary_log_losses(truth, probabilities)[known],
            weights_of_labels(weights, known),
        ),
        **of_labels(truth, probabilities, weights),
    }


def forecast_metrics(
    truth: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Compare forecasts with the values that followed; every known step of a row counts alike.

    Parameters
    ----------
    truth, predictions : ndarray, shape (n_samples, horizon)
        In the units of the user; NaN in `truth` for missing values.
    weights : ndarray, shape (n_samples,), optional
        How much each row counts.
    """
    known = ~np.isnan(truth)
    return _error_metrics(
        truth[known], predictions[known], weights_of_labels(weights, known)
    )


def weights_of_labels(
    weights: np.ndarray | None, known: np.ndarray
) -> np.ndarray | None:
    """Return the weight of each known label of several per row: that of its row, (n_known,)."""
    if weights is None:
        return None
    of_labels: np.ndarray = np.broadcast_to(weights[:, None], known.shape)[known]
    return of_labels


def binary_log_losses(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the log loss of each yes/no label, given the probabilities of yes; same shape."""
    losses: np.ndarray = -np.log(
        clipped(np.where(truth == 1, probabilities, 1 - probabilities))
    )
    return losses


def mean_or_nan(values: np.ndarray | list[float]) -> float:
    """Return the mean; NaN if there are no values."""
    if len(values):
        return float(np.mean(values))
    return float("nan")


def _rankable_classes(
    codes: np.ndarray, n_classes: int, positive: int | None
) -> list[int]:
    """Return the classes for which some rows have the class and others do not.

    With a positive class, only that one is considered; of two classes, otherwise the second.
    """
    counts = np.bincount(codes, minlength=n_classes)[:n_classes]
    if n_classes == 2:
        counts[0 if positive == 1 or positive is None else 1] = 0
    classes = []
    for c in np.flatnonzero((counts > 0) & (counts < len(codes))):
        classes.append(int(c))
    return classes
