"""Calibrating a fitted model on samples that it has not seen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import torch

from multitide.calibration._calibrated_label import CalibratedLabel
from multitide.calibration._calibration import Calibration
from multitide.calibration._calibrator import Calibrator
from multitide.calibration._choose import (
    Choice,
    choose_for_classes,
    choose_for_labels,
)
from multitide.calibration._column_map import ColumnMap
from multitide.calibration._conformity_of import conformity_of
from multitide.calibration._scores import Scores
from multitide.data._recordings import numbered_units, units_of_rows
from multitide.data._split_data import SplitData
from multitide.fitting._data_sets import labels_of
from multitide.fitting._fit_model import Fitted
from multitide.network._network import Predictor
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._multi_label import MultiLabelTarget
from multitide.tasks._task import Target
from multitide.training._decode_samples import decode_samples
from multitide.training._settings import Training

logger = logging.getLogger("multitide")

Rows = Literal["calibration", "validation"]
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
        What new samples will have others of; see `_units`.
    """

    target: Target
    truth: np.ndarray
    decoded: np.ndarray
    recordings: np.ndarray
    units: np.ndarray

    def rows(self, kept: np.ndarray) -> Unseen:
        """Return some of the rows, by a mask."""
        return replace(
            self,
            truth=self.truth[kept],
            decoded=self.decoded[kept],
            recordings=self.recordings[kept],
            units=self.units[kept],
        )


def calibrate(
    fitted: Fitted,
    data_sets: Sequence[SplitData],
    settings: Training,
    device: torch.device,
) -> None:
    """Calibrate a fitted model, on the calibration or the validation set.

    Probabilities are calibrated first, and then the scores of intervals and sets are taken.

    The validation set serves where there is no calibration set. It has chosen the epoch, so that
    predictions for it are slightly too good.

    Parameters
    ----------
    fitted : Fitted
        Its predictor gets the calibration.
    data_sets : sequence of SplitData
        What the networks read.
    settings : Training
        Says what is calibrated.
    device : torch.device
        Where to compute.
    """
    rows: Rows = "validation"
    predictor = fitted.before_refit
    if any(len(data.split.calibration) for data in data_sets):
        rows, predictor = "calibration", fitted.predictor
    with_probabilities = settings.calibrate == "auto"
    calibrators: dict[str, Calibrator] = {}
    scores: dict[str, Scores] = {}
    for name, unseen in _unseen(predictor, data_sets, rows, device).items():
        if rows == "calibration":
            fitted.n_labelled[name]["calibration"] = len(unseen.truth)
        if with_probabilities:
            calibrator, labels = _calibrated(unseen, rows)
            if calibrator is not None:
                calibrators[name] = calibrator
                fitted.calibrated += labels
                unseen = _after(calibrator, unseen)
        own = scores_of(unseen.target, unseen.truth, unseen.decoded, unseen.units)
        if own is not None:
            scores[name] = own
    for row in fitted.calibrated:
        _tell(row)
    fitted.predictor.calibration = Calibration(calibrators, scores).eval()


def scores_of(
    target: Target, truth: np.ndarray, decoded: np.ndarray, units: np.ndarray
) -> Scores | None:
    """Return the conformal scores of a task; None without labels, or for kinds without intervals.

    Parameters
    ----------
    target : Target
        The fitted task.
    truth, decoded : ndarray, n_rows rows
        Labels and predictions; each row has a label.
    units : ndarray, shape (n_rows,)
        As in :meth:`Scores.fitted`.
    """
    conformity = conformity_of(target)
    if conformity is None or not len(truth):
        return None
    return Scores.fitted(conformity.scores(truth, decoded), units)


def _after(calibrator: Calibrator, unseen: Unseen) -> Unseen:
    """Return the rows with calibrated predictions."""
    with torch.no_grad():
        decoded = calibrator(torch.from_numpy(unseen.decoded)).numpy()
    return replace(unseen, decoded=decoded)


def _calibrated(
    unseen: Unseen, rows: Rows
) -> tuple[Calibrator | None, list[CalibratedLabel]]:
    """Return the calibrator of a task, and what it does; None if none is better."""
    target = unseen.target
    if isinstance(target, ClassificationTarget):
        return _calibrated_classes(target, unseen, rows)
    if isinstance(target, MultiLabelTarget):
        return _calibrated_labels(target, unseen, rows)
    return None, []


def _calibrated_classes(
    target: ClassificationTarget, unseen: Unseen, rows: Rows
) -> tuple[Calibrator | None, list[CalibratedLabel]]:
    if target.task.class_weight is not None:
        return None, []
    unseen = unseen.rows(unseen.truth < target.n_outputs)
    choice = choose_for_classes(unseen.decoded, unseen.truth, unseen.recordings)
    if choice is None:
        return None, []
    return choice.map, [_label(target, "", choice, rows)]


def _calibrated_labels(
    target: MultiLabelTarget, unseen: Unseen, rows: Rows
) -> tuple[Calibrator | None, list[CalibratedLabel]]:
    found = choose_for_labels(unseen.decoded, unseen.truth, unseen.recordings)
    if found is None:
        return None, []
    calibrator, choices = found
    labels = []
    for column, choice in zip(target.task.columns, choices, strict=True):
        labels.append(_label(target, column, choice, rows))
    return calibrator, labels


def _label(
    target: Target,
    label: str,
    choice: Choice[Calibrator] | Choice[ColumnMap],
    rows: Rows,
) -> CalibratedLabel:
    return {
        "task": target.task.name,
        "label": label,
        "method": choice.map.kind,
        "rows": rows,
        "n_labels": choice.n_labels,
        "log_loss": choice.before,
        "calibrated_log_loss": choice.after,
    }


def _unseen(
    predictor: Predictor,
    data_sets: Sequence[SplitData],
    rows: Rows,
    device: torch.device,
) -> dict[str, Unseen]:
    """Return what the model predicts for the rows, by task, over all data sets."""
    parts: dict[str, list[Unseen]] = {}
    n_before = 0
    for data in data_sets:
        index = getattr(data.split, rows)
        if not len(index) or not predictor.networks_for(data.name):
            continue
        samples = data.samples[index]
        decoded = decode_samples(predictor, samples, device, data.name)
        recordings = numbered_units(data.samples, index) + n_before
        units = units_of_new(data, index) + n_before
        n_before += len(index)
        for name, values in decoded.items():
            target = predictor.target(name)
            truth = target.truth(labels_of(samples, target.task))
            unseen = Unseen(target, truth, values, recordings, units)
            parts.setdefault(name, []).append(unseen.rows(target.has_label(truth)))
    return {name: _joined(each) for name, each in parts.items()}


def units_of_new(data: SplitData, index: np.ndarray) -> np.ndarray:
    """Return the number of the unit of each row, of which new samples will have others.

    It is the group of a split by group, or the series. But if most of these are in the training set
    too, as with a split by time, new samples will be of the same ones, and each row is a unit.

    Parameters
    ----------
    data : SplitData
        The data set.
    index : ndarray of int, shape (n_rows,)
        The rows.

    Returns
    -------
    ndarray of int, shape (n_rows,)
    """
    codes, names = pd.factorize(pd.Series(units_of_rows(data.samples, index)))
    trained = pd.Index(units_of_rows(data.samples, data.split.train))
    if pd.Index(names).isin(trained).mean() >= MOST:
        return np.arange(len(index))
    return np.asarray(codes)


def _joined(parts: Sequence[Unseen]) -> Unseen:
    return Unseen(
        parts[0].target,
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.decoded for part in parts]),
        np.concatenate([part.recordings for part in parts]),
        np.concatenate([part.units for part in parts]),
    )


def _tell(row: CalibratedLabel) -> None:
    of_label = f", {row['label']}" if row["label"] else ""
    logger.info(
        "%s%s: calibrated by %s on %d labels of the %s set; log loss %.4f, was %.4f.",
        row["task"],
        of_label,
        row["method"],
        row["n_labels"],
        row["rows"],
        row["calibrated_log_loss"],
        row["log_loss"],
    )
