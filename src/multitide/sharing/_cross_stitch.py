"""Cross-stitch networks: a backbone a task, whose activations are mixed after every block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from multitide.backbones._backbone import Backbone, BlockBackbone, Flow
from multitide.sharing._hard import HardModule
from multitide.sharing._sharing import Sharing, SharingModule, build_blocks


@dataclass
class CrossStitch(Sharing):
    """A backbone a task; after every block each task goes on with a learned mixture of all tasks' activations.

    Parameters
    ----------
    head_units : int, optional
        See :class:`Sharing`.
    own : float, default=0.9
        Share of a task's own activation in its mixture at the start; the others share the rest
        equally.

    Notes
    -----
    One matrix (n_tasks, n_tasks) a block mixes the series, and another one the features that the
    block finishes (an LSTM's). The paper trains each task's network first and has a matrix a
    channel; here all start together, with a matrix a block.

    References
    ----------
    .. [1] Misra, Shrivastava, Gupta and Hebert, "Cross-stitch networks for multi-task learning",
       CVPR 2016. https://arxiv.org/abs/1604.03539
    """

    own: Annotated[float, Field(gt=0, le=1)] = 0.9

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with a backbone a task and a mixture behind every block."""
        modules = [
            build_blocks(backbone, n_channels, n_timepoints, "cross_stitch") for _ in range(n_tasks)
        ]
        return HardModule(modules[0], 1) if n_tasks == 1 else CrossStitchModule(modules, self.own)


class CrossStitchModule(SharingModule):
    """Backbones of blocks with mixtures between them."""

    def __init__(self, backbones: Sequence[BlockBackbone], own: float) -> None:
        super().__init__()
        self.backbones, self.n_features = nn.ModuleList(backbones), backbones[0].n_features
        n_blocks = len(backbones[0].block_list)
        self.series_mix = nn.ParameterList(_mixture(len(backbones), own) for _ in range(n_blocks))
        self.feature_mix = nn.ParameterList(_mixture(len(backbones), own) for _ in range(n_blocks))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return each task's features, each of shape (batch, n_features)."""
        backbones = [backbone for backbone in self.backbones if isinstance(backbone, BlockBackbone)]
        flows = [backbone.start(x, lengths) for backbone in backbones]
        for i, blocks in enumerate(
            zip(*(backbone.block_list for backbone in backbones), strict=True)
        ):
            before = len(flows[0].features)
            flows = [block(flow) for block, flow in zip(blocks, flows, strict=True)]
            flows = _mix(flows, before, self.series_mix[i], self.feature_mix[i])
        return [backbone.pool(flow) for backbone, flow in zip(backbones, flows, strict=True)]

    def levels(self) -> list[list[nn.Module]]:
        """Return the blocks of all backbones by their height, with the mixtures behind them."""
        mixtures = zip(self.series_mix, self.feature_mix, strict=True)
        return [
            [*level, nn.ParameterList(pair)]
            for level, pair in zip(super().levels(), mixtures, strict=True)
        ]

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return all parameters: every loss reaches every backbone."""
        return list(self.parameters())


def _mixture(n_tasks: int, own: float) -> nn.Parameter:
    rest = (1 - own) / (n_tasks - 1)
    return nn.Parameter(torch.full((n_tasks, n_tasks), rest) + (own - rest) * torch.eye(n_tasks))


def _mix(flows: list[Flow], n_before: int, series_mix: Tensor, feature_mix: Tensor) -> list[Flow]:
    """Mix the series of all flows, and the features that the last block finished."""
    series = torch.einsum("ij,j...->i...", series_mix, torch.stack([flow.x for flow in flows]))
    new = [
        torch.einsum(
            "ij,j...->i...", feature_mix, torch.stack([flow.features[k] for flow in flows])
        )
        for k in range(n_before, len(flows[0].features))
    ]
    return [
        flow._replace(x=series[i], features=(*flow.features[:n_before], *(each[i] for each in new)))
        for i, flow in enumerate(flows)
    ]
