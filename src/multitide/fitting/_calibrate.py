"""Calibrating a fitted model on samples that it has not seen."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
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
from multitide.data._recordings import numbered_units
from multitide.data._split_data import SplitData
from multitide.fitting._data_sets import labels_of
from multitide.fitting._fit_model import Fitted
from multitide.network._network import Predictor
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._multi_label import MultiLabelTarget
from multitide.tasks._task import Target
from multitide.training._decode_samples import decode_samples

logger = logging.getLogger("multitide")

Rows = Literal["calibration", "validation"]


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
        Rows that belong together.
    """

    target: Target
    truth: np.ndarray
    decoded: np.ndarray
    recordings: np.ndarray

    def known(self) -> Unseen:
        """Return the rows with a class that training has seen."""
        kept = self.truth < self.target.n_outputs
        return Unseen(
            self.target, self.truth[kept], self.decoded[kept], self.recordings[kept]
        )


def calibrate(
    fitted: Fitted, data_sets: Sequence[SplitData], device: torch.device
) -> None:
    """Calibrate the probabilities of a fitted model, on the calibration or the validation set.

    The validation set serves where there is no calibration set. It has chosen the epoch, so that
    predictions for it are slightly too good.

    Parameters
    ----------
    fitted : Fitted
        Its predictor gets the calibration.
    data_sets : sequence of SplitData
        What the networks read.
    device : torch.device
        Where to compute.
    """
    rows: Rows = "validation"
    predictor = fitted.before_refit
    if any(len(data.split.calibration) for data in data_sets):
        rows, predictor = "calibration", fitted.predictor
    calibrators: dict[str, Calibrator] = {}
    for name, unseen in _unseen(predictor, data_sets, rows, device).items():
        calibrator, labels = _calibrated(unseen, rows)
        if calibrator is not None:
            calibrators[name] = calibrator
            fitted.calibrated += labels
        if rows == "calibration":
            fitted.n_labelled[name]["calibration"] = len(unseen.truth)
    for row in fitted.calibrated:
        _tell(row)
    fitted.predictor.calibration = Calibration(calibrators).eval()


def _calibrated(
    unseen: Unseen, rows: Rows
) -> tuple[Calibrator | None, list[CalibratedLabel]]:
    """Return the calibrator of a task, and what it does; None if none is better."""
    target = unseen.target
    if isinstance(target, ClassificationTarget):
        return _calibrated_classes(target, unseen.known(), rows)
    if isinstance(target, MultiLabelTarget):
        return _calibrated_labels(target, unseen, rows)
    return None, []


def _calibrated_classes(
    target: ClassificationTarget, unseen: Unseen, rows: Rows
) -> tuple[Calibrator | None, list[CalibratedLabel]]:
    if target.task.class_weight is not None:
        return None, []
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
    n_recordings = 0
    for data in data_sets:
        index = getattr(data.split, rows)
        if not len(index) or not predictor.networks_for(data.name):
            continue
        samples = data.samples[index]
        decoded = decode_samples(predictor, samples, device, data.name)
        recordings = numbered_units(data.samples, index) + n_recordings
        n_recordings = int(recordings.max()) + 1
        for name, values in decoded.items():
            target = predictor.target(name)
            truth = target.truth(labels_of(samples, target.task))
            known = target.has_label(truth)
            parts.setdefault(name, []).append(
                Unseen(target, truth[known], values[known], recordings[known])
            )
    return {name: _joined(each) for name, each in parts.items()}


def _joined(parts: Sequence[Unseen]) -> Unseen:
    return Unseen(
        parts[0].target,
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.decoded for part in parts]),
        np.concatenate([part.recordings for part in parts]),
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
