"""The confusion matrix: how often each class was predicted for each true class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from multitide.plot._style import check_labels, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_CLASSES = 20
MAX_CLASSES_WITH_COUNTS = 12
OTHERS = "(others)"


@dataclass(frozen=True)
class Confusion:
    """Counts of predicted classes per true class.

    Attributes
    ----------
    classes : list of str
        Numbers before text. Rare classes of many are combined, in the last place.
    counts : ndarray of int, shape (n_classes, n_classes)
        One row per true class, one column per predicted class.
    shares : ndarray, same shape
        The fractions of each row.
    """

    classes: list[str]
    counts: np.ndarray
    shares: np.ndarray


def confusion_table(measured: pd.Series, predicted: pd.Series) -> Confusion:
    """Count the predicted classes of each true class.

    Parameters
    ----------
    measured, predicted : Series, n_samples entries
        Labels (missing ones are left out) and predictions.
    """
    known = measured.notna().to_numpy()
    true, guessed = measured[known].map(_class_name), predicted[known].map(_class_name)
    frequent = pd.concat([true, guessed]).value_counts().index
    if len(frequent) > MAX_CLASSES:
        shown = set(frequent[: MAX_CLASSES - 1])
        true = true.where(true.isin(shown), OTHERS)
        guessed = guessed.where(guessed.isin(shown), OTHERS)
    classes = sorted({*true, *guessed}, key=_class_order)
    table = pd.crosstab(true.to_numpy(), guessed.to_numpy())
    counts = table.reindex(index=classes, columns=classes, fill_value=0).to_numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return Confusion(classes, counts, shares)


def confusion(measured: pd.Series, predicted: pd.Series, ax: Axes) -> Axes:
    """Draw the confusion matrix: one row per true class, shaded by its share, with counts.

    Parameters
    ----------
    measured, predicted : Series, n_samples entries
        Labels (missing ones are left out) and predictions. Rare classes of many are combined.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.

    Raises
    ------
    DataError
        If no sample has a label.
    """
    check_labels(measured.notna().to_numpy(), measured)
    table = confusion_table(measured, predicted)
    ax.imshow(table.shares, cmap="Blues", vmin=0, vmax=1)
    if len(table.classes) <= MAX_CLASSES_WITH_COUNTS:
        _write_counts(table, ax)
    places = range(len(table.classes))
    names = [short(name) for name in table.classes]
    ax.set_xticks(places, names, rotation=45, ha="right")
    ax.set_yticks(places, names)
    title = short(measured.name, max_letters=60)
    ax.set(xlabel="predicted", ylabel="measured", title=title)
    return ax


def _write_counts(table: Confusion, ax: Axes) -> None:
    for (row, column), count in np.ndenumerate(table.counts):
        if table.shares[row, column] > 0.5:
            color = "white"
        else:
            color = "black"
        ax.text(column, row, str(count), ha="center", va="center", color=color)


def _class_order(name: str) -> tuple[bool, float, str]:
    """Sort numbers before text, and the combined classes last."""
    try:
        return False, float(name), name
    except ValueError:
        return True, float(name == OTHERS), name


def _class_name(value: object) -> str:
    """Return a class as text: integers with gaps are stored as 1.0 where the user wrote 1."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
