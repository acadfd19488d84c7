"""Targets that are numbers: learned in units of their own mean and spread, answered in the user's."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from multitide.tasks._task import Target, Task


class StandardisedTarget(Target):
    """A target in standard units; mean and scale are float64, so that 1e9 + 0.5 is not 1e9.

    Attributes
    ----------
    mean, scale : Tensor of float64, shape ()
        Mean and standard deviation of the labels of the training rows, in the user's units.
    """

    mean: Tensor
    scale: Tensor

    def hold(self, n_outputs: int) -> None:
        """Make the buffers for so many outputs; `settle` and the kind's `learn` fill them."""
        self.n_outputs = n_outputs
        self.register_buffer("bias", torch.zeros(n_outputs))
        self.register_buffer("trivial_loss", torch.ones(()))
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    def settle(self, labels: np.ndarray) -> None:
        """Take mean and scale from labels, float64 of shape (n_labelled,), not all equal."""
        # In units of the largest one, so that neither a sum nor a square leaves the range of
        # float64.
        unit = np.abs(labels).max()
        self.mean.fill_((labels / unit).mean() * unit)
        self.scale.fill_(max((labels / unit).std() * unit, np.finfo(np.float64).tiny))

    def standardise(self, values: np.ndarray) -> np.ndarray:
        """Return values in standard units, of the same shape."""
        return (values - float(self.mean)) / float(self.scale)

    def to_config(self) -> dict[str, Any]:
        """Return nothing: the buffers hold it all."""
        return {}

    @classmethod
    def from_config(cls, task: Task, config: dict[str, Any]) -> Self:
        """Make an empty target; the buffers are filled by ``load_state_dict``."""
        return cls(task)
