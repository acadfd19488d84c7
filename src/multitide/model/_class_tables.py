"""What a classifier gets right, class by class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data._weights import weights_of
from multitide.errors import DataError
from multitide.fitting._data_sets import labels_of
from multitide.tasks import ClassificationTarget, MultiLabelTarget, Target

COLUMNS = ["precision", "recall", "f1", "support", "predicted"]


def class_table(
    target: Target, samples: Samples, decoded: np.ndarray
) -> pd.DataFrame | None:
    """Return a row per class, or per label of a multi-label task; None for numbers.

    Parameters
    ----------
    target : Target
    samples : Samples
        With labels.
    decoded : ndarray
        Predictions for these samples, as the target decodes them.
    """
    if isinstance(target, MultiLabelTarget):
        return _label_table(target, samples, decoded)
    rows = _classes(target, samples, decoded)
    if rows is None or not isinstance(target, ClassificationTarget):
        return None
    from sklearn import metrics as sk  # not imported for a prediction

    true, predicted, weights, names = rows
    codes = np.arange(len(names))
    scores = sk.precision_recall_fscore_support(
        true, predicted, labels=codes, sample_weight=weights, zero_division=np.nan
    )
    table = pd.DataFrame(dict(zip(COLUMNS, scores[:3], strict=False)))
    table["support"] = np.bincount(true, minlength=len(names))
    table["predicted"] = np.bincount(predicted, minlength=len(names))
    return table.set_index(pd.Index(names, name=target.task.name))


def confusion_matrix(
    target: Target, samples: Samples, decoded: np.ndarray
) -> pd.DataFrame | None:
    """Return a row per true class and a column per predicted one; None for other tasks.

    Parameters
    ----------
    target, samples, decoded
        As in :func:`class_table`.
    """
    rows = _classes(target, samples, decoded)
    if rows is None or not isinstance(target, ClassificationTarget):
        return None
    from sklearn import metrics as sk  # not imported for a prediction

    true, predicted, weights, names = rows
    codes = np.arange(len(names))
    counts = sk.confusion_matrix(true, predicted, labels=codes, sample_weight=weights)
    table = pd.DataFrame(counts, pd.Index(names, name="true"), pd.Index(names))
    # A class that training has not seen is never predicted.
    return table.iloc[:, : target.n_outputs].rename_axis(columns="predicted")


def _classes(
    target: Target, samples: Samples, decoded: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, list[object]] | None:
    """Return the true and predicted classes of the labelled rows, weights, and class names."""
    if not isinstance(target, ClassificationTarget):
        return None
    codes, unseen = target.positions(_labels(target, samples))
    known = codes >= 0
    weights = weights_of(samples, target.task.name)
    if weights is not None:
        weights = weights[known]
    predicted = target.decide(decoded[known])
    return codes[known], predicted, weights, [*target.classes, *unseen]


def _label_table(
    target: MultiLabelTarget, samples: Samples, decoded: np.ndarray
) -> pd.DataFrame:
    from sklearn import metrics as sk  # not imported for a prediction

    truth = target.truth(_labels(target, samples))
    weights = weights_of(samples, target.task.name)
    rows = []
    for i, said in enumerate(target.decide(decoded).T):
        known = ~np.isnan(truth[:, i])
        yes, said_yes = truth[known, i] == 1, said[known]
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            yes,
            said_yes,
            average="binary",
            sample_weight=None if weights is None else weights[known],
            zero_division=np.nan,
        )
        rows.append([precision, recall, f1, int(yes.sum()), int(said_yes.sum())])
    names = pd.Index(target.task.columns, name=target.task.name)
    return pd.DataFrame(rows, columns=COLUMNS, index=names)


def _labels(target: Target, samples: Samples) -> pd.DataFrame:
    labels = labels_of(samples, target.task)
    if not labels.notna().any(axis=None):
        raise DataError(
            f"`y` must have labels of {target.task.name!r}; got none in {len(samples)} samples."
        )
    return labels
