"""What data sets that learn one body have for themselves: input layers, batch norms, their identity."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from multitide.backbones._convolution import MaskedConv1d
from multitide.encodings._inputs import InputLayer
from multitide.encodings._static import StaticLayer

Conditioning = Literal["none", "one_hot", "film"]


class Across(NamedTuple):
    """How several data sets share one body; of no effect with a single one. See :class:`~multitide.sharing.Hard`."""

    conditioning: Conditioning = "none"
    width: int | None = None


class PerDomain(nn.Module):
    """A module a data set, of which the current one's is called; the network says which it is.

    Parameters
    ----------
    modules : iterable of Module
        One a data set, in their order.

    Attributes
    ----------
    current : int
        Which data set the next series are of. A number and no tensor, so that no step waits for the
        device.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        super().__init__()
        self.each, self.current = nn.ModuleList(modules), 0

    def forward(self, *args: Tensor | None) -> Tensor:
        """Return what the current data set's module returns."""
        found: Tensor = self.each[self.current](*args)
        return found


def split_norms(module: nn.Module, n_domains: int) -> None:
    """Give every data set a batch norm of its own, statistics and affine, in place (Chang et al. 2019)."""
    for name, child in list(module.named_children()):
        if isinstance(child, _BatchNorm):
            setattr(module, name, PerDomain(copy.deepcopy(child) for _ in range(n_domains)))
        else:
            split_norms(child, n_domains)


class Projected(nn.Module):
    """An input layer, and a convolution of one step that brings its channels to a common width.

    Parameters
    ----------
    layer : InputLayer
        Imputes, scales, encodes.
    width : int
        Channels that it gives.
    """

    def __init__(self, layer: InputLayer, width: int) -> None:
        super().__init__()
        self.layer, self.projection = layer, MaskedConv1d(layer.n_channels, width, 1)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return encoded series: (batch, channels, time) -> (batch, width, time)."""
        projected: Tensor = self.projection(self.layer(x, lengths), lengths)
        return projected


class ProjectedStatic(nn.Module):
    """A static layer, and a linear layer that brings its features to a common width; zeros where there are none.

    Parameters
    ----------
    layer : StaticLayer or None
        None: the data set has no static inputs.
    n_features : int
        Features that it gives.
    """

    def __init__(self, layer: StaticLayer | None, n_features: int) -> None:
        super().__init__()
        self.layer, self.n_features = layer, n_features
        self.projection = None if layer is None else nn.Linear(layer.n_features, n_features)

    def forward(self, static: Tensor) -> Tensor:
        """Return features: (batch, n_static) -> (batch, n_features)."""
        if self.layer is None or self.projection is None:
            return static.new_zeros(len(static), self.n_features)
        projected: Tensor = self.projection(self.layer(static))
        return projected


class OneHot(nn.Module):
    """Joins to the features of a data set which one it is.

    Parameters
    ----------
    position, n_domains : int
        Which of how many.
    """

    identity: Tensor

    def __init__(self, position: int, n_domains: int) -> None:
        super().__init__()
        identity = torch.zeros(1, n_domains)
        identity[0, position] = 1
        self.register_buffer("identity", identity, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return (batch, n_features + n_domains) of (batch, n_features)."""
        return torch.cat([features, self.identity.expand(len(features), -1)], dim=1)


class FiLM(nn.Module):
    """Scales and shifts each feature by a data set's own numbers (Perez et al. 2018); at the start it changes nothing.

    In the paper a network computes the numbers from what conditions; from the identity of a data
    set, one-hot, that is a table with a row a data set, which each holds for itself here.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.scale, self.shift = (
            nn.Parameter(torch.ones(n_features)),
            nn.Parameter(torch.zeros(n_features)),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return modulated features, (batch, n_features)."""
        return features * self.scale + self.shift


def common_inputs(layers: Sequence[InputLayer], width: int | None) -> tuple[nn.Module, int]:
    """Return the input layers of all data sets as one module, and how many channels it gives.

    Data sets whose encoded channels have the same names are read alike; else each is projected, to
    `width` channels or to as many as the widest has. A `width` that is given always projects.
    """
    if len(layers) == 1:
        return layers[0], layers[0].n_channels
    if width is None and len({layer.names for layer in layers}) == 1:
        return PerDomain(layers), layers[0].n_channels
    width = width or max(layer.n_channels for layer in layers)
    return PerDomain(Projected(layer, width) for layer in layers), width


def common_static(layers: Sequence[StaticLayer | None]) -> tuple[nn.Module | None, int]:
    """Return the static layers of all data sets as one module, None where none has any, and its number of features."""
    if all(layer is None for layer in layers):
        return None, 0
    width = max(layer.n_features for layer in layers if layer is not None)
    if len(layers) == 1:
        return layers[0], width
    return PerDomain(ProjectedStatic(layer, width) for layer in layers), width


def conditioned(
    conditioning: Conditioning, n_domains: int, n_features: int
) -> tuple[PerDomain | None, int]:
    """Return what tells the heads which data set they read, None where nothing does, and the features they get."""
    if n_domains == 1 or conditioning == "none":
        return None, n_features
    if conditioning == "film":
        return PerDomain(FiLM(n_features) for _ in range(n_domains)), n_features
    return PerDomain(OneHot(i, n_domains) for i in range(n_domains)), n_features + n_domains


def of_each(features: Sequence[Tensor], change: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """Return the changed features of every task; one tensor for all tasks stays one tensor."""
    if all(each is features[0] for each in features):
        return [change(features[0])] * len(features)
    return [change(each) for each in features]
