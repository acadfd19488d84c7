"""CNN1D: two convolutions, each followed by average pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from multitide.backbones._backbone import (
    Backbone,
    Block,
    BlockBackbone,
    Flow,
    Pooling,
    PositiveInt,
    Probability,
)
from multitide.backbones._convolution import MaskedConv1d, MeanPooling
from multitide.backbones._flatten import flatten_steps


@dataclass
class CNN1D(Backbone):
    """A small convolutional network, the "1D CNN" of the reference system (LeCun et al. 1998 [1]_).

    Parameters
    ----------
    output_channels : int, default=64
        Filters of the second convolution.
    kernel_size, stride, padding : int, default=3, 1, 0
        Of both convolutions; `padding` is the number of zeros on each side of a series.
    dropout : float, default=0.1
        Fraction of the features dropped in training.
    hidden_channels : int, default=32
        Filters of the first convolution.
    flatten : bool, default=False
        Whether the features are all remaining steps in order, instead of their mean over time.
        This keeps *when* something happened, but fixes the maximum length; shorter series are
        padded with zeros.

    Notes
    -----
    (batch, n_channels, time) -> (batch, output_channels); with `flatten`, that number for each
    remaining step. Each convolution is followed by a ReLU and a mean over pairs of neighbouring
    steps. The reference system (its page names all parameters except `hidden_channels`) always
    flattens, so it can only process one length.

    References
    ----------
    .. [1] LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
       recognition", Proceedings of the IEEE 86, 1998. https://doi.org/10.1109/5.726791
    """

    output_channels: PositiveInt = 64
    kernel_size: PositiveInt = 3
    stride: PositiveInt = 1
    padding: Annotated[int, Field(ge=0)] = 0
    dropout: Probability = 0.1
    hidden_channels: PositiveInt = 32
    flatten: bool = False

    too_short: ClassVar[str] = (
        "Use longer series, a larger `padding`, a "
        "smaller `stride` or a smaller `kernel_size`."
    )
    widths: ClassVar[tuple[str, ...]] = ("output_channels", "hidden_channels")

    @property
    def fixes_length(self) -> bool:
        """Every step has weights of its own in the heads if there is no mean over time."""
        return self.flatten

    @property
    def min_timepoints(self) -> int:
        """Length of the shortest series of which one step remains: 10 by default."""
        needed = 1
        for _ in range(2):
            convolved = (POOLED * needed - 1) * self.stride + self.kernel_size
            needed = max(1, convolved - 2 * self.padding)
        return needed

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a newly initialised module."""
        self.check_timepoints(n_timepoints)
        layers = [PooledConv(self._convolution(n_channels, self.hidden_channels))]
        layers.append(
            PooledConv(self._convolution(self.hidden_channels, self.output_channels))
        )
        n_steps = n_timepoints
        for layer in layers:
            n_steps = layer.output_steps(n_steps)
        blocks: dict[str, Block] = {}
        for i, layer in enumerate(layers, start=1):
            blocks[f"conv{i}"] = layer
        if self.flatten:
            pooling = DroppedPooling(n_steps, self.dropout)
            return BlockBackbone(blocks, pooling, self.output_channels * n_steps, self)
        return BlockBackbone(
            blocks, DroppedPooling(None, self.dropout), self.output_channels, self
        )

    def _convolution(self, n_inputs: int, n_outputs: int) -> MaskedConv1d:
        return MaskedConv1d(
            n_inputs, n_outputs, self.kernel_size, self.padding, self.stride
        )


POOLED = 2  # number of neighbouring steps that are averaged


class PooledConv(Block):
    """Convolution, ReLU, and the mean over pairs of neighbouring steps."""

    def __init__(self, convolution: MaskedConv1d) -> None:
        super().__init__()
        self.convolution = convolution

    def output_steps(self, n_timepoints: int) -> int:
        """Return the number of steps of the output."""
        return self.convolution.output_steps(n_timepoints) // POOLED

    def forward(self, flow: Flow) -> Flow:
        """Return the flow with ``x`` of shape (batch, filters, time')."""
        lengths = self.convolution.output_lengths(flow.lengths)
        x = F.avg_pool1d(self.convolution(flow.x, flow.lengths).relu(), POOLED)
        return flow._replace(
            x=x, lengths=None if lengths is None else lengths // POOLED
        )


class DroppedPooling(Pooling):
    """The mean over time, or all steps in order, followed by dropout.

    Parameters
    ----------
    n_steps : int or None
        Number of steps to flatten; None for the mean.
    dropout : float
        Fraction of the features dropped in training.
    """

    def __init__(self, n_steps: int | None, dropout: float) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.mean = MeanPooling()
        self.dropout = nn.Dropout(dropout)

    def forward(self, flow: Flow) -> Tensor:
        """Return the features, (batch, channels) or (batch, channels * n_steps)."""
        if self.n_steps is None:
            features: Tensor = self.mean(flow)
        else:
            features = flatten_steps(flow.x, flow.lengths, self.n_steps)
        dropped: Tensor = self.dropout(features)
        return dropped
