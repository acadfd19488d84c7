"""Metrics of one task on its labelled rows. An undefined metric is NaN, never an error.

Names follow scikit-learn where it has the metric. Classes are given by position: 0 to n_classes - 1
are the classes of the training labels (the columns of the probabilities). Larger positions are
classes that training has not seen; predictions for them count as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from multitide.tasks._ranking import ranking

Numbers = TypeVar("Numbers", float, np.ndarray, pd.Series)

HIGHER_IS_BETTER = {
    "accuracy": True,
    "balanced_accuracy": True,
    "f1_macro": True,
    "roc_auc": True,
    "average_precision": True,
    "log_loss": False,
    "rmse": False,
    "mae": False,
    "r2": True,
    "mape": False,
    "pinball": False,
    "coverage": True,
    "width": False,
    "exact_match": True,
    "hamming_loss": False,
    "persistence_rmse": False,
    "skill": True,
    "loss": False,
}
# Metrics that are best at a level in between; see `Target.level_of`.
BEST_AT_A_LEVEL = ("coverage",)
CLASSIFICATION = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "roc_auc",
    "average_precision",
    "log_loss",
)
REGRESSION = ("rmse", "mae", "r2", "mape")
QUANTILE = ("pinball", "coverage", "width")
MULTI_LABEL = (
    "f1_macro",
    "roc_auc",
    "average_precision",
    "exact_match",
    "hamming_loss",
    "log_loss",
)
FORECAST = ("rmse", "mae", "r2")

# What errors are divided by is at least this, as in scikit-learn.
SMALLEST_LABEL = float(np.finfo(np.float64).eps)
# Predictions are float32, which cannot resolve smaller probabilities. scikit-learn clips them at
# the same value.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


def classification_metrics(
    codes: np.ndarray, probabilities: np.ndarray
) -> dict[str, float]:
    """Compare class probabilities with classes.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        The true classes, without missing labels.
    probabilities : ndarray, shape (n_samples, n_classes)
        Probabilities of the classes seen in training.

    Returns
    -------
    dict of str to float
        With two classes, ``roc_auc`` and ``average_precision`` refer to the second one. With more,
        they are one-vs-rest means over the classes present.
    """
    if not len(codes) or not np.isfinite(probabilities).all():
        return dict.fromkeys(CLASSIFICATION, np.nan)
    predicted = probabilities.argmax(axis=1)
    areas, precisions = [], []
    for c in _rankable_classes(codes, probabilities.shape[1]):
        ranked = ranking(codes == c, probabilities[:, c])
        areas.append(ranked.roc_auc)
        precisions.append(ranked.average_precision)
    return {
        "accuracy": sk.accuracy_score(codes, predicted),
        # Mean recall over the classes present. `balanced_accuracy_score` would warn about the
        # others.
        "balanced_accuracy": sk.recall_score(
            codes,
            predicted,
            labels=np.unique(codes),
            average="macro",
            zero_division=0.0,
        ),
        "f1_macro": sk.f1_score(codes, predicted, average="macro", zero_division=0.0),
        "roc_auc": mean_or_nan(areas),
        "average_precision": mean_or_nan(precisions),
        "log_loss": float(log_losses(codes, probabilities).mean()),
    }


def log_losses(codes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the negative log-probability of the true class of each row, float64 (n_samples,)."""
    known = codes < probabilities.shape[1]
    columns = np.where(known, codes, 0)[:, None]
    of_true_class = np.take_along_axis(probabilities, columns, axis=1)[:, 0]
    losses: np.ndarray = -np.log(clipped(np.where(known, of_true_class, 0.0)))
    return losses


def regression_metrics(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Compare predicted numbers with labels.

    Parameters
    ----------
    labels, predictions : ndarray, shape (n_samples,)
        In the units of the user, without missing labels.

    Returns
    -------
    dict of str to float
        ``mape`` is a fraction, computed over the rows whose label is not zero. ``r2`` needs two
        different labels.
    """
    metrics = _error_metrics(labels, predictions)
    metrics["mape"] = np.nan
    nonzero = labels != 0
    if nonzero.any() and not np.isnan(metrics["mae"]):
        of_label = np.maximum(np.abs(labels[nonzero]), SMALLEST_LABEL)
        errors = np.abs(predictions[nonzero] - labels[nonzero])
        metrics["mape"] = float((errors / of_label).mean())
    return metrics


def _error_metrics(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Return ``rmse``, ``mae`` and ``r2``.

    They are scikit-learn's, without the checks that take it most of the time.
    """
    if not len(labels) or not np.isfinite(predictions).all():
        return dict.fromkeys(FORECAST, np.nan)
    errors = predictions.astype(np.float64) - labels
    # Ignored: the squared error of a prediction that is absurdly far away may be infinite.
    with np.errstate(over="ignore", invalid="ignore"):
        squares = float(np.square(errors).sum())
        deviations = float(np.square(labels - labels.mean()).sum())
    r2 = np.nan
    if np.ptp(labels) > 0 and deviations > 0:  # squares of tiny numbers are 0
        r2 = 1 - squares / deviations
    return {
        "rmse": float(np.sqrt(squares / len(labels))),
        "mae": float(np.abs(errors).mean()),
        "r2": r2,
    }


def quantile_metrics(
    labels: np.ndarray, predictions: np.ndarray, quantiles: Sequence[float]
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

    Returns
    -------
    dict of str to float
        ``pinball``: mean pinball loss over the quantiles. ``coverage``: fraction of the labels
        between the outermost quantiles; ideally the difference of their levels. ``width``: mean
        distance between these two quantiles.
    """
    if not len(labels) or not np.isfinite(predictions).all():
        return dict.fromkeys(QUANTILE, np.nan)
    low, high = predictions[:, 0], predictions[:, -1]
    losses = []
    for i, level in enumerate(quantiles):
        losses.append(sk.mean_pinball_loss(labels, predictions[:, i], alpha=level))
    inside = (low <= labels) & (labels <= high)
    return {
        "pinball": float(np.mean(losses)),
        "coverage": float(inside.mean()),
        "width": float((high - low).mean()),
    }


def multi_label_metrics(
    truth: np.ndarray, probabilities: np.ndarray
) -> dict[str, float]:
    """Compare the probabilities of several yes/no labels with the known labels.

    Parameters
    ----------
    truth : ndarray, shape (n_samples, n_labels)
        1 for yes, 0 for no, NaN for missing labels; every row has at least one label.
    probabilities : ndarray, shape (n_samples, n_labels)
        Probabilities of yes.

    Returns
    -------
    dict of str to float
        ``f1_macro`` (of yes), ``roc_auc`` and ``average_precision`` are means over the columns
        that define them. ``exact_match``: fraction of rows whose known labels are all predicted
        correctly. ``hamming_loss``: fraction of all known labels that are predicted wrongly.
        ``log_loss``: mean over all known labels.
    """
    if not len(truth) or not np.isfinite(probabilities).all():
        return dict.fromkeys(MULTI_LABEL, np.nan)
    known = ~np.isnan(truth)
    predicted = probabilities > 0.5
    wrong = known & (predicted != (truth == 1))
    f1_scores, areas, precisions = [], [], []
    for i, rows in enumerate(known.T):
        yes, said_yes = truth[rows, i] == 1, predicted[rows, i]
        if yes.any() or said_yes.any():
            n_right = np.count_nonzero(yes & said_yes)
            n_said = np.count_nonzero(yes) + np.count_nonzero(said_yes)
            f1_scores.append(float(2 * n_right / n_said))
        if 0 < yes.sum() < len(yes):
            ranked = ranking(yes, probabilities[rows, i])
            areas.append(ranked.roc_auc)
            precisions.append(ranked.average_precision)
    return {
        "f1_macro": mean_or_nan(f1_scores),
        "roc_auc": mean_or_nan(areas),
        "average_precision": mean_or_nan(precisions),
        "exact_match": float((~wrong.any(axis=1)).mean()),
        "hamming_loss": float(wrong.sum() / known.sum()),
        "log_loss": float(binary_log_losses(truth, probabilities)[known].mean()),
    }


def forecast_metrics(truth: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Compare forecasts with the values that followed; every known step has the same weight.

    Parameters
    ----------
    truth, predictions : ndarray, shape (n_samples, horizon)
        In the units of the user; NaN in `truth` for missing values.
    """
    known = ~np.isnan(truth)
    return _error_metrics(truth[known], predictions[known])


def clipped(probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities as float64, none below `SMALLEST_PROBABILITY`."""
    return np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1.0)


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


def metric_table(
    values: Mapping[str, float], trivial: Mapping[str, float], n_labelled: int
) -> pd.DataFrame:
    """Return one row per metric.

    Parameters
    ----------
    values, trivial : mapping of str to float
        The metrics of the predictions and of the trivial predictor.
    n_labelled : int
        Number of rows that the metrics are computed on.
    """
    rows = []
    for name, value in values.items():
        rows.append(
            {
                "metric": name,
                "value": float(value),
                "trivial": float(trivial[name]),
                "n_labelled": n_labelled,
                "higher_is_better": HIGHER_IS_BETTER[name],
            }
        )
    return pd.DataFrame(rows)


def goodness(metric: str, value: Numbers, level: float | None = None) -> Numbers:
    """Return numbers of which the larger one is better.

    Parameters
    ----------
    metric : str
        A key of `HIGHER_IS_BETTER`.
    value : float, ndarray or Series
        Values of the metric.
    level : float, optional
        Where the metric is best, from :meth:`Target.level_of`; None: at one of its ends.
    """
    if level is not None:
        return -abs(value - level)
    if HIGHER_IS_BETTER[metric]:
        return value
    return -value


def better_than_trivial(table: pd.DataFrame) -> pd.Series:
    """Say for each metric whether it is better than that of the trivial predictor.

    Parameters
    ----------
    table : DataFrame
        From ``estimator.evaluate``: columns ``value``, ``trivial``, ``higher_is_better``.

    Returns
    -------
    Series of str
        "yes", "no", "same" (in four significant digits), or "-" if there is no value, or if the
        metric is best at a level that the table does not hold.
    """
    larger = table["value"].gt(table["trivial"])
    better = larger.eq(table["higher_is_better"]).map({True: "yes", False: "no"})
    same = table["value"].map("{:.4g}".format).eq(table["trivial"].map("{:.4g}".format))
    no_answer = table["value"].isna() | table["metric"].isin(BEST_AT_A_LEVEL)
    return better.mask(same, "same").mask(no_answer, "-")


def disagreement(table: pd.DataFrame) -> str:
    """Explain why the main metric can be better than the trivial one while the loss is not.

    Parameters
    ----------
    table : DataFrame
        From ``estimator.evaluate``.

    Returns
    -------
    str
        A sentence with the tasks whose main metric and loss disagree; "" if there are none.
    """
    keys = []
    for name in ("data", "task"):
        if name in table:
            keys.append(name)
    judged = table.assign(better=better_than_trivial(table))
    tasks = []
    for key, rows in judged.groupby(keys, sort=False):
        of_loss = rows.loc[rows["metric"] == "loss", "better"]
        if {rows["better"].iloc[0], *of_loss} == {"yes", "no"}:
            tasks.append(str(key[-1]))
    if not tasks:
        return ""
    return (
        f"The main metric and the loss disagree for {', '.join(dict.fromkeys(tasks))}: training "
        "minimises the loss, which counts how far off a number is, or how sure of a class a wrong "
        "prediction is."
    )


def _rankable_classes(codes: np.ndarray, n_classes: int) -> list[int]:
    """Return the classes for which some rows have the class and others do not.

    With two classes, only the second one is considered.
    """
    counts = np.bincount(codes, minlength=n_classes)[:n_classes]
    if n_classes == 2:
        counts[0] = 0
    classes = []
    for c in np.flatnonzero((counts > 0) & (counts < len(codes))):
        classes.append(int(c))
    return classes
