"""Numeric targets: trained on standardised labels, decoded to the units of the user."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from multitide._weighted_mean import weighted_mean
from multitide.tasks._task import Target, TargetConfig


class StandardisedTarget(Target):
    """A target in standard units.

    Mean and scale are float64: in float32, 1e9 + 0.5 would be rounded to 1e9.

    Attributes
    ----------
    mean, scale : Tensor of float64, shape ()
        Mean and standard deviation of the training labels, in the units of the user.
    """

    mean: Tensor
    scale: Tensor

    def add_buffers(self, n_outputs: int) -> None:
        """Create the buffers; `fit_scale` and the `learn` method of a subclass fill them."""
        self.n_outputs = n_outputs
        self.register_buffer("bias", torch.zeros(n_outputs))
        self.register_buffer("trivial_loss", torch.ones(()))
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    def fit_scale(self, labels: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Compute mean and scale of labels and their weights, float64 of shape (n_labelled,).

        The labels are not all equal.
        """
        # Divided by the largest label first, so that neither sums nor squares overflow.
        unit = np.abs(labels).max()
        small = labels / unit
        if weights is None:
            mean, deviation = small.mean(), small.std()
        else:
            mean = weighted_mean(small, weights)
            deviation = np.sqrt(weighted_mean((small - mean) ** 2, weights))
        self.mean.fill_(mean * unit)
        self.scale.fill_(max(deviation * unit, np.finfo(np.float64).tiny))

    def standardise(self, values: np.ndarray) -> np.ndarray:
        """Return values in standard units, of the same shape."""
        return (values - float(self.mean)) / float(self.scale)

    def to_config(self) -> TargetConfig:
        """Return nothing: the buffers hold everything."""
        return {}
