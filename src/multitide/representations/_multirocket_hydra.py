"""MultiRocket-Hydra: the features of both, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from multitide.backbones._convolution_features import KERNEL, ConvolutionFeatures
from multitide.backbones._rocket_kernels import N_KERNELS
from multitide.encodings._inputs import Impute
from multitide.encodings._scaling import Scale
from multitide.representations._convolution_features import ConvolutionRepresentation
from multitide.representations._hydra import Hydra, HydraFeatures
from multitide.representations._multirocket import (
    PER_BIAS,
    MultiRocket,
    MultiRocketFeatures,
)
from multitide.representations._with_prefix import with_prefix

MULTIROCKET, HYDRA = "multirocket.", "hydra."


@dataclass
class MultiRocketHydra(ConvolutionRepresentation):
    """MultiRocket-Hydra (Dempster et al. 2023 [1]_): the features of both, side by side.

    Among the most accurate of the methods that are not trained end to end. See
    :class:`MultiRocket` and :class:`Hydra`.

    Parameters
    ----------
    n_features, max_dilations
        As in :class:`MultiRocket`; `n_features` does not include the features of Hydra.
    n_kernels, n_groups
        As in :class:`Hydra`.
    length : int, optional
        Maximum number of steps that a dilated kernel spans. Default: the length of the shortest
        training series. Shorter samples are padded with their last values.
    impute, scale
        As in :class:`multitide.Inputs`. Convolutions sum over channels, so all channels need a
        common scale.
    random_state : int, default=0
        Seed for drawing kernels, channels and biases.

    Notes
    -----
    (n_samples, n_channels, time) -> (n_samples, n_features of both).

    References
    ----------
    .. [1] Dempster, Schmidt and Webb, "Hydra: competing convolutional kernels for fast and accurate
       time series classification", Data Mining and Knowledge Discovery 37, 2023.
       https://arxiv.org/abs/2203.13652
    """

    shortest: ClassVar[int] = MultiRocket.shortest
    n_features: Annotated[int, Field(ge=N_KERNELS * PER_BIAS)] = 10_000
    max_dilations: Annotated[int, Field(ge=1)] = 32
    n_kernels: Annotated[int, Field(ge=1)] = 8
    n_groups: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    length: Annotated[int, Field(ge=KERNEL + 1)] | None = None
    impute: Impute = "ffill"
    scale: Scale = "standard"
    random_state: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def draw(self, x: np.ndarray) -> JoinedFeatures:
        """Draw the kernels of both."""
        multirocket = MultiRocket(
            self.n_features, self.max_dilations, random_state=self.random_state
        )
        hydra = Hydra(self.n_kernels, self.n_groups, random_state=self.random_state)
        return JoinedFeatures(multirocket.draw(x), hydra.draw(x))

    def module(
        self, arrays: Mapping[str, np.ndarray], n_channels: int
    ) -> JoinedFeatures:
        """Rebuild the kernels of both."""
        return JoinedFeatures(
            MultiRocketFeatures(with_prefix(arrays, MULTIROCKET), n_channels),
            HydraFeatures(with_prefix(arrays, HYDRA), n_channels),
        )


class JoinedFeatures(ConvolutionFeatures):
    """The features of :class:`MultiRocketHydra`.

    Parameters
    ----------
    multirocket : MultiRocketFeatures
    hydra : HydraFeatures
    """

    def __init__(self, multirocket: MultiRocketFeatures, hydra: HydraFeatures) -> None:
        super().__init__()
        self.multirocket = multirocket
        self.hydra = hydra

    @property
    def n_features(self) -> int:
        """Number of features of both."""
        return self.multirocket.n_features + self.hydra.n_features

    @property
    def n_spanned(self) -> int:
        """Number of steps that the longest kernel spans."""
        return max(self.multirocket.n_spanned, self.hydra.n_spanned)

    @property
    def n_values(self) -> int:
        """The larger number of values per step of a series."""
        return max(self.multirocket.n_values, self.hydra.n_values)

    def features(self, x: Tensor) -> Tensor:
        """Return the features of MultiRocket, then those of Hydra."""
        return torch.cat([self.multirocket(x), self.hydra(x)], dim=1)
