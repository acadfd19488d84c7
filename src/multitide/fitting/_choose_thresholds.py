"""The thresholds of a fitted model, chosen on samples that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

from multitide.data._split_data import SplitData
from multitide.fitting._decide import decide, has_rule, set_decisions
from multitide.fitting._fit_model import Fitted
from multitide.fitting._unseen import Unseen, joined, unseen_rows
from multitide.training._decode_samples import decode_samples

Rows = Literal["calibration", "validation"]


def choose_thresholds(
    fitted: Fitted, data_sets: Sequence[SplitData], device: torch.device
) -> None:
    """Choose the thresholds of tasks with a rule, by calibrated probabilities.

    They are chosen on the calibration set or, without one, on the validation set as the model
    predicts it that was not refitted to it.

    Parameters
    ----------
    fitted : Fitted
        Its predictor gets the thresholds.
    data_sets : sequence of SplitData
        What the networks read.
    device : torch.device
        Where to compute.
    """
    tasks = set()
    for network in fitted.predictor.network_list:
        for target in network.target_list:
            if has_rule(target.task):
                tasks.add(target.task.name)
    if not tasks:
        return
    for name, parts in _unseen(fitted, data_sets, device).items():
        if name in tasks:
            unseen = joined(parts)
            fitted.decisions += decide(
                unseen.target, unseen.truth, unseen.decoded, unseen.weights
            )
    set_decisions(fitted.predictor, fitted.decisions)


def _unseen(
    fitted: Fitted, data_sets: Sequence[SplitData], device: torch.device
) -> dict[str, list[Unseen]]:
    """Return what the calibrated model predicts for rows that it has not seen, by task."""
    rows: Rows = "validation"
    predictor = fitted.before_refit
    if any(len(data.split.calibration) for data in data_sets):
        rows, predictor = "calibration", fitted.predictor
    predictor.calibration = fitted.predictor.calibration
    parts: dict[str, list[Unseen]] = {}
    for data in data_sets:
        index = getattr(data.split, rows)
        if not len(index) or not predictor.networks_for(data.name):
            continue
        decoded = decode_samples(predictor, data.samples[index], device, data.name)
        for name, values in decoded.items():
            own = unseen_rows(predictor.target(name), data, index, values)
            parts.setdefault(name, []).append(own)
    return parts
