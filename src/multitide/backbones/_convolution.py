"""Convolution blocks shared by several backbones."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multitide._bf16 import multiplies_in_bf16_on_cpu
from multitide.backbones._backbone import Block, Flow, Pooling
from multitide.backbones._masked import (
    MaskedBatchNorm1d,
    SqueezeExcite,
    mean_over_time,
    zero_invalid,
)

Padding = Literal["valid", "same"]
# Values of the matrix that stands for the input of a convolution in bfloat16: 8 MB.
MOST_COLUMNS = 2**22


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
        self.n_zeros_on_each_side = before
        self.n_zeros = 2 * before + self.extra

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolve: (batch, n_inputs, time) -> (batch, n_outputs, time')."""
        x = self.padded(x, lengths)
        if multiplies_in_bf16_on_cpu(x) and self._n_columns(x) <= MOST_COLUMNS:
            return self.as_product(x.to(torch.bfloat16))
        return super().forward(x)

    def padded(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the input of the convolution, but for the zeros on both sides."""
        if self.n_zeros:  # without padding, a valid output depends on valid steps only
            x = zero_invalid(x, lengths)
        if self.extra:
            x = F.pad(x, (0, self.extra))
        return x

    def as_product(self, x: Tensor) -> Tensor:
        """Convolve by one matrix product, as an ordinary convolution up to rounding.

        oneDNN multiplies matrices in bfloat16 faster than it convolves. It takes a copy of the
        input for every step of the kernel.
        """
        if self.n_zeros_on_each_side:
            x = F.pad(x, (self.n_zeros_on_each_side, self.n_zeros_on_each_side))
        windows = x.unfold(2, self.kernel_size[0], self.stride[0])
        columns = windows.transpose(1, 2).flatten(2)
        product = F.linear(columns, self.weight.flatten(1), self.bias)
        return product.transpose(1, 2).contiguous()

    def _n_columns(self, x: Tensor) -> int:
        """Return the number of values that `as_product` copies."""
        n_steps = (x.shape[2] + 2 * self.n_zeros_on_each_side) // self.stride[0]
        return x.shape[0] * n_steps * self.in_channels * self.kernel_size[0]

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
