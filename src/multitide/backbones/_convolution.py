"""The convolution block that several backbones are made of."""

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
    """A convolution that reads zeros after each series' end, as it would if the series stood alone.

    Parameters
    ----------
    n_inputs, n_outputs, kernel_size : int
        Channels in, channels out, steps of the kernel.
    padding : {"valid", "same"} or int
        No zeros around the series; as many as keep its length (an even kernel takes the odd one at
        the end, as torch does); or that many on either side.
    stride : int, default=1
        Steps between outputs; 1 with "same".
    bias : bool, default=True
        Whether each output has a constant.
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
        before = (
            padding
            if isinstance(padding, int)
            else (kernel_size - 1) // 2
            if padding == "same"
            else 0
        )
        super().__init__(n_inputs, n_outputs, kernel_size, stride=stride, padding=before, bias=bias)
        self.extra = (kernel_size - 1) % 2 if padding == "same" else 0
        self.n_zeros = 2 * before + self.extra

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Convolve: (batch, n_inputs, time) -> (batch, n_outputs, time')."""
        # Without zeros around the series a valid output reads valid steps only.
        x = zero_invalid(x, lengths) if self.n_zeros else x
        return super().forward(F.pad(x, (0, self.extra)) if self.extra else x)

    def output_lengths(self, lengths: Tensor | None) -> Tensor | None:
        """Return the valid steps of the output, at least 0 each."""
        if lengths is None or (self.n_zeros == self.kernel_size[0] - 1 and self.stride[0] == 1):
            return lengths
        return (lengths + (self.n_zeros - self.kernel_size[0] + self.stride[0])).clamp(
            min=0
        ) // self.stride[0]

    def output_steps(self, n_timepoints: int) -> int:
        """Return how many steps the output has for so many steps in."""
        return (
            max(0, n_timepoints + self.n_zeros - self.kernel_size[0] + self.stride[0])
            // self.stride[0]
        )


class ConvBlock(Block):
    """Convolution, batch norm, ReLU, dropout and, on request, squeeze-excite.

    Parameters
    ----------
    convolution : MaskedConv1d
        The convolution.
    dropout : float
        Share of the values that are dropped in training.
    squeeze : int or None
        Reduction of the squeeze-excite; None: there is none.
    """

    def __init__(
        self, convolution: MaskedConv1d, dropout: float, squeeze: int | None = None
    ) -> None:
        super().__init__()
        self.convolution = convolution
        self.norm = MaskedBatchNorm1d(convolution.out_channels)
        self.dropout = nn.Dropout(dropout)
        self.squeeze = SqueezeExcite(convolution.out_channels, squeeze) if squeeze else None

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
        """Return each channel's mean: (batch, channels, time) -> (batch, channels)."""
        return mean_over_time(flow.x, flow.lengths)
