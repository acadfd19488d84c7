"""FC: a multi-layer perceptron with one hidden layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from multitide.backbones._backbone import (
    Backbone,
    Block,
    BlockBackbone,
    Flow,
    PositiveInt,
    Probability,
)
from multitide.backbones._convolution import MeanPooling
from multitide.backbones._flatten import flatten_steps


@dataclass
class FC(Backbone):
    """A multi-layer perceptron with one hidden layer (Rumelhart et al. 1986 [1]_), for vectors.

    Pass vectors (n_samples, n_features) as series of one step: ``X[:, :, None]``. Longer series are
    flattened. Series shorter than the longest training series are padded with zeros.

    Parameters
    ----------
    hidden_size : int, default=32
        Units of the hidden layer.
    dropout : float, default=0.1
        Fraction of the hidden units dropped in training.
    bias : bool, default=True
        Whether the hidden layer has biases.

    Notes
    -----
    (batch, n_channels, time) -> (batch, hidden_size), followed by a ReLU. The FC of the reference
    system is this layer and a linear head; its `bias` also applies to the head. Here, heads always
    have a bias.

    References
    ----------
    .. [1] Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
       Nature 323, 1986. https://doi.org/10.1038/323533a0
    """

    reads_vectors: ClassVar[bool] = True
    hidden_size: PositiveInt = 32
    dropout: Probability = 0.1
    bias: bool = True

    widths: ClassVar[tuple[str, ...]] = ("hidden_size",)

    @property
    def fixes_length(self) -> bool:
        """Every step has weights of its own."""
        return True

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a newly initialised module for series of at most `n_timepoints` steps."""
        hidden = HiddenLayer(n_channels, n_timepoints, self)
        return BlockBackbone({"hidden": hidden}, MeanPooling(), self.hidden_size, self)


class HiddenLayer(Block):
    """Flatten, linear layer, ReLU and dropout; the output is a series of one step.

    Parameters
    ----------
    n_channels, n_timepoints : int
        Size of the longest series.
    spec : FC
        The parameters.
    """

    def __init__(self, n_channels: int, n_timepoints: int, spec: FC) -> None:
        super().__init__()
        self.n_timepoints = n_timepoints
        self.linear = nn.Linear(
            n_channels * n_timepoints, spec.hidden_size, bias=spec.bias
        )
        self.dropout = nn.Dropout(spec.dropout)

    def forward(self, flow: Flow) -> Flow:
        """Return the flow with ``x`` of shape (batch, hidden_size, 1)."""
        hidden = self.linear(flatten_steps(flow.x, flow.lengths, self.n_timepoints))
        return flow._replace(x=self.dropout(hidden.relu())[:, :, None], lengths=None)
