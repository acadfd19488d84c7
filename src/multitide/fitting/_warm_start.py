"""Starting from a saved model: its backbone is carried over, its heads are dropped."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from multitide.encodings._inputs import InputLayer
from multitide.errors import DataError
from multitide.network._network import Network
from multitide.sharing._across import PerDomain

logger = logging.getLogger("multitide")


@dataclass
class Source:
    """Where training starts.

    Attributes
    ----------
    networks : list of Network
        The saved model's networks, the joint one first.
    answered : list of list of str
        Which tasks each of them answers.
    name : str
        How messages call it.
    """

    networks: Sequence[Network]
    answered: Sequence[Sequence[str]]
    name: str

    def network_for(self, names: Sequence[str]) -> Network:
        """Return the network that answers one of these tasks, else the first."""
        for network, answered in zip(self.networks, self.answered, strict=True):
            if set(answered) & set(names):
                return network
        return self.networks[0]


def carry_over(source: Source, network: Network) -> list[str]:
    """Copy the source's backbone into a fresh network, in place, and return the names of parameters that stay new.

    Parameters
    ----------
    source : Source
        The saved model.
    network : Network
        Freshly built, with its own tasks and heads; keeps its heads. Where its channels are the
        source's, the source's input layer (imputation, scaling) comes along, since the backbone has
        learned on its scales; with other channels the new one, fitted to the new data, stays. Of
        several data sets the input layers stay new, and batch norms come along where the source has
        learned a data set of that name.

    Returns
    -------
    list of str
        Parameters of the backbone that have no counterpart in the source, or one of another shape.

    Raises
    ------
    DataError
        If nothing of the backbone fits: the two are of different kinds.
    """
    given = source.network_for(network.names)
    fits = _copy_fitting(given, network)
    own = [name for name, _ in network.sharing.named_parameters()]
    fresh = [name for name in own if name not in fits]
    if own and len(fresh) == len(own):
        raise DataError(
            f"`training.start` must be a model with the same backbone; nothing of {source.name!r} fits. "
            "Give its `backbone` and `sharing` here too."
        )
    same_channels = _copy_inputs(given.inputs, network.inputs)
    logger.info(
        "Training starts from %s: %d of %d parameter arrays of the backbone come along%s; heads start new; %s.",
        source.name,
        len(own) - len(fresh),
        len(own),
        f" ({', '.join(fresh)} differ in shape or data set and start new)" if fresh else "",
        "inputs are scaled as there"
        if same_channels
        else "the channels differ, so inputs are scaled by the new data",
    )
    return [f"sharing.{name}" for name in fresh]


@torch.no_grad()
def _copy_fitting(source: Network, target: Network) -> set[str]:
    """Copy every tensor of the backbone that has the same name and shape in both, and return their names."""
    given, fits = _by_data_set(source), set()
    for key, (name, tensor) in _by_data_set(target).items():
        if key in given and given[key][1].shape == tensor.shape:
            tensor.copy_(given[key][1])
            fits.add(name)
    return fits


def _by_data_set(network: Network) -> dict[str, tuple[str, torch.Tensor]]:
    """Return the backbone's tensors with their names, keyed by data set, not by place, where one has its own."""
    places = {
        f"{name}.each.{i}": f"{name}.each.{domain!r}"
        for name, module in network.sharing.named_modules()
        if isinstance(module, PerDomain)
        for i, domain in enumerate(network.domains)
    }
    found = {}
    for name, tensor in network.sharing.state_dict().items():
        module, _, last = name.rpartition(".")
        found[f"{places.get(module, module)}.{last}"] = name, tensor
    return found


def _copy_inputs(source: torch.nn.Module, target: torch.nn.Module) -> bool:
    """Copy the input layer's buffers if the two do the same to the same channels, of one data set."""
    if (
        not (isinstance(source, InputLayer) and isinstance(target, InputLayer))
        or source.channels != target.channels
    ):
        return False
    shapes = [
        {name: tensor.shape for name, tensor in layer.state_dict().items()}
        for layer in (source, target)
    ]
    if shapes[0] != shapes[1] or source.spec != target.spec:
        return False
    target.load_state_dict(source.state_dict())
    return True
