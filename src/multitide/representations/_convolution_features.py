"""What MiniRocket, MultiRocket and Hydra share: features of fixed convolutions, as one module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multitide._torch_defaults import torch_defaults
from multitide.data._samples import Samples
from multitide.encodings._input_layer import InputLayer
from multitide.errors import DataError
from multitide.representations._representation import (
    SeriesEncoder,
    SeriesRepresentation,
    complete_series,
    fit_layer,
)

KERNEL = 9  # number of steps of a kernel without dilation
# What is drawn from single series would not change with more of them.
MAX_FIT_SAMPLES = 4096
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


class ConvolutionRepresentation(SeriesRepresentation, ABC):
    """Parent of representations by convolutions that are drawn instead of trained.

    Subclasses are dataclasses that also have the field `length`.
    """

    shortest: ClassVar[int] = KERNEL  # number of steps of the longest training series
    length: int | None

    @abstractmethod
    def draw(self, x: np.ndarray) -> ConvolutionFeatures:
        """Draw convolutions for training series of equal length, (n, channels, time)."""

    @abstractmethod
    def module(
        self, arrays: Mapping[str, np.ndarray], n_channels: int
    ) -> ConvolutionFeatures:
        """Rebuild the module from the arrays of its state."""

    @torch_defaults()
    def fit(self, samples: Samples) -> ConvolutionEncoder:
        """Draw the convolutions.

        Raises
        ------
        DataError
            If all series are too short.
        """
        self.check()
        if samples.n_timepoints < self.shortest:
            raise DataError(
                f"`X` must have at least {self.shortest} "
                f"time steps for {type(self).__name__}; "
                f"the longest series has {samples.n_timepoints}. "
                "Use another representation."
            )
        layer = fit_layer(samples, self.impute, self.scale)
        module = self.draw(self._training_series(samples, layer))
        return ConvolutionEncoder(self, layer, samples.categories, module)

    def restore(
        self,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
        arrays: Mapping[str, np.ndarray],
    ) -> ConvolutionEncoder:
        """Rebuild an encoder from the arrays of its module."""
        module = self.module(arrays, layer.n_channels)
        return ConvolutionEncoder(self, layer, categories, module)

    def _training_series(self, samples: Samples, layer: InputLayer) -> np.ndarray:
        """Return the ends of training series, all as long as the shortest or as `length`."""
        length = self.length or max(self.shortest, int(samples.lengths.min()))
        n_chosen = min(len(samples), MAX_FIT_SAMPLES)
        chosen = np.linspace(0, len(samples) - 1, n_chosen).astype(np.int64)
        cut = []
        for _, x in complete_series(samples[chosen], layer):
            missing = max(0, length - x.shape[2])
            padded = np.pad(x, ((0, 0), (0, 0), (0, missing)), mode="edge")
            cut.append(padded[:, :, -length:])
        return np.concatenate(cut)


class ConvolutionEncoder(SeriesEncoder):
    """A fitted representation by convolutions.

    Parameters
    ----------
    spec, layer, categories
        See :class:`SeriesEncoder`.
    module : ConvolutionFeatures
        Computes the features of imputed and scaled series.
    """

    def __init__(
        self,
        spec: ConvolutionRepresentation,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
        module: ConvolutionFeatures,
    ) -> None:
        super().__init__(spec, layer, categories)
        self.module = module.eval()

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.module.n_features

    def as_module(self) -> nn.Module:
        """Return the convolutions with their pooling."""
        return self.module

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the features, (n, n_features)."""
        return self.module.in_batches(x)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the state of the module."""
        arrays = {}
        for name, tensor in self.module.state_dict().items():
            arrays[name] = tensor.cpu().numpy().copy()
        return arrays
