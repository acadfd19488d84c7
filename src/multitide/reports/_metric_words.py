"""What the metrics on a page mean, in words."""

from __future__ import annotations

from collections.abc import Iterable

METRIC_WORDS = {
    "accuracy": "share of the samples whose class is predicted",
    "balanced_accuracy": "mean over the classes of the share that is predicted",
    "precision": "share of those predicted as positive that are",
    "recall": "share of the positive samples that are predicted as such",
    "f1": "harmonic mean of precision and recall",
    "f1_macro": "mean over the classes of F1, the harmonic mean of precision and recall",
    "roc_auc": "how often a sample of a class has a higher probability of it than another sample; "
    "0.5 by chance",
    "average_precision": "mean precision over all thresholds",
    "log_loss": "mean of -log of the probability of what was true",
    "brier": "mean squared error of the probabilities",
    "ece": "expected calibration error: how far probabilities are from frequencies",
    "rmse": "root of the mean squared error, in units of the label",
    "mae": "mean absolute error, in units of the label",
    "r2": "share of the variance that is explained; 1 is perfect",
    "mape": "mean absolute error as a fraction of the label",
    "pinball": "mean loss of the quantiles, in units of the label",
    "coverage": "share of the labels between the outermost quantiles",
    "width": "mean distance of these quantiles, in units of the label",
    "exact_match": "share of the samples whose answers are all right",
    "hamming_loss": "share of all answers that are wrong",
    "persistence_rmse": "RMSE of the last value as the forecast",
    "skill": "share of the squared error of the last value that the forecast avoids",
    "nasa_score": "sum of exponential costs, in which late predictions cost more than early ones",
    "rmse_over_std": "RMSE in units of the standard deviation of the labels",
    "c_index": "share of pairs whose events are predicted in the right order; 0.5 by chance",
    "integrated_brier": "mean squared error of the survival curve, over time",
    "loss": "what training lowers, in units of the loss of the best constant prediction",
}


def metric_words(names: Iterable[str]) -> dict[str, str]:
    """Return the meanings of metrics by name, without those that users have defined."""
    found = {}
    for name in names:
        if name in METRIC_WORDS:
            found[name] = METRIC_WORDS[name]
    return found
