"""Soft sharing: separate backbones or upper blocks, tied by the distance of their parameters."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from multitide.backbones._backbone import Backbone, BackboneModule, BlockBackbone
from multitide.sharing._hard import BranchedModule, HardModule, check_cut
from multitide.sharing._sharing import Sharing, SharingModule, build_blocks, distance


@dataclass
class Soft(Sharing):
    """One backbone per task, tied by the squared L2 distance of their parameters [1]_.

    Parameters
    ----------
    head_units : int, optional
        See :class:`Sharing`.
    strength : float, default=0.01
        Factor of the mean squared distance over pairs of tasks, which is added to the weighted
        losses (in units of the trivial loss).

    Notes
    -----
    All backbones start from the same weights; with different weights, the distances would compare
    unrelated features. The paper ties a parser to one that is already trained. Here all backbones
    are trained together, in the symmetric form that Ruder (2017) describes [2]_.

    References
    ----------
    .. [1] Duong, Cohn, Bird and Cook, "Low resource dependency parsing: cross-lingual parameter
       sharing in a neural network parser", ACL 2015. https://aclanthology.org/P15-2139
    .. [2] Ruder, "An overview of multi-task learning in deep neural networks", 2017.
      https://arxiv.org/abs/1706.05098
    """

    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01

    @property
    def gradients_meet(self) -> tuple[str, ...]:
        """Nowhere: each loss depends only on its own backbone."""
        return ()

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with one backbone per task."""
        first = backbone.build(n_channels, n_timepoints)
        if n_tasks == 1:
            return HardModule(first, 1)
        return SoftModule(
            [first, *(copy.deepcopy(first) for _ in range(n_tasks - 1))], self.strength
        )


class SoftModule(SharingModule):
    """One backbone per task, and the penalty that ties them."""

    def __init__(self, backbones: Sequence[BackboneModule], strength: float) -> None:
        super().__init__()
        self.backbones = nn.ModuleList(backbones)
        self.strength = strength
        self.n_features = backbones[0].n_features

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return each task's own features, each of shape (batch, n_features)."""
        features = []
        for backbone in self.backbones:
            features.append(backbone(x, lengths))
        return features

    def penalty(self) -> Tensor | None:
        """Return the strength times the mean squared distance between two backbones."""
        backbones = []
        for backbone in self.backbones:
            if isinstance(backbone, BackboneModule):
                backbones.append(backbone)
        if self.strength:
            return self.strength * distance(backbones)
        return None

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return nothing: each loss depends only on its own backbone."""
        return []

    def own_parameters(self) -> list[list[nn.Parameter]]:
        """Return the parameters of each task's backbone."""
        parameters = []
        for backbone in self.backbones:
            parameters.append(list(backbone.parameters()))
        return parameters


@dataclass
class SoftHard(Soft):
    """Shared lower blocks, and upper blocks per task that are tied by their distance.

    Parameters
    ----------
    head_units, strength
        See :class:`Soft`.
    branch : int, default=1
        Number of the backbone's last blocks that each task has to itself.
    """

    branch: Annotated[int, Field(ge=1)] = 1

    @property
    def gradients_meet(self) -> tuple[str, ...]:
        """At the parameters of the lower blocks."""
        return ("parameters",)

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with shared lower blocks and tied upper blocks."""
        module = build_blocks(backbone, n_channels, n_timepoints, "soft+hard")
        check_cut("branch", self.branch, module)
        if n_tasks == 1:
            return HardModule(module, 1)
        return TiedBranches(module, self.branch, n_tasks, self.strength)


class TiedBranches(BranchedModule):
    """Branches tied by the distance of their parameters."""

    def __init__(
        self, backbone: BlockBackbone, n_own: int, n_tasks: int, strength: float
    ) -> None:
        super().__init__(backbone, n_own, n_tasks)
        self.strength = strength

    def penalty(self) -> Tensor | None:
        """Return the strength times the mean squared distance between two branches."""
        if self.strength:
            return self.strength * distance(self.own_blocks)
        return None
