"""The thresholds of an ensemble, chosen on samples that its fits have held out."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch

from multitide.ensemble._store import EnsembleResult
from multitide.fitting._decide import decide


def decided_mean(result: EnsembleResult) -> EnsembleResult:
    """Return an ensemble with thresholds for its calibrated mean, for tasks with a rule."""
    decisions = []
    for task, unseen in result.held_out.items():
        decoded = {task: torch.from_numpy(unseen.decoded)}
        calibrated = result.calibration(decoded)[task].numpy()
        target = copy.deepcopy(unseen.target)
        decisions += decide(target, unseen.truth, calibrated, unseen.weights)
    return replace(result, decisions=decisions)
