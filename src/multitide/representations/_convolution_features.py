"""What MiniRocket, MultiRocket and Hydra share: representations by fixed convolutions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from torch import nn

from multitide._torch_defaults import torch_defaults
from multitide.backbones._convolution_features import KERNEL, ConvolutionFeatures
from multitide.data._samples import Samples
from multitide.encodings._input_layer import InputLayer
from multitide.errors import DataError
from multitide.representations._representation import (
    SeriesEncoder,
    SeriesRepresentation,
    complete_series,
    fit_layer,
)

# What is drawn from single series would not change with more of them.
MAX_FIT_SAMPLES = 4096


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
