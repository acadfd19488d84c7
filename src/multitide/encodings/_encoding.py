"""Base classes of encodings: a spec, and the module it builds to transform channels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from multitide._checks import one_of, suggest
from multitide._part import Part
from multitide.errors import ParameterError


class EncodingModule(nn.Module, ABC):
    """A module that maps channels to channels; its shapes are known before it is fitted.

    Attributes
    ----------
    names : tuple of str
        Names of the output channels.
    sources : tuple of int
        For each output channel, the position of the input channel that it is computed from.
    """

    names: tuple[str, ...]
    sources: tuple[int, ...]

    @abstractmethod
    def fit(self, x: Tensor, measured: Tensor) -> None:
        """Fill the buffers.

        Parameters
        ----------
        x : Tensor, shape (n_samples, n_channels, time)
            Training series as this encoding receives them: scaled, without NaN.
        measured : bool Tensor, same shape
            Which values were measured. Imputed values must not influence the statistics.
        """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Encode series: (batch, n_channels, time) -> (batch, len(names), time).

        A step must not depend on later steps.
        """


@dataclass
class Encoding(Part, ABC):
    """Spec of an encoding; its dataclass fields are its parameters."""

    @abstractmethod
    def build(self, channels: tuple[str, ...]) -> EncodingModule:
        """Return a module for channels with these names."""


def channel_positions(
    names: Sequence[str] | None, channels: tuple[str, ...], where: str
) -> list[int]:
    """Return the positions of `names` in `channels`; None stands for all channels.

    Raises
    ------
    ParameterError
        If a name is not among the channels.
    """
    if names is None:
        return list(range(len(channels)))
    unknown = []
    for name in names:
        if name not in channels:
            unknown.append(name)
    if unknown:
        raise ParameterError(
            f"`{where}.channels` must each be {one_of(channels)}; "
            f"got {unknown[0]!r}.{suggest(unknown[0], channels)}"
        )
    positions = []
    for name in names:
        positions.append(channels.index(name))
    return positions
