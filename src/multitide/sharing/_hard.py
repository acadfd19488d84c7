"""Hard sharing: one backbone for all tasks, which may branch before its last blocks."""

from __future__ import annotations

import copy
from dataclasses import dataclass
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
    """One backbone for all tasks, one head a task (Caruana 1997).

    Parameters
    ----------
    head_units : int, optional
        See :class:`Sharing`.
    branch : int, default=0
        So many of the backbone's last blocks (and the pooling behind them) each task has for
        itself.
    conditioning : {"none", "one_hot", "film"}, default="none"
        With several data sets, how the heads learn of which one a series is: not at all; by which
        one it is, joined to the features; or by a scale and a shift of each feature that are the
        data set's own.
    width : int, optional
        With several data sets, the channels to which a convolution of one step brings each; None:
        as many as the widest has, and no such convolution where all have the same channels.

    Notes
    -----
    Several data sets have the body in common, but for batch norm: each has its own statistics and
    affine [2]_, as it has its own input layer. A task that is on several data sets has one head.
    The scales and shifts of "film" [3]_ act on the features that the heads read, not inside the
    body, where batch norm has such already.

    References
    ----------
    .. [1] Caruana, "Multitask Learning", Machine Learning 28, 1997.
      https://doi.org/10.1023/A:1007379606734
    .. [2] Chang, You, Seo, Kwak and Han, "Domain-specific batch normalization for unsupervised
       domain adaptation", CVPR 2019. https://arxiv.org/abs/1906.03950
    .. [3] Perez, Strub, de Vries, Dumoulin and Courville, "FiLM: visual reasoning with a general
       conditioning layer", AAAI 2018. https://arxiv.org/abs/1709.07871
    """

    branch: Annotated[int, Field(ge=0)] = 0
    conditioning: Conditioning = "none"
    width: Annotated[int, Field(ge=1)] | None = None

    learns_several: ClassVar[bool] = True

    @property
    def across(self) -> Across:
        """How data sets share the backbone."""
        return Across(self.conditioning, self.width)

    @property
    def gradients_meet(self) -> tuple[str, ...]:
        """Where an aggregator can combine the tasks' gradients; branches have no features in common."""
        return ("parameters",) if self.branch else ("parameters", "features")

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
    """One backbone whose features go to every task."""

    def __init__(self, backbone: BackboneModule, n_tasks: int) -> None:
        super().__init__()
        self.backbone, self.n_tasks, self.n_features = backbone, n_tasks, backbone.n_features

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return the same features, one tensor (batch, n_features), for every task."""
        return [self.backbone(x, lengths)] * self.n_tasks

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return all parameters of the backbone."""
        return list(self.backbone.parameters()) if self.n_tasks > 1 else []


class BranchedModule(SharingModule):
    """A backbone whose lower blocks are shared, and whose upper blocks each task has for itself.

    Parameters
    ----------
    backbone : BlockBackbone
        Where the blocks come from; the tasks' own blocks start as copies of its last ones.
    n_own : int
        Number of blocks that each task has for itself.
    n_tasks : int
        Number of tasks.
    """

    def __init__(self, backbone: BlockBackbone, n_own: int, n_tasks: int) -> None:
        super().__init__()
        blocks = backbone.block_list
        self.lower = nn.ModuleList(blocks[:-n_own])
        self.upper = nn.ModuleList(
            nn.ModuleList(copy.deepcopy(blocks[-n_own:])) for _ in range(n_tasks)
        )
        self.n_features = backbone.n_features
        # Starting and pooling are those of the backbone, whose blocks would be registered twice.
        backbone.blocks = nn.ModuleDict()
        self.ends = backbone

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return each task's own features, each of shape (batch, n_features)."""
        shared = run_blocks(self.lower, self.ends.start(x, lengths))
        return [self.ends.pool(run_blocks(own, shared)) for own in self.own_blocks]

    @property
    def own_blocks(self) -> list[nn.ModuleList]:
        """Each task's own blocks."""
        return [own for own in self.upper if isinstance(own, nn.ModuleList)]

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the lower blocks, and of the pooling."""
        return parameters_of([self.lower, self.ends])

    def own_parameters(self) -> list[list[nn.Parameter]]:
        """Return those of each task's own blocks."""
        return [parameters_of(own) for own in self.own_blocks]

    def levels(self) -> list[list[nn.Module]]:
        """Return the shared blocks one by one, then the tasks' own ones of each height together."""
        return [[block] for block in self.lower] + [
            list(level) for level in zip(*self.own_blocks, strict=True)
        ]


def check_cut(name: str, n_own: int, backbone: BlockBackbone) -> None:
    """Raise unless the backbone keeps at least one block below the cut."""
    n_blocks = len(backbone.block_list)
    if n_own >= n_blocks:
        raise ParameterError(
            f"`sharing.{name}` must be less than the backbone's {n_blocks} blocks ({', '.join(backbone.blocks)}); "
            f"got {n_own}. To share nothing use sharing='none'."
        )
