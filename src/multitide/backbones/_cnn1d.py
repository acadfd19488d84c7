"""CNN1D: two convolutions, each followed by a mean of neighbours."""

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
    """A small convolutional network, the reference system's "1D CNN" (after LeCun et al. 1998).

    Parameters
    ----------
    output_channels : int, default=64
        Filters of the second convolution.
    kernel_size, stride, padding : int, default=3, 1, 0
        Of both convolutions; padding is the number of zeros put on either side of a series.
    dropout : float, default=0.1
        Share of the features dropped in training.
    hidden_channels : int, default=32
        Filters of the first convolution.
    flatten : bool, default=False
        Whether the features are all steps that are left, in their order, instead of their mean.
        Knows *when* something happened; needs a fixed longest series, and a shorter one is filled
        up with zeros.

    Notes
    -----
    (batch, n_channels, time) -> (batch, output_channels), or as many for each step that is left
    with `flatten`. Each convolution is followed by a ReLU and a mean over pairs of neighbouring
    steps. The reference system (its page names all parameters but `hidden_channels`) always
    flattens, so it reads one length only.

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
        "Use longer series, a larger `padding`, a smaller `stride` or a smaller `kernel_size`."
    )
    widths: ClassVar[tuple[str, ...]] = ("output_channels", "hidden_channels")

    @property
    def min_timepoints(self) -> int:
        """The shortest series of which a step is left: 10 by default."""
        needed = 1
        for _ in range(2):
            needed = max(
                1, (POOLED * needed - 1) * self.stride + self.kernel_size - 2 * self.padding
            )
        return needed

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a freshly initialised module."""
        self.check_timepoints(n_timepoints)
        layers = [PooledConv(self._convolution(n_channels, self.hidden_channels))]
        layers.append(PooledConv(self._convolution(self.hidden_channels, self.output_channels)))
        n_steps = n_timepoints
        for layer in layers:
            n_steps = layer.output_steps(n_steps)
        blocks: dict[str, Block] = {f"conv{i}": layer for i, layer in enumerate(layers, start=1)}
        pooling = DroppedPooling(n_steps if self.flatten else None, self.dropout)
        return BlockBackbone(
            blocks, pooling, self.output_channels * (n_steps if self.flatten else 1), self
        )

    def _convolution(self, n_inputs: int, n_outputs: int) -> MaskedConv1d:
        return MaskedConv1d(n_inputs, n_outputs, self.kernel_size, self.padding, self.stride)


POOLED = 2  # neighbouring steps that become one


class PooledConv(Block):
    """Convolution, ReLU, and the mean over pairs of neighbouring steps.

    Parameters
    ----------
    convolution : MaskedConv1d
        The convolution.
    """

    def __init__(self, convolution: MaskedConv1d) -> None:
        super().__init__()
        self.convolution = convolution

    def output_steps(self, n_timepoints: int) -> int:
        """Return how many steps are left of so many."""
        return self.convolution.output_steps(n_timepoints) // POOLED

    def forward(self, flow: Flow) -> Flow:
        """Return the flow with ``x`` of shape (batch, filters, time')."""
        lengths = self.convolution.output_lengths(flow.lengths)
        x = F.avg_pool1d(self.convolution(flow.x, flow.lengths).relu(), POOLED)
        return flow._replace(x=x, lengths=None if lengths is None else lengths // POOLED)


class DroppedPooling(Pooling):
    """The mean over time, or all steps in their order, and dropout.

    Parameters
    ----------
    n_steps : int or None
        Steps to flatten; None for the mean.
    dropout : float
        Share of the features dropped in training.
    """

    def __init__(self, n_steps: int | None, dropout: float) -> None:
        super().__init__()
        self.n_steps, self.mean, self.dropout = n_steps, MeanPooling(), nn.Dropout(dropout)

    def forward(self, flow: Flow) -> Tensor:
        """Return the features: (batch, channels, time) -> (batch, channels) or (batch, channels * n_steps)."""
        if self.n_steps is None:
            return self.dropout(self.mean(flow))
        return self.dropout(flatten_steps(flow.x, flow.lengths, self.n_steps))
