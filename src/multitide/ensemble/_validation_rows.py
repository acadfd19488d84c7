"""What an ensemble's members predict for the validation rows, from which weights are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from multitide.data._recordings import recordings_of_rows
from multitide.data._split_data import SplitData
from multitide.data._weights import joined_weights_of
from multitide.model._aligned import aligned
from multitide.network._network import Predictor
from multitide.tasks import Target, label_names
from multitide.training._decode_samples import Decoded


@dataclass(frozen=True)
class ValidationRows:
    """The validation rows of one task that all members have predicted.

    Attributes
    ----------
    labels : DataFrame, n_rows rows
        The columns of the task.
    groups : ndarray, shape (n_rows,)
        Rows that belong together.
    predictions : dict of str to ndarray, each of shape (n_rows, ...)
        By member, the mean of its fits that did not train on the row.
    weights : ndarray or None, shape (n_rows,)
        How much each row counts; None if all count alike.
    """

    labels: pd.DataFrame
    groups: np.ndarray
    predictions: dict[str, np.ndarray]
    weights: np.ndarray | None = None


class Held:
    """Sums of a member's predictions per validation row, over the fits that held the row out."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], np.ndarray] = {}
        self._counts: dict[tuple[str, str], np.ndarray] = {}

    def add(self, data: SplitData, task: str, values: np.ndarray) -> None:
        """Add the predictions of one fit for its validation set."""
        key = data.name, task
        if key not in self._sums:
            n_samples = len(data.samples)
            self._sums[key] = np.zeros((n_samples, *values.shape[1:]))
            self._counts[key] = np.zeros(n_samples, dtype=np.int64)
        self._sums[key][data.split.validation] += values
        self._counts[key][data.split.validation] += 1

    def rows(self, data: str, task: str) -> np.ndarray:
        """Return the rows of a data set with a prediction."""
        counts = self._counts.get((data, task))
        if counts is None:
            return np.array([], dtype=np.int64)
        return np.flatnonzero(counts)

    def mean(self, data: str, task: str, rows: np.ndarray) -> np.ndarray:
        """Return the mean predictions of some rows."""
        sums, counts = self._sums[data, task][rows], self._counts[data, task][rows]
        means: np.ndarray = sums / counts.reshape(-1, *[1] * (sums.ndim - 1))
        return means


def add_held_out(
    held: Held,
    decoded: Mapping[str, Decoded],
    data: Sequence[SplitData],
    predictor: Predictor,
    targets: Mapping[str, Target],
) -> None:
    """Add what one fit predicts for its validation set.

    Parameters
    ----------
    held : Held
        Of the member.
    decoded : mapping of str to Decoded
        The predictions for the validation samples, by data set.
    data : sequence of SplitData
        As the fit divided them.
    predictor : Predictor
        The fitted model, which knows the classes of the predictions.
    targets : mapping of str to Target
        The reference target of each task.
    """
    for each in data:
        matching = aligned(decoded[each.name], predictor, targets)
        for task, values in matching.items():
            held.add(each, task, values)


def validation_rows(
    held: Mapping[str, Held], data: Sequence[SplitData], target: Target
) -> ValidationRows | None:
    """Return the rows of a task that every member predicts; None if there is no label in them."""
    name = target.task.name
    columns = label_names([target.task])
    labels, groups, having = [], [], []
    predictions: dict[str, list[np.ndarray]] = {member: [] for member in held}
    for each in data:
        rows = common_rows(held, each, name)
        if not len(rows) or not set(columns) <= set(each.samples.y):
            continue
        having.append(each.samples[rows])
        labels.append(having[-1].y[columns])
        recordings = recordings_of_rows(each.samples, rows)
        groups.append(np.char.add(f"{each.name} ", recordings.astype(str)))
        for member, own in held.items():
            predictions[member].append(own.mean(each.name, name, rows))
    if not labels or not any(each.notna().any(axis=None) for each in labels):
        return None
    joined = {member: np.concatenate(parts) for member, parts in predictions.items()}
    return ValidationRows(
        pd.concat(labels, ignore_index=True),
        np.concatenate(groups),
        joined,
        joined_weights_of(having, name),
    )


def common_rows(held: Mapping[str, Held], data: SplitData, task: str) -> np.ndarray:
    """Return the rows of a data set that every member predicts."""
    rows = np.arange(len(data.samples))
    for own in held.values():
        rows = np.intersect1d(rows, own.rows(data.name, task))
    return rows
