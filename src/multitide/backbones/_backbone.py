"""Base classes of backbones: a spec with parameters, and the module that it builds.

Most backbones are a chain of named blocks followed by a pooling, and build a
:class:`BlockBackbone`. Ways of sharing can then split the chain (branch before the last block),
connect several chains block by block (cross-stitch), or freeze the lower blocks, for any such
backbone. A backbone that is not a chain subclasses :class:`BackboneModule` directly.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, NamedTuple, Self, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from multitide._part import Part
from multitide._walk import modules_in
from multitide.errors import DataError

PositiveInt = Annotated[int, Field(ge=1, le=65_536)]
NumberOfLayers = Annotated[int, Field(ge=1, le=1000)]
Probability = Annotated[float, Field(ge=0, le=1)]


class BackboneModule(nn.Module, ABC):
    """A module that maps series to features.

    Attributes
    ----------
    n_features : int
        Number of features.
    """

    n_features: int

    def fit(self, x: Tensor, lengths: Tensor | None = None) -> None:
        """Learn from scaled training series what gradients do not train; by default nothing.

        Parameters
        ----------
        x, lengths
            As in `forward`.
        """

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Encode a batch of series.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Scaled series without NaN. Steps after the end of a series hold arbitrary finite values.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series (int64). Default: all steps are valid.

        Returns
        -------
        features : Tensor, shape (batch, n_features)
            In eval mode, the features of a series do not depend on its padding or on the other
            series of the batch.
        """


class Flow(NamedTuple):
    """The data passed from block to block.

    Attributes
    ----------
    x : Tensor, shape (batch, channels, time)
        The series after the last block.
    lengths : Tensor or None, shape (batch,)
        Number of valid steps (a convolution without padding reduces it).
    features : tuple of Tensor, each of shape (batch, any)
        Features that are already complete, such as those of an LSTM in parallel to convolutions.
        They come before the pooled features.
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
    """The end of a backbone: maps the series after the last block to one vector."""

    @abstractmethod
    def forward(self, flow: Flow) -> Tensor:
        """Return one vector per series, shape (batch, any)."""


class BlockBackbone(BackboneModule):
    """A backbone of named blocks, applied in order, and a pooling.

    Parameters
    ----------
    blocks : mapping of str to Block
        The blocks, lowest first.
    pooling : Pooling
        Maps the series after the last block to features.
    n_features : int
        Number of features, including those in `Flow.features`.
    spec : Backbone
        The spec that builds it; it determines the minimum length of a series.
    """

    def __init__(
        self,
        blocks: Mapping[str, Block],
        pooling: Pooling,
        n_features: int,
        spec: Backbone,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(dict(blocks))
        self.pooling = pooling
        self.n_features = n_features
        self.spec = copy.copy(spec)

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
        """Return the input of the lowest block."""
        self.spec.check_timepoints(x.shape[2])
        return Flow(x, lengths)

    def pool(self, flow: Flow) -> Tensor:
        """Return the features, (batch, n_features), for the output of the last block."""
        return torch.cat([*flow.features, self.pooling(flow)], dim=1)


@dataclass
class Backbone(Part, ABC):
    """Spec of a backbone; its dataclass fields are its parameters."""

    # Whether it is meant for vectors, that is, series of one step, as from a representation.
    reads_vectors: ClassVar[bool] = False
    # Whether missing values reach it as NaN instead of being imputed.
    reads_missing: ClassVar[bool] = False
    # Whether it is trained by gradient descent. If not, it has no weights.
    is_trained: ClassVar[bool] = True
    # The remedy in the message about series shorter than `min_timepoints`.
    too_short: ClassVar[str] = "Use longer series."
    # Fields that hold numbers of units; `wider` multiplies them.
    widths: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def build(self, n_channels: int, n_timepoints: int) -> BackboneModule:
        """Return a newly initialised module, with weights from torch's global generator.

        Parameters
        ----------
        n_channels : int
            Number of channels after the input layer.
        n_timepoints : int
            Number of steps of the longest training series. Only backbones that need a fixed length
            use it.
        """

    def wider(self, factor: int = 2) -> Self:
        """Return a copy with `factor` times the units in every layer that `widths` names."""
        widths = {}
        for name in self.widths:
            widths[name] = _times(getattr(self, name), factor)
        return replace(self, **widths)

    def with_seed(self, seed: int) -> Backbone:
        """Return the spec for an estimator with this seed; it may draw what no training changes."""
        return self

    @property
    def fixes_length(self) -> bool:
        """Whether it pads every series to the length of the longest training series."""
        return False

    @property
    def needs_equal_lengths(self) -> bool:
        """Whether every series must have the length of the training series."""
        return False

    @property
    def min_timepoints(self) -> int:
        """Length of the shortest series that the backbone can process."""
        return 1

    def check_timepoints(self, n_timepoints: int) -> None:
        """Raise :class:`DataError` if series of this length are too short for this backbone."""
        if n_timepoints < self.min_timepoints:
            raise DataError(
                f"`X` must have at least {self.min_timepoints} time "
                f"steps for the backbone {type(self).__name__}; "
                f"got {n_timepoints}. {self.too_short}"
            )


def check_shortest(module: nn.Module, n_timepoints: int) -> None:
    """Raise :class:`DataError` if series of this length are too short for a backbone in `module`.

    In a batch with longer series, a short one is padded; its predictions would then be based on
    padding only.
    """
    for backbone in modules_in(module):
        if isinstance(backbone, BlockBackbone):
            backbone.spec.check_timepoints(n_timepoints)


def _times(value: int | tuple[int, ...], factor: int) -> int | tuple[int, ...]:
    if isinstance(value, (tuple, list)):
        return tuple(each * factor for each in value)
    return value * factor
