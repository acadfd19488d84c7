"""Features of fixed convolutions, as a module without trained weights."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 9  # number of steps of a kernel without dilation
# Number of values of convolutions in memory at a time, unless a single series has more.
MOST_VALUES = 2**21


class ConvolutionFeatures(nn.Module, ABC):
    """Maps complete series (batch, channels, time) to features (batch, n_features).

    Its buffers are all that was drawn or learned.
    """

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of features."""

    @property
    @abstractmethod
    def n_spanned(self) -> int:
        """Number of steps that it needs; shorter series are padded with their last values."""

    @property
    @abstractmethod
    def n_values(self) -> int:
        """Number of values per step of a series that are in memory at a time."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of complete series."""
        if torch.compiler.is_compiling():  # also true in an export
            # The number of steps stays open: the last one is repeated until there are enough.
            steps = torch.arange(torch.sym_max(x.shape[2], self.n_spanned))
            return self.features(x.index_select(2, steps.clamp(max=x.shape[2] - 1)))
        missing = self.n_spanned - x.shape[2]
        if missing > 0:
            x = F.pad(x, (0, missing), mode="replicate")
        return self.features(x)

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """Return the features of series of at least `n_spanned` steps."""

    @torch.no_grad()
    def in_batches(self, x: np.ndarray) -> np.ndarray:
        """Return the features of many series, computed on the device of the buffers."""
        device = next(self.buffers()).device
        n_rows = max(1, MOST_VALUES // (self.n_values * x.shape[2]))
        vectors = np.empty((len(x), self.n_features), dtype=np.float32)
        for start in range(0, len(x), n_rows):
            batch = torch.from_numpy(x[start : start + n_rows]).to(device)
            vectors[start : start + n_rows] = self(batch).cpu().numpy()
        return vectors
