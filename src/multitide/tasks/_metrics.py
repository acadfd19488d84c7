"""Figures of merit of one task on its labelled rows; a figure that the rows do not define is NaN, never an error.

Names are scikit-learn's where it has one. Classes are positions: 0 ... n_classes - 1 are those of
the training rows (the columns of the probabilities), larger ones were never seen there, so that
they count as wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn import metrics as sk

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

# Predictions are float32: nothing nearer to 0 can be told from it. scikit-learn clips float32
# there, too.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


def classification_metrics(codes: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Compare class probabilities with classes.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        The true classes, all measured.
    probabilities : ndarray, shape (n_samples, n_classes)
        Probabilities of the classes that training knew.

    Returns
    -------
    dict of str to float
        ``roc_auc`` and ``average_precision`` speak of the second class of two, and are means over
        the classes present (one against the rest) when there are more.
    """
    if not len(codes) or not np.isfinite(probabilities).all():
        return dict.fromkeys(CLASSIFICATION, np.nan)
    predicted = probabilities.argmax(axis=1)
    ranked = _one_against_rest(codes, probabilities.shape[1])
    return {
        "accuracy": sk.accuracy_score(codes, predicted),
        # The mean recall over the classes that are there; scikit-learn's own function warns about
        # the others.
        "balanced_accuracy": sk.recall_score(
            codes, predicted, labels=np.unique(codes), average="macro", zero_division=0.0
        ),
        "f1_macro": sk.f1_score(codes, predicted, average="macro", zero_division=0.0),
        "roc_auc": mean([sk.roc_auc_score(codes == c, probabilities[:, c]) for c in ranked]),
        "average_precision": mean(
            [sk.average_precision_score(codes == c, probabilities[:, c]) for c in ranked]
        ),
        "log_loss": float(log_losses(codes, probabilities).mean()),
    }


def log_losses(codes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return minus the log of the probability that each row's true class was given, float64 (n_samples,)."""
    known = codes < probabilities.shape[1]
    true = np.where(
        known,
        np.take_along_axis(probabilities, np.where(known, codes, 0)[:, None], axis=1)[:, 0],
        0.0,
    )
    return -np.log(np.clip(true.astype(np.float64), SMALLEST_PROBABILITY, 1.0))


def regression_metrics(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Compare numbers with numbers.

    Parameters
    ----------
    labels, predictions : ndarray, shape (n_samples,)
        In the user's units; all labels are measured.

    Returns
    -------
    dict of str to float
        ``mape`` is a fraction, over the rows whose label is not zero; ``r2`` needs two different
        labels.
    """
    if not len(labels) or not np.isfinite(predictions).all():
        return dict.fromkeys(REGRESSION, np.nan)
    nonzero = labels != 0
    mape = (
        sk.mean_absolute_percentage_error(labels[nonzero], predictions[nonzero])
        if nonzero.any()
        else np.nan
    )
    with np.errstate(
        over="ignore"
    ):  # a prediction that is absurdly far away has an infinite error, and that is that
        return {
            "rmse": sk.root_mean_squared_error(labels, predictions),
            "mae": sk.mean_absolute_error(labels, predictions),
            "r2": sk.r2_score(labels, predictions) if np.ptp(labels) > 0 else np.nan,
            "mape": mape,
        }


def quantile_metrics(
    labels: np.ndarray, predictions: np.ndarray, quantiles: Sequence[float]
) -> dict[str, float]:
    """Measure predicted quantiles, all labels measured.

    Parameters
    ----------
    labels : ndarray, shape (n_samples,)
        In the user's units.
    predictions : ndarray, shape (n_samples, n_quantiles)
        In the user's units, ascending.
    quantiles : sequence of float
        Their levels.

    Returns
    -------
    dict of str to float
        ``pinball``, the mean over the quantiles; ``coverage``, the share of labels between the
        outermost quantiles, which should be the difference of their levels; ``width``, the mean
        distance between these two.
    """
    if not len(labels) or not np.isfinite(predictions).all():
        return dict.fromkeys(QUANTILE, np.nan)
    low, high = predictions[:, 0], predictions[:, -1]
    losses = [
        sk.mean_pinball_loss(labels, predictions[:, i], alpha=level)
        for i, level in enumerate(quantiles)
    ]
    inside = (low <= labels) & (labels <= high)
    return {
        "pinball": float(np.mean(losses)),
        "coverage": float(inside.mean()),
        "width": float((high - low).mean()),
    }


def multi_label_metrics(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Compare several yes/no answers a row with their probabilities; what nobody knows counts nowhere.

    Parameters
    ----------
    truth : ndarray, shape (n_samples, n_labels)
        1 for yes, 0 for no, NaN for what nobody knows; every row has at least one answer.
    probabilities : ndarray, shape (n_samples, n_labels)
        Of yes.

    Returns
    -------
    dict of str to float
        ``f1_macro`` (of yes), ``roc_auc`` and ``average_precision`` are means over the labels that
        define them; ``exact_match`` is the share of rows whose known answers are all right,
        ``hamming_loss`` the share of wrong ones among all known answers, ``log_loss`` their mean.
    """
    if not len(truth) or not np.isfinite(probabilities).all():
        return dict.fromkeys(MULTI_LABEL, np.nan)
    known = ~np.isnan(truth)
    said = probabilities > 0.5
    wrong = known & (said != (truth == 1))
    columns = [
        (truth[rows, i] == 1, probabilities[rows, i], said[rows, i])
        for i, rows in enumerate(known.T)
    ]
    ranked = [(yes, p) for yes, p, _ in columns if 0 < yes.sum() < len(yes)]
    costs = np.where(
        truth == 1, -np.log(clipped(probabilities)), -np.log(clipped(1 - probabilities))
    )
    return {
        "f1_macro": mean(
            [sk.f1_score(yes, answer) for yes, _, answer in columns if yes.any() or answer.any()]
        ),
        "roc_auc": mean([sk.roc_auc_score(yes, p) for yes, p in ranked]),
        "average_precision": mean([sk.average_precision_score(yes, p) for yes, p in ranked]),
        "exact_match": float((~wrong.any(axis=1)).mean()),
        "hamming_loss": float(wrong.sum() / known.sum()),
        "log_loss": float(costs[known].mean()),
    }


def forecast_metrics(truth: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Compare the next steps with their forecasts, all known steps of all rows alike.

    Parameters
    ----------
    truth, predictions : ndarray, shape (n_samples, horizon)
        In the user's units; NaN in `truth` where nobody measured.
    """
    known = ~np.isnan(truth)
    found = regression_metrics(truth[known], predictions[known])
    return {name: found[name] for name in FORECAST}


def clipped(probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities as float64, none nearer to 0 than can be told."""
    return np.clip(probabilities.astype(np.float64), SMALLEST_PROBABILITY, 1.0)


def metric_table(
    values: Mapping[str, float], trivial: Mapping[str, float], n_labelled: Mapping[str, int]
) -> pd.DataFrame:
    """Return one row a metric: its value, that of the trivial predictor, and the rows that it rests on."""
    names = list(values)
    return pd.DataFrame(
        {
            "metric": names,
            "value": [float(values[name]) for name in names],
            "trivial": [float(trivial[name]) for name in names],
            "n_labelled": [int(n_labelled[name]) for name in names],
            "higher_is_better": [HIGHER_IS_BETTER[name] for name in names],
        }
    )


def _one_against_rest(codes: np.ndarray, n_classes: int) -> list[int]:
    """Return the classes that can be ranked against the rest: of two the second one, and only with both sides there."""
    candidates = [1] if n_classes == 2 else range(n_classes)
    return [c for c in candidates if 0 < np.count_nonzero(codes == c) < len(codes)]


def mean(values: np.ndarray | list[float]) -> float:
    """Return the mean, and NaN of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")


def better_than_trivial(table: pd.DataFrame) -> pd.Series:
    """Say of each figure whether it is better than that of the constant answer.

    Parameters
    ----------
    table : DataFrame
        From ``estimator.evaluate``: columns ``value``, ``trivial``, ``higher_is_better``.

    Returns
    -------
    Series of str
        "yes", "no", "same" (in four significant digits), or "-" where there is no value.
    """
    better = (
        table["value"]
        .gt(table["trivial"])
        .eq(table["higher_is_better"])
        .map({True: "yes", False: "no"})
    )
    same = table["value"].map("{:.4g}".format).eq(table["trivial"].map("{:.4g}".format))
    return better.mask(same, "same").mask(table["value"].isna(), "-")
