"""Starting from a saved model: its backbone is copied, its heads are not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from multitide.encodings._input_layer import InputLayer
from multitide.errors import DataError
from multitide.network._network import Network, Predictor
from multitide.sharing._across import PerDomain

logger = logging.getLogger("multitide")


@dataclass
class Source:
    """A saved model that training starts from.

    Attributes
    ----------
    predictor : Predictor
        The saved networks, the joint one first.
    name : str
        The model in messages.
    """

    predictor: Predictor
    name: str

    def network_for(self, names: Sequence[str]) -> Network:
        """Return the trained network that predicts one of these tasks, or else the first."""
        pairs = self.predictor.trained_pairs
        if next(pairs[0][0].sharing.parameters(), None) is None:
            raise DataError(
                "`training.start` must be a model with a network; "
                f"{self.name!r} has trees and linear heads only. "
                "Fit it with a network, such as backbone='lstm_fcn'."
            )
        for network, predicted in pairs:
            if set(predicted) & set(names):
                return network
        return pairs[0][0]


def carry_over(source: Source, network: Network) -> list[str]:
    """Copy the backbone of a saved model into a new network, in place.

    If both have the same channels, the input layer (imputation, scaling) is copied too, since the
    backbone was trained on its scales. Otherwise the new input layer, fitted to the new data,
    stays. With several data sets all input layers stay new, and batch norms are copied if the saved
    model was trained on a data set of the same name.

    Parameters
    ----------
    source : Source
        The saved model.
    network : Network
        A new network with its own tasks and heads.

    Returns
    -------
    list of str
        Names of the backbone's parameters that were not copied, because the saved model has none of
        that name and shape.

    Raises
    ------
    DataError
        If no parameter of the backbone could be copied: the two are of different kinds.
    """
    given = source.network_for(network.names)
    copied = _copy_matching(given, network)
    own = []
    for name, _ in network.sharing.named_parameters():
        own.append(name)
    fresh = []
    for name in own:
        if name not in copied:
            fresh.append(name)
    if own and len(fresh) == len(own):
        raise DataError(
            "`training.start` must be a "
            "model with the same backbone; "
            f"no parameter of {source.name!r} fits. "
            "Give its `backbone` and `sharing` here too."
        )
    differing = ""
    if fresh:
        differing = f" ({', '.join(fresh)} differ in shape or data set and start new)"
    scaling = "the channels differ, so inputs are scaled by the new data"
    if _copy_inputs(given.inputs, network.inputs):
        scaling = "inputs are scaled as in that model"
    logger.info(
        "Training starts from %s: "
        "%d of %d parameter arrays of the backbone are copied%s; "
        "heads start new; %s.",
        source.name,
        len(own) - len(fresh),
        len(own),
        differing,
        scaling,
    )
    untrained = []
    for name in fresh:
        untrained.append(f"sharing.{name}")
    return untrained


@torch.no_grad()
def _copy_matching(source: Network, target: Network) -> set[str]:
    """Copy every tensor of the backbone with the same name and shape; return their names."""
    given = _by_data_set(source)
    copied = set()
    for key, (name, tensor) in _by_data_set(target).items():
        if key in given and given[key][1].shape == tensor.shape:
            tensor.copy_(given[key][1])
            copied.add(name)
    return copied


def _by_data_set(network: Network) -> dict[str, tuple[str, torch.Tensor]]:
    """Return the backbone's tensors with their names.

    The keys contain the name of a data set, instead of its position, where each has its own tensor.
    """
    keys = {}
    for name, module in network.sharing.named_modules():
        if isinstance(module, PerDomain):
            for i, data_set in enumerate(network.data_sets):
                keys[f"{name}.each.{i}"] = f"{name}.each.{data_set!r}"
    tensors = {}
    for name, tensor in network.sharing.state_dict().items():
        parent, _, last = name.rpartition(".")
        tensors[f"{keys.get(parent, parent)}.{last}"] = name, tensor
    return tensors


def _copy_inputs(source: torch.nn.Module, target: torch.nn.Module) -> bool:
    """Copy the input layer if both do the same to the same channels; return whether it was."""
    if not (isinstance(source, InputLayer) and isinstance(target, InputLayer)):
        return False
    if source.channels != target.channels or source.spec != target.spec:
        return False
    if _shapes(source) != _shapes(target):
        return False
    target.load_state_dict(source.state_dict())
    return True


def _shapes(layer: torch.nn.Module) -> dict[str, torch.Size]:
    shapes = {}
    for name, tensor in layer.state_dict().items():
        shapes[name] = tensor.shape
    return shapes
