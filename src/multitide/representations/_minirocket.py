"""MiniRocket: fractions of time in which fixed convolutions of a series exceed a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from multitide.backbones._convolution_features import KERNEL
from multitide.backbones._rocket_kernels import RocketKernels, draw_kernels
from multitide.backbones._rocket_pooling import fraction_above
from multitide.encodings._inputs import Impute
from multitide.encodings._scaling import Scale
from multitide.representations._convolution_features import ConvolutionRepresentation


@dataclass
class MiniRocket(ConvolutionRepresentation):
    """MiniRocket (Dempster et al. 2021 [1]_): thousands of features without training.

    A fast and strong baseline. Each feature is the fraction of time in which a convolution of the
    series, with one of 84 fixed kernels at some dilation over some channels, is above a bias.
    Biases are drawn from convolutions of the training series.

    Parameters
    ----------
    n_features : int, default=10000
        Number of features; rounded down to a multiple of 84.
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
    (n_samples, n_channels, time) -> (n_samples, n_features). The paper uses series of equal length.
    Here, series of any length are used as they are, because a feature is a mean over time.

    References
    ----------
    .. [1] Dempster, Schmidt and Webb, "MiniRocket: a very fast (almost) deterministic transform for
       time series classification", KDD 2021. https://arxiv.org/abs/2012.08791
    """

    n_features: Annotated[int, Field(ge=84, le=1_000_000)] = 10_000
    max_dilations: Annotated[int, Field(ge=1, le=1_000_000)] = 32
    length: Annotated[int, Field(ge=KERNEL)] | None = None
    impute: Impute = "ffill"
    scale: Scale = "standard"
    random_state: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def draw(self, x: np.ndarray) -> RocketKernels:
        """Draw the channels and biases."""
        drawn = draw_kernels(x, self.n_features, self.max_dilations, self.random_state)
        return self.module(drawn, x.shape[1])

    def module(
        self, arrays: Mapping[str, np.ndarray], n_channels: int
    ) -> RocketKernels:
        """Rebuild the kernels."""
        return RocketKernels(arrays, n_channels, fraction_above)
