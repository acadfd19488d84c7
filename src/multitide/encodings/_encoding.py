"""What every encoding is: a spec that builds a module from channels to more telling channels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from multitide._checks import one_of, suggest
from multitide._part import Part
from multitide.errors import ParameterError


class EncodingModule(nn.Module, ABC):
    """A module from channels to channels; its shapes are known before it has seen data.

    Attributes
    ----------
    names : tuple of str
        Names of the channels that it gives.
    sources : tuple of int
        For each of them, the channel it is made of.
    """

    names: tuple[str, ...]
    sources: tuple[int, ...]

    @abstractmethod
    def fit(self, x: Tensor, measured: Tensor) -> None:
        """Fill the buffers.

        Parameters
        ----------
        x : Tensor, shape (n_samples, n_channels, time)
            Training series as this encoding gets them: scaled, without NaN.
        measured : bool Tensor, same shape
            Which of the values were measured; imputed ones must not shape the statistics.
        """

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Encode: (batch, n_channels, time) -> (batch, len(names), time); a step reads no later step."""


@dataclass
class Encoding(Part, ABC):
    """Spec of an encoding; its dataclass fields are its parameters."""

    @abstractmethod
    def build(self, channels: tuple[str, ...]) -> EncodingModule:
        """Return a module that reads channels of these names."""


def positions(names: Sequence[str] | None, channels: tuple[str, ...], where: str) -> list[int]:
    """Return the places of `names` in `channels`, all of them for None, or raise naming those that are not there."""
    if names is None:
        return list(range(len(channels)))
    unknown = [name for name in names if name not in channels]
    if unknown:
        raise ParameterError(
            f"`{where}.channels` must each be {one_of(channels)}; got {unknown[0]!r}.{suggest(unknown[0], channels)}"
        )
    return [channels.index(name) for name in names]
