"""LSTM: a recurrent network with gated memory."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from multitide.backbones._recurrent import Recurrent


@dataclass
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997 [1]_).

    It has several layers and reads both directions.

    Parameters
    ----------
    num_layers, hidden_size, dropout, bidirectional
        See :class:`multitide.backbones._recurrent.Recurrent`, which also states the shapes.

    Notes
    -----
    Uses torch's cell, which has the forget gate of Gers et al. (2000 [2]_) and no peepholes.

    References
    ----------
    .. [1] Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.
       https://doi.org/10.1162/neco.1997.9.8.1735
    .. [2] Gers, Schmidhuber and Cummins, "Learning to forget: continual prediction with LSTM",
       Neural Computation 12, 2000. https://doi.org/10.1162/089976600300015015
    """

    def cell(self, n_inputs: int) -> nn.LSTM:
        """Return one layer of one direction."""
        return nn.LSTM(n_inputs, self.hidden_size, batch_first=True)
