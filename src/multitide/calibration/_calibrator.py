"""The interface of a calibrator: a map from the decoded probabilities of a task to better ones."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from multitide.tasks._smallest_probability import SMALLEST_PROBABILITY


class Calibrator(nn.Module, ABC):
    """Maps the decoded probabilities of a task to calibrated ones of the same shape and dtype.

    It reads probabilities instead of a network's outputs, so that it applies to means of networks
    and trees, too. What it has learned is in its buffers.
    """

    kind: str

    @abstractmethod
    def forward(self, probabilities: Tensor) -> Tensor:
        """Return calibrated probabilities, (batch, n_classes) or (batch, n_labels)."""


def log_probabilities(probabilities: Tensor) -> Tensor:
    """Return logarithms in float64, none below that of `SMALLEST_PROBABILITY`."""
    return probabilities.double().clamp(min=SMALLEST_PROBABILITY).log()
