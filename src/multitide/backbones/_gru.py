"""GRU: a recurrent network with two gates."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from multitide.backbones._recurrent import Recurrent


@dataclass
class GRU(Recurrent):
    """Gated recurrent units (Cho et al. 2014 [1]_), with several layers and both directions.

    Parameters
    ----------
    num_layers, hidden_size, dropout, bidirectional
        See :class:`multitide.backbones._recurrent.Recurrent`, which also states the shapes.

    Notes
    -----
    Uses torch's cell, which applies the reset gate after the matrix product instead of before it.

    References
    ----------
    .. [1] Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
       machine translation", EMNLP 2014. https://arxiv.org/abs/1406.1078
    """

    def cell(self, n_inputs: int) -> nn.GRU:
        """Return one layer of one direction."""
        return nn.GRU(n_inputs, self.hidden_size, batch_first=True)
