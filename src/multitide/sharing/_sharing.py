"""What every way of sharing is: which tasks are trained together, and how they come by their features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from multitide._part import Part
from multitide.backbones._backbone import Backbone, BackboneModule, BlockBackbone, Flow
from multitide.errors import ParameterError
from multitide.sharing._across import Across


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

    def own_parameters(self) -> list[list[nn.Parameter]]:
        """Return for each of several tasks the parameters that no other task's loss reaches; empty: none has any."""
        return []

    def levels(self) -> list[list[nn.Module]]:
        """Return the blocks of all backbones by their height, lowest first; what freezes works level by level."""
        backbones = [module for module in self.modules() if isinstance(module, BackboneModule)]
        chains = [b.block_list if isinstance(b, BlockBackbone) else [b] for b in backbones]
        return [list(level) for level in zip(*chains, strict=True)]


@dataclass
class Sharing(Part, ABC):
    """Spec of a way of sharing; its dataclass fields are its parameters.

    Parameters
    ----------
    head_units : int, optional
        Units of a hidden layer in each task's head; None: heads are linear.
    """

    head_units: Annotated[int, Field(ge=1)] | None = None

    learns_several: ClassVar[bool] = False  # whether its tasks may live on different data sets

    @property
    def across(self) -> Across:
        """How data sets share what their tasks share."""
        return Across()

    @property
    def gradients_meet(self) -> tuple[str, ...]:
        """Where an aggregator can combine the tasks' gradients, of "parameters" and "features"."""
        return ("parameters",)

    def groups(self, names: list[str]) -> list[list[str]]:
        """Return the groups of tasks that are trained apart from each other, each group by a network of its own."""
        return [names]

    @abstractmethod
    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a freshly initialised module for one group of `n_tasks` tasks."""


def build_blocks(
    backbone: Backbone, n_channels: int, n_timepoints: int, sharing: str
) -> BlockBackbone:
    """Build a backbone that gives its blocks, or say that this one does not."""
    module = backbone.build(n_channels, n_timepoints)
    if not isinstance(module, BlockBackbone):
        raise ParameterError(
            f"`backbone` must be made of blocks for sharing={sharing!r}; {type(backbone).__name__} is not. "
            "Use sharing='hard' or 'soft'."
        )
    return module


def run_blocks(modules: Iterable[nn.Module], flow: Flow) -> Flow:
    """Send a flow through blocks, lowest first."""
    for module in modules:
        flow = module(flow)
    return flow


def parameters_of(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Return all parameters of some modules."""
    return [parameter for module in modules for parameter in module.parameters()]


def distance(modules: list[BackboneModule] | list[nn.ModuleList]) -> Tensor:
    """Return the mean over pairs of modules of the squared L2 distance between their parameters, shape ().

    It is computed from the distances to the mean: the sum over pairs of ``|a_i - a_j|^2`` is n
    times the sum of ``|a_i - mean|^2``, so n modules cost n passes instead of n squared.
    """
    n = len(modules)
    total: Tensor | None = None
    for same in zip(*(module.parameters() for module in modules), strict=True):
        mean = sum(same[1:], start=same[0]) / n
        for parameter in same:
            part = (parameter - mean).square().sum()
            total = part if total is None else total + part
    assert total is not None
    return total * (2 / (n - 1))
