"""Convolution blocks shared by several backbones."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from multitide.backbones._backbone import Block, Flow, Pooling
from multitide.backbones._masked import (
    MaskedBatchNorm1d,
    SqueezeExcite,
    mean_over_time,
    zero_invalid,
)

Padding = Literal["valid", "same"]


class MaskedConv1d(nn.Conv1d):
    """A convolution that sees zeros after the end of each series, as without padding to a batch.

    Parameters
    ----------
    n_inputs, n_outputs, kernel_size : int
        Input channels, output channels, and steps of the kernel.
    padding : {"valid", "same"} or int
        Zeros around the series: none; as many as keep its length (with an even kernel, the odd one
        is at the end, as in torch); or this number on each side.
    stride : int, default=1
        Steps between outputs; must be 1 with "same".
    bias : bool, default=True
        Whether to add a bias to each output channel.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        kernel_size: int,
        padding: Padding | int = "valid",
        stride: int = 1,
        bias: bool = True,
    ) -> None:
        before = _zeros_before(padding, kernel_size)
        super().__init__(
            n_inputs, n_outputs, kernel_size, stride=stride, padding=before, bias=bias
        )
        if padding == "same":
            self.extra = (kernel_size - 1) % 2
        else:
            self.extra = 0
        self.n_zeros = 2 * before + self.extra

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolve: (batch, n_inputs, time) -> (batch, n_outputs, time')."""
        if self.n_zeros:  # without padding, a valid output depends on valid steps only
            x = zero_invalid(x, lengths)
        if self.extra:
            x = F.pad(x, (0, self.extra))
        return super().forward(x)

    def output_lengths(self, lengths: Tensor | None) -> Tensor | None:
        """Return the number of valid steps of each output, at least 0."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if lengths is None or (self.n_zeros == kernel - 1 and stride == 1):
            return lengths
        steps = (lengths + (self.n_zeros - kernel + stride)).clamp(min=0)
        return steps if stride == 1 else steps // stride

    def output_steps(self, n_timepoints: int) -> int:
        """Return the number of steps of the output."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max(0, n_timepoints + self.n_zeros - kernel + stride) // stride


def _zeros_before(padding: Padding | int, kernel_size: int) -> int:
    if isinstance(padding, int):
        return padding
    if padding == "same":
        return (kernel_size - 1) // 2
    return 0


class ConvBlock(Block):
    """Convolution, batch norm, ReLU, dropout and optionally squeeze-and-excitation.

    Parameters
    ----------
    convolution : MaskedConv1d
        The convolution.
    dropout : float
        Fraction of the values dropped in training.
    squeeze : int or None
        Reduction of the squeeze-and-excitation layer; None for no such layer.
    """

    def __init__(
        self, convolution: MaskedConv1d, dropout: float, squeeze: int | None = None
    ) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = MaskedBatchNorm1d(convolution.out_channels)
        self.dropout = nn.Dropout(dropout)
        self.squeeze: SqueezeExcite | None = None
        if squeeze:
            self.squeeze = SqueezeExcite(convolution.out_channels, squeeze)

    def forward(self, flow: Flow) -> Flow:
        """Return the flow with ``x`` of shape (batch, filters, time')."""
        lengths = self.convolution.output_lengths(flow.lengths)
        x = self.norm(self.convolution(flow.x, flow.lengths), lengths)
        x = self.dropout(x.relu())
        if self.squeeze is not None:
            x = self.squeeze(x, lengths)
        return flow._replace(x=x, lengths=lengths)


class MeanPooling(Pooling):
    """Global average pooling over the valid steps."""

    def forward(self, flow: Flow) -> Tensor:
        """Return the mean of each channel: (batch, channels, time) -> (batch, channels)."""
        return mean_over_time(flow.x, flow.lengths)
