"""The exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import Tensor

from multitide.network._copies import copy_of
from multitide.network._network import Network


class MovingAverage:
    """A copy of a network whose weights follow those of the network.

    Parameters
    ----------
    network : Network
        The network that is trained.
    decay : float
        Share of the average that is kept in each step.

    Attributes
    ----------
    network : Network
        The copy; its buffers are those of the network.
    has_begun : bool
        Whether it has followed the network at least once.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy_of(network)
        self._decay = decay
        self.has_begun = False

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Follow the network; the first weights are copied."""
        own: list[Tensor] = list(self.network.parameters())
        others: list[Tensor] = list(network.parameters())
        if self.has_begun:
            torch._foreach_lerp_(own, others, 1 - self._decay)
        else:
            torch._foreach_copy_(own, others)
            self.has_begun = True
        own_buffers = list(self.network.buffers())
        if own_buffers:
            torch._foreach_copy_(own_buffers, list(network.buffers()))
