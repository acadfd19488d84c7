"""Copies of a network."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from multitide.network._network import Network


def copy_of(network: Network) -> Network:
    """Return a copy of the network that computes as fast as the network itself.

    A GPU wants the weights of a recurrent layer in one piece of memory, into which a copy does not
    put them.
    """
    twin = copy.deepcopy(network)
    for module in twin.modules():
        if isinstance(module, nn.RNNBase):
            module.flatten_parameters()
    return twin


def copy_with_state(network: Network, state: dict[str, Tensor]) -> Network:
    """Return a copy of the network with other weights, in eval mode."""
    twin = copy_of(network)
    twin.load_state_dict(state)
    return twin.eval()
