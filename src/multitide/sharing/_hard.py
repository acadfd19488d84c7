"""Hard sharing: one backbone for all tasks, optionally branched before its last blocks."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from multitide.backbones._backbone import Backbone, BackboneModule, BlockBackbone
from multitide.errors import ParameterError
from multitide.sharing._across import Across, Conditioning
from multitide.sharing._sharing import (
    Sharing,
    SharingModule,
    build_blocks,
    parameters_of,
    run_blocks,
)


@dataclass
class Hard(Sharing):
    """One backbone for all tasks, and one head per task (Caruana 1997).

    Parameters
    ----------
    head_units : int, optional
        See :class:`Sharing`.
    groups : list of lists of str, default=()
        Tasks that share a network, as a study recommends them; a task in no group has a network of
        its own. Default: one network for all tasks.
    branch : int, default=0
        Number of the backbone's last blocks that each task has to itself, with the pooling after
        them.
    conditioning : {"none", "one_hot", "film"}, default="none"
        With several data sets, how the heads are conditioned on the data set: not at all; with its
        one-hot identity, appended to the features; or with a scale and a shift per feature and data
        set.
    width : int, optional
        With several data sets, the number of channels to which a convolution with kernel size 1
        maps each of them. Default: the largest number of channels, and no convolution if all data
        sets have the same channels.

    Notes
    -----
    Several data sets share the backbone except for batch norm: each has its own statistics and
    affine parameters [2]_, and its own input layer. A task on several data sets has one head. The
    scales and shifts of "film" [3]_ apply to the features that the heads read, not inside the
    backbone, where batch norm already has some.

    References
    ----------
    .. [1] Caruana, "Multitask Learning", Machine Learning 28, 1997.
      https://doi.org/10.1023/A:1007379606734
    .. [2] Chang, You, Seo, Kwak and Han, "Domain-specific batch normalization for unsupervised
       domain adaptation", CVPR 2019. https://arxiv.org/abs/1906.03950
    .. [3] Perez, Strub, de Vries, Dumoulin and Courville, "FiLM: visual reasoning with a general
       conditioning layer", AAAI 2018. https://arxiv.org/abs/1709.07871
    """

    groups: tuple[tuple[str, ...], ...] = ()
    branch: Annotated[int, Field(ge=0)] = 0
    conditioning: Conditioning = "none"
    width: Annotated[int, Field(ge=1, le=65_536)] | None = None

    learns_several: ClassVar[bool] = True

    def networks(self, names: list[str]) -> list[list[str]]:
        """Return the tasks of each network."""
        if not self.groups:
            return [names]
        networks = []
        for group in self.groups:
            members = [name for name in names if name in group]
            if members:
                networks.append(members)
        for name in names:
            if name not in self.named_tasks:
                networks.append([name])
        return networks

    def of_one_network(self) -> Hard:
        """Return hard sharing without groups."""
        return replace(self, groups=())

    @property
    def named_tasks(self) -> list[str]:
        """The tasks of `groups`, in their order."""
        named: list[str] = []
        for group in self.groups:
            named.extend(group)
        return named

    @property
    def across(self) -> Across:
        """How data sets share the backbone."""
        return Across(self.conditioning, self.width)

    @property
    def gradients_meet(self) -> tuple[str, ...]:
        """Where an aggregator can combine gradients; branches have no common features."""
        if self.branch:
            return ("parameters",)
        return ("parameters", "features")

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with a single backbone, or with one that branches.

        Raises
        ------
        ParameterError
            If the backbone has no more blocks than `branch`.
        """
        if not self.branch or n_tasks == 1:
            return HardModule(backbone.build(n_channels, n_timepoints), n_tasks)
        module = build_blocks(backbone, n_channels, n_timepoints, "hard with a branch")
        check_cut("branch", self.branch, module)
        return BranchedModule(module, self.branch, n_tasks)


class HardModule(SharingModule):
    """One backbone whose features all tasks read."""

    def __init__(self, backbone: BackboneModule, n_tasks: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.n_tasks = n_tasks
        self.n_features = backbone.n_features

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return the same features, one tensor (batch, n_features), for every task."""
        return [self.backbone(x, lengths)] * self.n_tasks

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return all parameters of the backbone."""
        if self.n_tasks > 1:
            return list(self.backbone.parameters())
        return []


class BranchedModule(SharingModule):
    """A backbone with shared lower blocks, and separate upper blocks for each task.

    Parameters
    ----------
    backbone : BlockBackbone
        The backbone of the blocks; the upper blocks start as copies of its last ones.
    n_own : int
        Number of blocks that each task has to itself.
    n_tasks : int
        Number of tasks.
    """

    def __init__(self, backbone: BlockBackbone, n_own: int, n_tasks: int) -> None:
        super().__init__()
        blocks = backbone.block_list
        self.lower = nn.ModuleList(blocks[:-n_own])
        self.upper = nn.ModuleList()
        for _ in range(n_tasks):
            self.upper.append(nn.ModuleList(copy.deepcopy(blocks[-n_own:])))
        self.n_features = backbone.n_features
        # The backbone's start and pooling are used; its blocks would be registered twice.
        backbone.blocks = nn.ModuleDict()
        self.ends = backbone

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return each task's own features, each of shape (batch, n_features)."""
        shared = run_blocks(self.lower, self.ends.start(x, lengths))
        features = []
        for own in self.own_blocks:
            features.append(self.ends.pool(run_blocks(own, shared)))
        return features

    @property
    def own_blocks(self) -> list[nn.ModuleList]:
        """The upper blocks of each task."""
        blocks = []
        for own in self.upper:
            if isinstance(own, nn.ModuleList):
                blocks.append(own)
        return blocks

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the lower blocks and of the pooling."""
        return parameters_of([self.lower, self.ends])

    def own_parameters(self) -> list[list[nn.Parameter]]:
        """Return the parameters of each task's upper blocks."""
        parameters = []
        for own in self.own_blocks:
            parameters.append(parameters_of(own))
        return parameters

    def levels(self) -> list[list[nn.Module]]:
        """Return the shared blocks one by one, then the upper blocks of all tasks by level."""
        levels = []
        for block in self.lower:
            levels.append([block])
        for level in zip(*self.own_blocks, strict=True):
            levels.append(list(level))
        return levels


def check_cut(name: str, n_own: int, backbone: BlockBackbone) -> None:
    """Raise unless at least one block of the backbone stays shared."""
    n_blocks = len(backbone.block_list)
    if n_own >= n_blocks:
        raise ParameterError(
            f"`sharing.{name}` must be less than the backbone's "
            f"{n_blocks} blocks ({', '.join(backbone.blocks)}); "
            f"got {n_own}. To share nothing, use sharing='none'."
        )
