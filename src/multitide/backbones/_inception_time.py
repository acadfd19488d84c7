"""InceptionTime: parallel convolutions of several lengths, with residual connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multitide.backbones._backbone import (
    Backbone,
    Block,
    BlockBackbone,
    Flow,
    NumberOfLayers,
    PositiveInt,
)
from multitide.backbones._convolution import MaskedConv1d, MeanPooling
from multitide.backbones._masked import MaskedBatchNorm1d, valid_steps, zero_invalid
from multitide.errors import ParameterError


@dataclass
class InceptionTime(Backbone):
    """One network of InceptionTime (Ismail Fawaz et al. 2020 [1]_).

    Parameters
    ----------
    n_filters : int, default=32
        Filters of each convolution of a module.
    kernel_sizes : tuple of int, default=(40, 20, 10)
        Kernel sizes of the parallel convolutions in each module.
    bottleneck : int, default=32
        Number of channels to which the input of a module is reduced before these convolutions.
    n_blocks : int, default=2
        Number of blocks; each consists of three modules and a residual connection.

    Notes
    -----
    (batch, n_channels, time) -> (batch, n_filters * (number of kernels + 1)). The length of a
    series does not change, so series of any length can be processed. The paper averages five such
    networks; train with five seeds for that.

    References
    ----------
    .. [1] Ismail Fawaz et al., "InceptionTime: finding AlexNet for time series classification",
       Data Mining and Knowledge Discovery 34, 2020. https://arxiv.org/abs/1909.04939
    """

    n_filters: PositiveInt = 32
    kernel_sizes: tuple[PositiveInt, ...] = (40, 20, 10)
    bottleneck: PositiveInt = 32
    n_blocks: NumberOfLayers = 2

    widths: ClassVar[tuple[str, ...]] = ("n_filters", "bottleneck")

    def check(self, name: str = "") -> None:
        """Raise one :class:`ParameterError` that lists all invalid parameters."""
        super().check(name)
        if not self.kernel_sizes:
            where = f"{name or type(self).__name__}.kernel_sizes"
            raise ParameterError(
                f"`{where}` must have at least one kernel; got {self.kernel_sizes}."
            )

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a newly initialised module."""
        n_features = self.n_filters * (len(self.kernel_sizes) + 1)
        blocks: dict[str, Block] = {}
        n_inputs = n_channels
        for i in range(self.n_blocks):
            blocks[f"block{i + 1}"] = InceptionBlock(n_inputs, n_features, self)
            n_inputs = n_features
        return BlockBackbone(blocks, MeanPooling(), n_features, self)


class InceptionBlock(Block):
    """Three inception modules with a residual connection.

    Parameters
    ----------
    n_inputs, n_features : int
        Numbers of input and output channels.
    spec : InceptionTime
        The parameters.
    """

    def __init__(self, n_inputs: int, n_features: int, spec: InceptionTime) -> None:
        super().__init__()
        self.inceptions = nn.ModuleList()
        for n_channels in (n_inputs, n_features, n_features):
            self.inceptions.append(InceptionModule(n_channels, spec))
        self.shortcut = MaskedConv1d(n_inputs, n_features, 1, bias=False)
        self.norm = MaskedBatchNorm1d(n_features)

    def forward(self, flow: Flow) -> Flow:
        """Return the flow with ``x`` of shape (batch, n_features, time)."""
        x = flow.x
        for inception in self.inceptions:
            x = inception(x, flow.lengths)
        shortcut = self.norm(self.shortcut(flow.x), flow.lengths)
        return flow._replace(x=(x + shortcut).relu())


class InceptionModule(nn.Module):
    """Parallel convolutions of several lengths and a max pooling; then batch norm and ReLU.

    Parameters
    ----------
    n_inputs : int
        Number of input channels; a single channel is not reduced by the bottleneck.
    spec : InceptionTime
        The parameters.
    """

    def __init__(self, n_inputs: int, spec: InceptionTime) -> None:
        super().__init__()
        reduced = 1
        self.bottleneck: nn.Module = nn.Identity()
        if n_inputs > 1:
            reduced = spec.bottleneck
            self.bottleneck = MaskedConv1d(n_inputs, reduced, 1, bias=False)
        self.convolutions = nn.ModuleList()
        for kernel in spec.kernel_sizes:
            self.convolutions.append(
                MaskedConv1d(reduced, spec.n_filters, kernel, "same", bias=False)
            )
        self.after_maximum = MaskedConv1d(n_inputs, spec.n_filters, 1, bias=False)
        self.norm = MaskedBatchNorm1d(spec.n_filters * (len(spec.kernel_sizes) + 1))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the outputs of all convolutions, (batch, n_filters * (n_kernels + 1), time)."""
        reduced = self.bottleneck(zero_invalid(x, lengths))
        outputs = []
        for convolution in self.convolutions:
            outputs.append(convolution(reduced))
        outputs.append(self.after_maximum(_neighbour_maximum(x, lengths)))
        normalised: Tensor = self.norm(torch.cat(outputs, dim=1), lengths)
        return normalised.relu()


def _neighbour_maximum(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the maximum of each valid step and its valid neighbours, and 0 at other steps."""
    if lengths is None:
        return _maximum_of_three(x)
    lowest = torch.where(valid_steps(lengths, x.shape[2]), x, -torch.inf)
    return zero_invalid(_maximum_of_three(lowest), lengths)


def _maximum_of_three(x: Tensor) -> Tensor:
    """Return the maximum of each step and its neighbours."""
    if torch.compiler.is_compiling():  # also true in an export
        # In one dimension, the export would fix the number of steps.
        flat = F.max_pool2d(x[:, :, None], (1, 3), stride=1, padding=(0, 1))
        return flat[:, :, 0]
    return F.max_pool1d(x, 3, stride=1, padding=1)
