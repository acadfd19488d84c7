"""What every backbone is: a spec with parameters that builds a module from series to features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from multitide.part import Part


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


@dataclass
class Backbone(Part, ABC):
    """Spec of a backbone; its dataclass fields are its parameters."""

    @abstractmethod
    def build(self, n_channels: int, n_timepoints: int) -> BackboneModule:
        """Return a freshly initialised module (torch's global generator draws the weights).

        Parameters
        ----------
        n_channels : int
            Number of channels after the input layer.
        n_timepoints : int
            Number of steps of the longest training series; only backbones that need a fixed length use it.
        """

    @property
    def min_timepoints(self) -> int:
        """The shortest series that the backbone can read."""
        return 1
