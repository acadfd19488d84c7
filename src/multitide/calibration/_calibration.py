"""All that a model has learned from its calibration set, as one module."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from multitide.calibration._calibrator import Calibrator
from multitide.calibration._scores import Scores


class Calibration(nn.Module):
    """The calibrators of a model's tasks, and the scores that its intervals are made of.

    Tasks without a calibrator keep their probabilities.

    Parameters
    ----------
    calibrators : mapping of str to Calibrator, optional
        By task.
    scores : mapping of str to Scores, optional
        By task; of calibrated predictions.

    Attributes
    ----------
    tasks, scored : list of str
        The calibrated tasks, and those with scores. Modules are numbered, because the name of a
        task may be any text.
    """

    def __init__(
        self,
        calibrators: Mapping[str, Calibrator] | None = None,
        scores: Mapping[str, Scores] | None = None,
    ) -> None:
        super().__init__()
        calibrators, scores = calibrators or {}, scores or {}
        self.tasks, self.scored = list(calibrators), list(scores)
        self.of_tasks = nn.ModuleList(calibrators.values())
        self.of_scores = nn.ModuleList(scores.values())

    @property
    def by_task(self) -> dict[str, Calibrator]:
        """The calibrators by task, typed."""
        by_task = {}
        for name, calibrator in zip(self.tasks, self.of_tasks, strict=True):
            if isinstance(calibrator, Calibrator):
                by_task[name] = calibrator
        return by_task

    @property
    def scores(self) -> dict[str, Scores]:
        """The scores by task, typed."""
        by_task = {}
        for name, scores in zip(self.scored, self.of_scores, strict=True):
            if isinstance(scores, Scores):
                by_task[name] = scores
        return by_task

    def forward(self, decoded: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return predictions by task with calibrated probabilities."""
        calibrated = dict(decoded)
        for name, calibrator in self.by_task.items():
            if name in decoded:
                calibrated[name] = calibrator(decoded[name])
        return calibrated

    @torch.no_grad()
    def of_arrays(self, decoded: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return predictions by task, as arrays, with calibrated probabilities."""
        calibrated = dict(decoded)
        for name, calibrator in self.by_task.items():
            if name in decoded:
                found = calibrator(torch.from_numpy(decoded[name]))
                calibrated[name] = found.numpy()
        return calibrated
