"""GRU: a recurrent network with two gates."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from multitide.backbones._recurrent import Recurrent


@dataclass
class GRU(Recurrent):
    """Gated recurrent units (Cho et al. 2014), here of several layers and in both directions.

    Parameters
    ----------
    num_layers, hidden_size, dropout, bidirectional
        See :class:`multitide.backbones._recurrent.Recurrent`, which also states the shapes.

    Notes
    -----
    torch's cell, in which the reset gate acts after the matrix product instead of before it.

    References
    ----------
    .. [1] Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
       machine translation", EMNLP 2014. https://arxiv.org/abs/1406.1078
    """

    def cell(self, n_inputs: int) -> nn.GRU:
        """Return one layer of one direction."""
        return nn.GRU(n_inputs, self.hidden_size, batch_first=True)
