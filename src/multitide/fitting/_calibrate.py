"""Calibrating a fitted model on samples that it has not seen."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from multitide.calibration._conformity_of import conformity_of
from multitide.calibration._scores import Scores
from multitide.calibration._size_link import size_link
from multitide.data._split_data import SplitData
from multitide.errors import MultitideWarning
from multitide.fitting._fit_model import Fitted
from multitide.fitting._free_of_class_weights import (
    free_of_class_weights,
    targets_of,
)
from multitide.fitting._unseen import Unseen, joined, unseen_rows
from multitide.network._network import Predictor
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._multi_label import MultiLabelTarget
from multitide.tasks._task import Target
from multitide.training._decode_samples import decode_samples
from multitide.training._settings import Training

LEVEL = 0.9  # at which coverage is looked at

logger = logging.getLogger("multitide")

Rows = Literal["calibration", "validation"]


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
    unseen = _unseen(predictor, data_sets, rows, device)
    if rows == "calibration":
        for name, own in unseen.items():
            fitted.n_labelled[name]["calibration"] = len(own.truth)
    calibration, fitted.calibrated = calibration_of(unseen, rows, settings)
    for each in (fitted.predictor, fitted.before_refit):
        each.calibration = calibration
    free_of_class_weights(targets_of(fitted.predictor), fitted.calibrated)


def calibration_of(
    unseen: Mapping[str, Unseen], rows: Rows, settings: Training
) -> tuple[Calibration, list[CalibratedLabel]]:
    """Return what can be learned from predictions for unseen rows, by task, and what it changes.

    Parameters
    ----------
    unseen : mapping of str to Unseen
        By task.
    rows : {"calibration", "validation"}
        The set that they are of.
    settings : Training
        Says what is calibrated.
    """
    calibrators: dict[str, Calibrator] = {}
    scores: dict[str, Scores] = {}
    calibrated: list[CalibratedLabel] = []
    for name, given in unseen.items():
        own = given
        if settings.calibrate == "auto":
            calibrator, labels = _calibrated(own, rows)
            if calibrator is not None:
                calibrators[name] = calibrator
                calibrated += labels
                own = _after(calibrator, own)
        of_task = scores_of(own)
        if of_task is not None:
            scores[name] = of_task
    for row in calibrated:
        _tell(row)
    return Calibration(calibrators, scores).eval(), calibrated


def scores_of(unseen: Unseen) -> Scores | None:
    """Return the conformal scores of a task; None for kinds that have none.

    Also None if the task, or a label of it, has no labels here: no level would be supported.
    """
    conformity = conformity_of(unseen.target)
    if conformity is None or not len(unseen.truth):
        return None
    scores = conformity.scores(unseen.truth, unseen.decoded)
    if np.isnan(scores).all(axis=0).any():
        logger.info(
            "%s has no intervals: a label of it is missing in all held-out samples.",
            unseen.target.task.name,
        )
        return None
    fitted = Scores.fitted(scores, unseen.units, unseen.weights)
    _warn_of_sizes(unseen, scores, fitted)
    return fitted


def _warn_of_sizes(unseen: Unseen, scores: np.ndarray, fitted: Scores) -> None:
    """Warn if intervals cover large recordings less, or more, than small ones."""
    quantiles = fitted.quantiles(LEVEL)
    if np.isinf(quantiles).any():
        return
    link = size_link(scores, quantiles, unseen.units, unseen.weights)
    if link.is_linked:
        warnings.warn(
            f"Longer recordings have other errors in {unseen.target.task.name!r} than shorter "
            "ones. Its intervals have their level for a row of a random recording, not for a "
            "random row.",
            MultitideWarning,
            stacklevel=2,
        )


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
    unseen = unseen.rows(unseen.truth < target.n_outputs)
    choice = choose_for_classes(
        unseen.decoded,
        unseen.truth,
        unseen.recordings,
        unseen.weights,
        may_shift=target.task.class_weight is not None,
    )
    if choice is None:
        return None, []
    return choice.map, [_label(target, "", choice, rows)]


def _calibrated_labels(
    target: MultiLabelTarget, unseen: Unseen, rows: Rows
) -> tuple[Calibrator | None, list[CalibratedLabel]]:
    found = choose_for_labels(
        unseen.decoded, unseen.truth, unseen.recordings, unseen.weights
    )
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
        decoded = decode_samples(predictor, data.samples[index], device, data.name)
        for name, values in decoded.items():
            target = predictor.target(name)
            parts.setdefault(name, []).append(
                unseen_rows(target, data, index, values, n_before)
            )
        n_before += len(index)
    return {name: joined(each) for name, each in parts.items()}


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
