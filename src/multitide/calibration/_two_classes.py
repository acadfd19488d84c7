"""The calibrator of a task with two classes."""

from __future__ import annotations

import torch
from torch import Tensor

from multitide.calibration._calibrator import Calibrator, log_probabilities
from multitide.calibration._column_map import ColumnMap


class TwoClasses(Calibrator):
    """Maps the probability of the second class; that of the first is the rest.

    Parameters
    ----------
    of_second : ColumnMap
        The map.
    """

    def __init__(self, of_second: ColumnMap) -> None:
        super().__init__()
        self.of_second = of_second
        self.kind = of_second.kind

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return calibrated probabilities, (batch, 2)."""
        logs = log_probabilities(probabilities)
        second = self.of_second(logs[:, 1] - logs[:, 0])
        return torch.stack([1 - second, second], dim=1).to(probabilities.dtype)
