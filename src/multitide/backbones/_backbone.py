"""What every backbone is: a spec with parameters that builds a module from series to features.

Most backbones are a chain of named blocks and a pooling, and say so by building a
:class:`BlockBackbone`; then ways of sharing can cut the chain (branch before the last block), tie
it block by block (cross-stitch), or freeze its lower blocks, whatever the backbone. A backbone that
is no chain subclasses :class:`BackboneModule` itself.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, NamedTuple, Self, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from multitide._part import Part
from multitide.errors import DataError

PositiveInt = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0, le=1)]


class BackboneModule(nn.Module, ABC):
    """A module from series to features.

    Attributes
    ----------
    n_features : int
        Number of features it gives.
    """

    n_features: int

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode a batch of series.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Scaled series without NaN; steps at and after a series' length hold anything finite.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series (int64); None: all of them are valid.

        Returns
        -------
        features : Tensor, shape (batch, n_features)
            In eval mode those of each series alone, whatever its padding and its batch mates.
        """


class Flow(NamedTuple):
    """What flows from block to block.

    Attributes
    ----------
    x : Tensor, shape (batch, channels, time)
        The series, as the last block left it.
    lengths : Tensor or None, shape (batch,)
        Its valid steps (a convolution without padding shortens them).
    features : tuple of Tensor, each of shape (batch, any)
        Features that are already finished (an LSTM beside the convolutions); the pooling puts them
        first.
    """

    x: Tensor
    lengths: Tensor | None = None
    features: tuple[Tensor, ...] = ()


class Block(nn.Module, ABC):
    """One step of a backbone."""

    @abstractmethod
    def forward(self, flow: Flow) -> Flow:
        """Return the flow after this block."""


class Pooling(nn.Module, ABC):
    """The end of a backbone: from the last block's series to one vector."""

    @abstractmethod
    def forward(self, flow: Flow) -> Tensor:
        """Return what the series comes down to, shape (batch, any)."""


class BlockBackbone(BackboneModule):
    """A backbone of named blocks, run in order, and a pooling.

    Parameters
    ----------
    blocks : mapping of str to Block
        The blocks, lowest first.
    pooling : Pooling
        What makes features of the last block's series.
    n_features : int
        Number of features, those that blocks finish included.
    spec : Backbone
        The spec that builds it; it knows how short a series may be.
    """

    def __init__(
        self, blocks: Mapping[str, Block], pooling: Pooling, n_features: int, spec: Backbone
    ) -> None:
        super().__init__()
        self.blocks, self.pooling = nn.ModuleDict(dict(blocks)), pooling
        self.n_features, self.spec = n_features, copy.copy(spec)

    @property
    def block_list(self) -> list[Block]:
        """The blocks, lowest first."""
        return cast("list[Block]", list(self.blocks.values()))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode a batch: (batch, channels, time) -> (batch, n_features)."""
        flow = self.start(x, lengths)
        for block in self.block_list:
            flow = block(flow)
        return self.pool(flow)

    def start(self, x: Tensor, lengths: Tensor | None = None) -> Flow:
        """Return the flow that enters the lowest block."""
        self.spec.check_timepoints(x.shape[2])
        return Flow(x, lengths)

    def pool(self, flow: Flow) -> Tensor:
        """Return the features, (batch, n_features), of the flow that the last block gave."""
        return torch.cat([*flow.features, self.pooling(flow)], dim=1)


@dataclass
class Backbone(Part, ABC):
    """Spec of a backbone; its dataclass fields are its parameters."""

    reads_vectors: ClassVar[bool] = (
        False  # whether it is made for series of one step, those of a representation
    )
    too_short: ClassVar[str] = (
        "Use longer series."  # what to do about series shorter than `min_timepoints`
    )
    widths: ClassVar[
        tuple[str, ...]
    ] = ()  # fields that count units; a study makes a network wider by them

    @abstractmethod
    def build(self, n_channels: int, n_timepoints: int) -> BackboneModule:
        """Return a freshly initialised module (torch's global generator draws the weights).

        Parameters
        ----------
        n_channels : int
            Number of channels after the input layer.
        n_timepoints : int
            Number of steps of the longest training series; only backbones that need a fixed length
            use it.
        """

    def wider(self, factor: int = 2) -> Self:
        """Return the same backbone with so many times the units in every layer; itself if it has no `widths`."""
        found = {name: getattr(self, name) for name in self.widths}
        return replace(self, **{name: _times(value, factor) for name, value in found.items()})

    @property
    def min_timepoints(self) -> int:
        """The shortest series that the backbone can read."""
        return 1

    def check_timepoints(self, n_timepoints: int) -> None:
        """Raise :class:`DataError` if a series of so many steps is too short for this backbone."""
        if n_timepoints < self.min_timepoints:
            raise DataError(
                f"`X` must have at least {self.min_timepoints} time steps for the backbone {type(self).__name__}; "
                f"got {n_timepoints}. {self.too_short}"
            )


def check_shortest(module: nn.Module, n_timepoints: int) -> None:
    """Raise :class:`DataError` if a series of so many steps is too short for a backbone in this module.

    Padded beside longer series it would be read, and answered from nothing.
    """
    for backbone in module.modules():
        if isinstance(backbone, BlockBackbone):
            backbone.spec.check_timepoints(n_timepoints)


def _times(value: Any, factor: int) -> Any:
    return (
        tuple(each * factor for each in value)
        if isinstance(value, (tuple, list))
        else value * factor
    )
