"""The base of every way of sharing: which tasks are trained together, and their features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from multitide._checks import one_of, suggest
from multitide._part import Part
from multitide.backbones._backbone import Backbone, BackboneModule, BlockBackbone, Flow
from multitide.errors import ParameterError
from multitide.sharing._across import Across


class SharingModule(nn.Module, ABC):
    """A module from series to one feature vector per task.

    Attributes
    ----------
    n_features : int
        Number of features that each head reads.
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
            Number of valid time steps of each series.
        """

    def penalty(self) -> Tensor | None:
        """Return the penalty that ties the tasks' parameters, shape (), or None."""
        return None

    @abstractmethod
    def shared_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that the losses of several tasks depend on."""

    def own_parameters(self) -> list[list[nn.Parameter]]:
        """Return for each task the parameters that only its loss depends on.

        The list is empty if no task has any.
        """
        return []

    def levels(self) -> list[list[nn.Module]]:
        """Return the blocks of all backbones by level, lowest first; freezing works by level."""
        chains: list[list[nn.Module]] = []
        for module in self.modules():
            if isinstance(module, BlockBackbone):
                chains.append(list(module.block_list))
            elif isinstance(module, BackboneModule):
                chains.append([module])
        joined = []
        for level in zip(*chains, strict=True):
            joined.append(list(level))
        return joined


@dataclass
class Sharing(Part, ABC):
    """Spec of a way of sharing; its dataclass fields are its parameters.

    Parameters
    ----------
    head_units : int, optional
        Number of units of a hidden layer in each head; None: heads are linear.
    """

    head_units: Annotated[int, Field(ge=1, le=65_536)] | None = None

    learns_several: ClassVar[bool] = (
        False  # whether tasks may belong to different data sets
    )

    @property
    def across(self) -> Across:
        """How several data sets share the backbone."""
        return Across()

    @property
    def gradients_meet(self) -> tuple[str, ...]:
        """Where an aggregator can combine gradients, of "parameters" and "features"."""
        return ("parameters",)

    def networks(self, names: list[str]) -> list[list[str]]:
        """Return the tasks of each network; networks are trained separately."""
        return [names]

    def of_one_network(self) -> Sharing:
        """Return the same way of sharing for a fit of one of the networks."""
        return self

    @property
    def named_tasks(self) -> list[str]:
        """The tasks that the parameters name."""
        return []

    @abstractmethod
    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a freshly initialised module for one group of `n_tasks` tasks."""


def check_named_tasks(sharing: Sharing, names: Sequence[str]) -> None:
    """Raise unless every task that the parameters name is one of these, and named once."""
    problems = []
    for name in dict.fromkeys(sharing.named_tasks):
        if name not in names:
            problems.append(
                f"`sharing.groups` must name tasks, {one_of(names)}; "
                f"got {name!r}.{suggest(name, names)}"
            )
        if sharing.named_tasks.count(name) > 1:
            problems.append(
                f"`sharing.groups` must name a task once; got {name!r} twice. "
                "A task is predicted by one network."
            )
    if problems:
        raise ParameterError("\n".join(problems))


def build_blocks(
    backbone: Backbone, n_channels: int, n_timepoints: int, sharing: str
) -> BlockBackbone:
    """Build a backbone of blocks, or raise if it has none."""
    module = backbone.build(n_channels, n_timepoints)
    if not isinstance(module, BlockBackbone):
        raise ParameterError(
            "`backbone` must be made of "
            f"blocks for sharing={sharing!r}; "
            f"got {type(backbone).__name__}. "
            "Use sharing='hard' or 'soft'."
        )
    return module


def run_blocks(modules: Iterable[nn.Module], flow: Flow) -> Flow:
    """Apply blocks to a flow, lowest first."""
    for module in modules:
        flow = module(flow)
    return flow


def parameters_of(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Return all parameters of these modules."""
    parameters: list[nn.Parameter] = []
    for module in modules:
        parameters += module.parameters()
    return parameters


def distance(modules: list[BackboneModule] | list[nn.ModuleList]) -> Tensor:
    """Return the mean squared L2 distance between the parameters of two modules, shape ().

    The mean is over all pairs of the n modules. The sum over pairs of ``|a_i - a_j|^2`` is n times
    the sum of ``|a_i - mean|^2``, which needs n differences instead of n (n - 1) / 2.
    """
    n = len(modules)
    total: Tensor | None = None
    for same in zip(*(module.parameters() for module in modules), strict=True):
        mean = sum(same[1:], start=same[0]) / n
        for parameter in same:
            part = (parameter - mean).square().sum()
            if total is None:
                total = part
            else:
                total = total + part
    assert total is not None
    return total * (2 / (n - 1))
