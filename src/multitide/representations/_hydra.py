"""Hydra: how often, and by how much, each of several competing convolutions fits a series best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from multitide.backbones._convolution_features import KERNEL, ConvolutionFeatures
from multitide.encodings._inputs import Impute
from multitide.encodings._scaling import Scale
from multitide.representations._convolution_features import ConvolutionRepresentation

MOST_CHANNELS = 8  # per group
# Where a series is constant, all values are 0 but for rounding, and no kernel is the smallest.
ROUNDING = 1e-5
# Kernels of even index read the series, the others its difference.
N_INPUTS = 2
PositiveInt = Annotated[int, Field(ge=1)]


@dataclass
class Hydra(ConvolutionRepresentation):
    """Hydra (Dempster et al. 2023 [1]_): counts of competing random convolutions.

    Random kernels compete in groups: at each step, the kernel with the largest value in its group
    gets this value, and the one with the smallest value is counted. Half of the groups read the
    series, the others its first difference, at dilations 1, 2, 4, ...

    Parameters
    ----------
    n_kernels : int, default=8
        Number of kernels in a group.
    n_groups : int, default=64
        Number of groups for each dilation; even. There are 2 * n_kernels * n_groups features for
        each dilation.
    length : int, optional
        Maximum number of steps that a dilated kernel spans. Default: the length of the shortest
        training series.
    impute, scale
        As in :class:`multitide.Inputs`. Convolutions sum over channels, so all channels need a
        common scale.
    random_state : int, default=0
        Seed for drawing kernels and channels.

    Notes
    -----
    (n_samples, n_channels, time) -> (n_samples, n_features), for series of any length: features are
    means over time. They are the square roots, and 0 for kernels that never win, as in the paper.
    With several channels, each group reads the sum of half of them, at least 2 and at most 8.

    References
    ----------
    .. [1] Dempster, Schmidt and Webb, "Hydra: competing convolutional kernels for fast and accurate
       time series classification", Data Mining and Knowledge Discovery 37, 2023.
       https://arxiv.org/abs/2203.13652
    """

    n_kernels: PositiveInt = 8
    n_groups: Annotated[int, Field(ge=2, multiple_of=2)] = 64
    length: Annotated[int, Field(ge=KERNEL)] | None = None
    impute: Impute = "ffill"
    scale: Scale = "standard"
    random_state: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def draw(self, x: np.ndarray) -> HydraFeatures:
        """Draw the kernels and their channels."""
        _, n_channels, n_steps = x.shape
        generator = np.random.default_rng(self.random_state)
        n_dilations = int(np.log2((n_steps - 1) / (KERNEL - 1))) + 1
        n_each = self.n_groups // N_INPUTS
        shape = (n_dilations, N_INPUTS, n_each, self.n_kernels, KERNEL)
        weights = generator.normal(size=shape)
        weights -= weights.mean(axis=-1, keepdims=True)
        weights /= np.abs(weights).sum(axis=-1, keepdims=True)
        n_read = min(max(n_channels // 2, min(2, n_channels)), MOST_CHANNELS)
        order = generator.random((*shape[:3], n_channels)).argsort(axis=-1)
        channels = order[..., :n_read]
        arrays = {"weights": weights.astype(np.float32), "channels": channels}
        return self.module(arrays, n_channels)

    def module(
        self, arrays: Mapping[str, np.ndarray], n_channels: int
    ) -> HydraFeatures:
        """Rebuild the kernels."""
        return HydraFeatures(arrays, n_channels)


class HydraFeatures(ConvolutionFeatures):
    """The features of :class:`Hydra`.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        `weights` (dilations, inputs, groups, kernels, steps) and `channels` (dilations, inputs,
        groups, channels of a group).
    n_channels : int
        Number of channels of the series.
    """

    weights: Tensor
    channels: Tensor

    def __init__(self, arrays: Mapping[str, np.ndarray], n_channels: int) -> None:
        super().__init__()
        weights, channels = arrays["weights"], arrays["channels"]
        if channels.shape[:3] != weights.shape[:3] or weights.shape[4] != KERNEL:
            raise ValueError(f"kernels {weights.shape}, channels {channels.shape}")
        if channels.min() < 0 or channels.max() >= n_channels:
            raise ValueError(f"channels outside 0 to {n_channels - 1}")
        self.register_buffer("weights", torch.from_numpy(np.array(weights)))
        self.register_buffer("channels", torch.from_numpy(np.array(channels)))

    @property
    def n_features(self) -> int:
        """Number of features."""
        return 2 * self.weights[..., 0].numel()

    @property
    def n_spanned(self) -> int:
        """Number of steps without which there is no difference."""
        return 2

    @property
    def n_values(self) -> int:
        """Number of values of kernels per step of a series, at one dilation."""
        return self.weights[0, 0, :, :, 0].numel()

    def features(self, x: Tensor) -> Tensor:
        """Return the features, by dilation, input, operator, group and kernel."""
        pooled = []
        for exponent in range(len(self.weights)):
            for i, series in enumerate((x, x.diff())):
                values = self._convolve(series, exponent, i)
                pooled += wins(values)
        return torch.stack(pooled, dim=1).flatten(1).sqrt()

    def _convolve(self, series: Tensor, exponent: int, i: int) -> Tensor:
        """Return the values of the kernels, (batch, groups, kernels, time)."""
        weights = self.weights[exponent, i]
        n_groups, n_kernels = weights.shape[:2]
        n_inputs = 1
        if series.shape[1] > 1:
            channels = self.channels[exponent, i]
            series = series.index_select(1, channels.flatten())
            series = series.unflatten(1, channels.shape).sum(dim=2)
            n_inputs = n_groups
        values: Tensor = F.conv1d(
            series,
            weights.flatten(0, 1)[:, None],
            padding=KERNEL // 2 * 2**exponent,
            dilation=2**exponent,
            groups=n_inputs,
        )
        by_group: Tensor = values.unflatten(1, (n_groups, n_kernels))
        return by_group


def wins(values: Tensor) -> list[Tensor]:
    """Return what each kernel wins in its group, as means over time.

    Parameters
    ----------
    values : Tensor, shape (batch, groups, kernels, time)

    Returns
    -------
    list of two Tensors, shape (batch, groups, kernels)
        The sum of values that are the largest, at least 0, and the number of values that are the
        smallest, both divided by the number of steps.
    """
    n_steps = values.shape[3]
    zeros = torch.zeros_like(values[..., 0])
    largest, winner = values.max(dim=2)
    most = zeros.scatter_add(2, winner, largest).clamp(min=0)
    smallest, winner = values.min(dim=2)
    differ = (largest - smallest > ROUNDING).to(values.dtype)
    least = zeros.scatter_add(2, winner, differ)
    return [most / n_steps, least / n_steps]
