"""What a model predicts for labelled rows that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from multitide.data._recordings import numbered_units, units_of_rows
from multitide.data._split_data import SplitData
from multitide.data._weights import weights_of
from multitide.fitting._data_sets import labels_of
from multitide.tasks._task import Target

MOST = 0.5  # of the units


@dataclass(frozen=True)
class Unseen:
    """What a model predicts for the labelled rows of a task that it has not seen.

    Attributes
    ----------
    target : Target
        The fitted task.
    truth, decoded : ndarray, n_rows rows
        Labels as `Target.truth` returns them, and predictions.
    recordings : ndarray of int, shape (n_rows,)
        Rows that err together; blocks of rows if recordings are few.
    units : ndarray of int, shape (n_rows,)
        What new samples will have others of; see :func:`are_whole`.
    weights : ndarray or None, shape (n_rows,)
        How much each row counts; None if all count alike.
    """

    target: Target
    truth: np.ndarray
    decoded: np.ndarray
    recordings: np.ndarray
    units: np.ndarray
    weights: np.ndarray | None = None

    def rows(self, kept: np.ndarray) -> Unseen:
        """Return some of the rows, by a mask."""
        return replace(
            self,
            truth=self.truth[kept],
            decoded=self.decoded[kept],
            recordings=self.recordings[kept],
            units=self.units[kept],
            weights=None if self.weights is None else self.weights[kept],
        )


def unseen_rows(
    target: Target,
    data: SplitData,
    index: np.ndarray,
    decoded: np.ndarray,
    n_before: int = 0,
    whole: bool | None = None,
) -> Unseen:
    """Return the labelled ones of some rows of a data set, with what a model predicts for them.

    Rows of weight 0 count as rows without a label.

    Parameters
    ----------
    target : Target
        The task.
    data : SplitData
        The data set.
    index : ndarray of int, shape (n_rows,)
        The rows.
    decoded : ndarray, n_rows rows
        The predictions.
    n_before : int, default=0
        Number of rows of other data sets, whose recordings have smaller numbers.
    whole : bool, optional
        Whether units were held out whole; by default, that of these rows.
    """
    labels = labels_of(data.samples, target.task).iloc[index].reset_index(drop=True)
    truth = target.truth(labels)
    recordings = numbered_units(data.samples, index)
    if whole is None:
        whole = are_whole(data, index)
    units = np.arange(len(index))
    if whole:
        units = pd.factorize(pd.Series(units_of_rows(data.samples, index)))[0]
    weights = weights_of(data.samples, target.task.name)
    everything = Unseen(
        target,
        truth,
        decoded,
        recordings + n_before,
        units + n_before,
        None if weights is None else weights[index],
    )
    known = target.has_label(truth)
    if weights is not None:
        known &= weights[index] > 0
    return everything.rows(known)


def are_whole(data: SplitData, index: np.ndarray) -> bool:
    """Return whether most units of some rows are not in the training set.

    A unit is a group of a split by group, or a series. If they are in the training set too, as with
    a split by time, new samples will be of the same ones, and each row counts alone.
    """
    units = pd.Index(units_of_rows(data.samples, index)).unique()
    trained = pd.Index(units_of_rows(data.samples, data.split.train))
    return bool(units.isin(trained).mean() < MOST)


def joined(parts: Sequence[Unseen]) -> Unseen:
    """Return the rows of all parts, which are of one task."""
    return Unseen(
        parts[0].target,
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.decoded for part in parts]),
        np.concatenate([part.recordings for part in parts]),
        np.concatenate([part.units for part in parts]),
        _joined_weights(parts),
    )


def _joined_weights(parts: Sequence[Unseen]) -> np.ndarray | None:
    if all(part.weights is None for part in parts):
        return None
    weights = []
    for part in parts:
        own = part.weights
        weights.append(np.ones(len(part.truth)) if own is None else own)
    joined_weights: np.ndarray = np.concatenate(weights)
    return joined_weights
