"""RNN: the plain recurrent network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from multitide.backbones._recurrent import Recurrent


@dataclass
class RNN(Recurrent):
    """Plain recurrent network (Elman 1990 [1]_), with several layers and both directions.

    Prefer an LSTM or a GRU: the gradients of a plain RNN vanish or explode over a few dozen steps,
    so it cannot learn longer dependencies.

    Parameters
    ----------
    num_layers, hidden_size, dropout, bidirectional
        See :class:`multitide.backbones._recurrent.Recurrent`, which also states the shapes.
    nonlinearity : {"tanh", "relu"}, default="tanh"
        Activation function of the units.

    References
    ----------
    .. [1] Elman, "Finding structure in time", Cognitive Science 14, 1990.
       https://doi.org/10.1207/s15516709cog1402_1
    """

    nonlinearity: Literal["tanh", "relu"] = "tanh"

    def cell(self, n_inputs: int) -> nn.RNN:
        """Return one layer of one direction."""
        return nn.RNN(
            n_inputs, self.hidden_size, nonlinearity=self.nonlinearity, batch_first=True
        )
