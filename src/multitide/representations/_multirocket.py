"""MultiRocket: four pooling operators on MiniRocket's convolutions, also of the difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from multitide.backbones._convolution_features import KERNEL, ConvolutionFeatures
from multitide.backbones._rocket_kernels import (
    N_KERNELS,
    RocketKernels,
    draw_kernels,
)
from multitide.backbones._rocket_pooling import four_operators
from multitide.encodings._inputs import Impute
from multitide.encodings._scaling import Scale
from multitide.representations._convolution_features import ConvolutionRepresentation
from multitide.representations._with_prefix import with_prefix

N_OPERATORS = 4
# Features of one bias on the series and of one on its difference.
PER_BIAS = 2 * N_OPERATORS
SERIES, DIFFERENCE = "series.", "difference."


@dataclass
class MultiRocket(ConvolutionRepresentation):
    """MultiRocket (Tan et al. 2022 [1]_): MiniRocket with more pooling, also of the difference.

    The convolutions are those of :class:`MiniRocket`, of the series and of its first difference.
    Four operators pool what exceeds a bias over time: the fraction of time (PPV), the mean excess
    (MPV), the mean position (MIPV) and the longest stretch (LSPV).

    Parameters
    ----------
    n_features : int, default=10000
        Number of features; rounded down to a multiple of 672. The paper uses 50,000.
    max_dilations : int, default=32
        Maximum number of dilations per kernel.
    length : int, optional
        Maximum number of steps that a dilated kernel spans. Default: the length of the shortest
        training series. Shorter samples are padded with their last values.
    impute, scale
        As in :class:`multitide.Inputs`. Convolutions sum over channels, so all channels need a
        common scale.
    random_state : int, default=0
        Seed for drawing channels and biases.

    Notes
    -----
    (n_samples, n_channels, time) -> (n_samples, n_features), for series of any length: positions
    and stretches are fractions of the number of steps. As in the paper, MPV is the mean excess over
    the bias; the authors' code and aeon add the bias instead of subtracting it. They also move four
    of the nine steps of a kernel by one on differences; here, steps are evenly spaced.

    References
    ----------
    .. [1] Tan, Dempster, Bergmeir and Webb, "MultiRocket: multiple pooling operators and
       transformations for fast and effective time series classification", Data Mining and Knowledge
       Discovery 36, 2022. https://arxiv.org/abs/2102.00457
    """

    shortest: ClassVar[int] = KERNEL + 1
    n_features: Annotated[int, Field(ge=N_KERNELS * PER_BIAS)] = 10_000
    max_dilations: Annotated[int, Field(ge=1)] = 32
    length: Annotated[int, Field(ge=KERNEL + 1)] | None = None
    impute: Impute = "ffill"
    scale: Scale = "standard"
    random_state: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def draw(self, x: np.ndarray) -> MultiRocketFeatures:
        """Draw the channels and biases."""
        arrays = {}
        for prefix, series in ((SERIES, x), (DIFFERENCE, np.diff(x))):
            drawn = draw_kernels(
                series,
                self.n_features // PER_BIAS,
                self.max_dilations,
                self.random_state,
            )
            for name, array in drawn.items():
                arrays[prefix + name] = array
        return self.module(arrays, x.shape[1])

    def module(
        self, arrays: Mapping[str, np.ndarray], n_channels: int
    ) -> MultiRocketFeatures:
        """Rebuild the kernels."""
        return MultiRocketFeatures(arrays, n_channels)


class MultiRocketFeatures(ConvolutionFeatures):
    """The features of :class:`MultiRocket`.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The kernels for the series and for the difference, with the prefixes of their names.
    n_channels : int
        Number of channels of the series.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], n_channels: int) -> None:
        super().__init__()
        kernels = []
        for prefix in (SERIES, DIFFERENCE):
            own = with_prefix(arrays, prefix)
            kernels.append(RocketKernels(own, n_channels, four_operators, N_OPERATORS))
        self.series, self.difference = kernels

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.series.n_features + self.difference.n_features

    @property
    def n_spanned(self) -> int:
        """Number of steps that the longest kernel spans."""
        return max(self.series.n_spanned, self.difference.n_spanned + 1)

    @property
    def n_values(self) -> int:
        """Number of values minus biases per step of a series, at one dilation."""
        return max(self.series.n_values, self.difference.n_values)

    def features(self, x: Tensor) -> Tensor:
        """Return the features of the series, then those of the difference."""
        return torch.cat([self.series(x), self.difference(x.diff())], dim=1)
