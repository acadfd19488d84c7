"""What every way of sharing is: which tasks are trained together, and how they come by their features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from multitide.backbones.backbone import Backbone
from multitide.part import Part


class SharingModule(nn.Module, ABC):
    """A module from series to one feature vector a task.

    Attributes
    ----------
    n_features : int
        Number of features that each task's head gets.
    """

    n_features: int

    @abstractmethod
    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return the features of each task, each of shape (batch, n_features).

        Parameters
        ----------
        x : Tensor, shape (batch, channels, time)
            Encoded series without NaN.
        lengths : Tensor, shape (batch,), optional
            Number of valid steps of each series.
        """

    def penalty(self) -> Tensor | None:
        """Return what ties the tasks' parameters together, a loss of shape (), or None."""
        return None

    @abstractmethod
    def shared_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that more than one task's loss reaches."""


@dataclass
class Sharing(Part, ABC):
    """Spec of a way of sharing; its dataclass fields are its parameters."""

    def groups(self, names: list[str]) -> list[list[str]]:
        """Return the groups of tasks that are trained apart from each other, each group by a network of its own."""
        return [names]

    @abstractmethod
    def build(self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int) -> SharingModule:
        """Return a freshly initialised module for one group of `n_tasks` tasks."""
