"""The parameters of which an aggregator leaves the gradients as they are."""

from __future__ import annotations

from torch import nn

from multitide.network._network import Network


def own_parameters(network: Network, at_features: bool) -> list[nn.Parameter]:
    """Return the parameters above the place where the gradients of tasks are combined.

    Parameters
    ----------
    network : Network
        The network that is trained.
    at_features : bool
        Whether that place is the features, rather than the shared parameters.
    """
    if at_features:
        return list(network.heads.parameters())
    shared = set(map(id, network.sharing.shared_parameters()))
    parameters = []
    for parameter in network.parameters():
        if id(parameter) not in shared:
            parameters.append(parameter)
    return parameters
