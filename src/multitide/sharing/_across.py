"""What several data sets do not share: input layers, batch norms and their identity."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from multitide.backbones._convolution import MaskedConv1d
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._static import StaticLayer

Conditioning = Literal["none", "one_hot", "film"]


class Across(NamedTuple):
    """How several data sets share one backbone; see :class:`~multitide.sharing.Hard`."""

    conditioning: Conditioning = "none"
    width: int | None = None


class PerDomain(nn.Module):
    """One module per data set; :func:`for_data_set` puts that of one data set in its place.

    It cannot be called: which data set a series belongs to is an argument of the call, and is kept
    on no module, so that calls in several threads do not meet.

    Parameters
    ----------
    modules : iterable of Module
        One per data set, in their order.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        self.each = nn.ModuleList(modules)


def for_data_set(module: nn.Module, data_set: int) -> nn.Module:
    """Return the module as one data set uses it; the module itself stays as it is.

    Modules that contain a :class:`PerDomain` are copied without their tensors: parameters, buffers
    and hooks are those of the original. All other modules are the original ones.

    Parameters
    ----------
    module : Module
        Any module.
    data_set : int
        Position of the data set. An int instead of a tensor, so that no step waits for the device.
    """
    if isinstance(module, PerDomain):
        return module.each[data_set]
    children: dict[str, nn.Module | None] = {}
    for name, child in module._modules.items():
        children[name] = None if child is None else for_data_set(child, data_set)
    if all(children[name] is child for name, child in module._modules.items()):
        return module
    view: nn.Module = object.__new__(type(module))
    view.__dict__.update(module.__dict__, _modules=children)
    return view


def split_norms(module: nn.Module, n_domains: int) -> None:
    """Replace each batch norm by one per data set, in place (Chang et al. 2019)."""
    for name, child in list(module.named_children()):
        if isinstance(child, _BatchNorm):
            setattr(
                module, name, PerDomain(copy.deepcopy(child) for _ in range(n_domains))
            )
        else:
            split_norms(child, n_domains)


class Projected(nn.Module):
    """An input layer and a convolution with kernel size 1 that maps to a common number of channels.

    Parameters
    ----------
    layer : InputLayer
        Imputes, scales and encodes.
    width : int
        Number of output channels.
    """

    def __init__(self, layer: InputLayer, width: int) -> None:
        super().__init__()
        self.layer = layer
        self.projection = MaskedConv1d(layer.n_channels, width, 1)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return encoded series: (batch, channels, time) -> (batch, width, time)."""
        projected: Tensor = self.projection(self.layer(x, lengths), lengths)
        return projected


class ProjectedStatic(nn.Module):
    """A static layer and a linear layer that maps to a common number of features.

    Parameters
    ----------
    layer : StaticLayer or None
        None: the data set has no static inputs, and the features are zeros.
    n_features : int
        Number of output features.
    """

    def __init__(self, layer: StaticLayer | None, n_features: int) -> None:
        super().__init__()
        self.layer = layer
        self.n_features = n_features
        if layer is None:
            self.projection = None
        else:
            self.projection = nn.Linear(layer.n_features, n_features)

    def forward(self, static: Tensor) -> Tensor:
        """Return features: (batch, n_static) -> (batch, n_features)."""
        if self.layer is None or self.projection is None:
            return static.new_zeros(len(static), self.n_features)
        projected: Tensor = self.projection(self.layer(static))
        return projected


class OneHot(nn.Module):
    """Appends the one-hot identity of a data set to its features.

    Parameters
    ----------
    position, n_domains : int
        The position of the data set, and the number of data sets.
    """

    identity: Tensor

    def __init__(self, position: int, n_domains: int) -> None:
        super().__init__()
        identity = torch.zeros(1, n_domains)
        identity[0, position] = 1
        self.register_buffer("identity", identity, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return features: (batch, n_features) -> (batch, n_features + n_domains)."""
        return torch.cat([features, self.identity.expand(features.shape[0], -1)], dim=1)


class FiLM(nn.Module):
    """Scales and shifts each feature with parameters of the data set (Perez et al. 2018).

    It starts as the identity. In the paper, a network computes the parameters from the condition.
    For a one-hot identity that network is a table with one row per data set; each data set has its
    row here.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n_features))
        self.shift = nn.Parameter(torch.zeros(n_features))

    def forward(self, features: Tensor) -> Tensor:
        """Return scaled and shifted features, shape (batch, n_features)."""
        return features * self.scale + self.shift


def common_inputs(
    layers: Sequence[InputLayer], width: int | None
) -> tuple[nn.Module, int]:
    """Return the input layers of all data sets as one module, and its number of channels.

    If the encoded channels of all data sets have the same names and `width` is None, there is no
    projection. Otherwise each data set is projected to `width` channels; by default, to the largest
    number of channels of any data set.
    """
    if len(layers) == 1:
        return layers[0], layers[0].n_channels
    if width is None and len({layer.names for layer in layers}) == 1:
        return PerDomain(layers), layers[0].n_channels
    width = width or max(layer.n_channels for layer in layers)
    return PerDomain(Projected(layer, width) for layer in layers), width


def common_static(layers: Sequence[StaticLayer | None]) -> tuple[nn.Module | None, int]:
    """Return the static layers of all data sets as one module, and its number of features.

    The module is None if no data set has static inputs.
    """
    widths = []
    for layer in layers:
        if layer is not None:
            widths.append(layer.n_features)
    if not widths:
        return None, 0
    width = max(widths)
    if len(layers) == 1:
        return layers[0], width
    return PerDomain(ProjectedStatic(layer, width) for layer in layers), width


def conditioned(
    conditioning: Conditioning, n_domains: int, n_features: int
) -> tuple[PerDomain | None, int]:
    """Return the module that conditions the heads on the data set, and the number of features.

    The module is None if the heads are not conditioned.
    """
    if n_domains == 1 or conditioning == "none":
        return None, n_features
    if conditioning == "film":
        return PerDomain(FiLM(n_features) for _ in range(n_domains)), n_features
    return PerDomain(
        OneHot(i, n_domains) for i in range(n_domains)
    ), n_features + n_domains


def of_each(
    features: Sequence[Tensor], change: Callable[[Tensor], Tensor]
) -> list[Tensor]:
    """Apply `change` to the features of every task; a tensor of all tasks is changed once."""
    if are_one_tensor(features):
        return [change(features[0])] * len(features)
    return list(map(change, features))


def are_one_tensor(features: Sequence[Tensor]) -> bool:
    """Whether all tasks have the same tensor as their features, as under hard sharing."""
    return all(each is features[0] for each in features)


def joined_rows(parts: Sequence[list[Tensor]]) -> list[Tensor]:
    """Return the tensors of each task, concatenated over the data sets.

    If each data set has one tensor for all tasks, so has the result. Without parts it is empty.
    """
    if not parts:
        return []
    if len(parts) == 1:
        return parts[0]
    by_task = list(zip(*parts, strict=True))
    if all(map(are_one_tensor, parts)):
        return [torch.cat(by_task[0])] * len(by_task)
    joined = []
    for tensors in by_task:
        joined.append(torch.cat(tensors))
    return joined
