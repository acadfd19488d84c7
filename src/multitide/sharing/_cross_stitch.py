"""Cross-stitch networks: one backbone per task, with activations mixed after every block."""

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
    """One backbone per task; after every block, the activations of all tasks are mixed [1]_.

    Parameters
    ----------
    head_units : int, optional
        See :class:`Sharing`.
    own : float, default=0.9
        Initial weight of a task's own activation in its mixture; the other tasks share the rest
        equally.

    Notes
    -----
    The mixtures are trained. Each block has one matrix (n_tasks, n_tasks) that mixes the series,
    and one that mixes the features that the block finishes (for example those of an LSTM). The
    paper trains the network of each task first, and has a matrix per channel. Here all networks
    are trained together, with a matrix per block.

    References
    ----------
    .. [1] Misra, Shrivastava, Gupta and Hebert, "Cross-stitch networks for multi-task learning",
       CVPR 2016. https://arxiv.org/abs/1604.03539
    """

    own: Annotated[float, Field(gt=0, le=1)] = 0.9

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with a backbone per task and a mixture after every block."""
        modules = []
        for _ in range(n_tasks):
            modules.append(
                build_blocks(backbone, n_channels, n_timepoints, "cross_stitch")
            )
        if n_tasks == 1:
            return HardModule(modules[0], 1)
        return CrossStitchModule(modules, self.own)


class CrossStitchModule(SharingModule):
    """Backbones whose activations are mixed after each block."""

    def __init__(self, backbones: Sequence[BlockBackbone], own: float) -> None:
        super().__init__()
        self.backbones = nn.ModuleList(backbones)
        self.n_features = backbones[0].n_features
        self.series_mix = nn.ParameterList()
        self.feature_mix = nn.ParameterList()
        for _ in backbones[0].block_list:
            self.series_mix.append(_mixture(len(backbones), own))
            self.feature_mix.append(_mixture(len(backbones), own))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return each task's features, each of shape (batch, n_features)."""
        backbones = []
        for backbone in self.backbones:
            if isinstance(backbone, BlockBackbone):
                backbones.append(backbone)
        flows = []
        for backbone in backbones:
            flows.append(backbone.start(x, lengths))
        chains = []
        for backbone in backbones:
            chains.append(backbone.block_list)
        for i in range(len(self.series_mix)):
            before = len(flows[0].features)
            flows = [chain[i](flow) for chain, flow in zip(chains, flows, strict=True)]
            flows = _mix(flows, before, self.series_mix[i], self.feature_mix[i])
        features = []
        for backbone, flow in zip(backbones, flows, strict=True):
            features.append(backbone.pool(flow))
        return features

    def levels(self) -> list[list[nn.Module]]:
        """Return the blocks of all backbones by level, each with the mixtures after it."""
        levels = super().levels()
        for level, series, features in zip(
            levels, self.series_mix, self.feature_mix, strict=True
        ):
            level.append(nn.ParameterList([series, features]))
        return levels

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return all parameters: every loss depends on every backbone."""
        return list(self.parameters())


def _mixture(n_tasks: int, own: float) -> nn.Parameter:
    rest = (1 - own) / (n_tasks - 1)
    return nn.Parameter(
        torch.full((n_tasks, n_tasks), rest) + (own - rest) * torch.eye(n_tasks)
    )


def _mix(
    flows: list[Flow], n_before: int, series_mix: Tensor, feature_mix: Tensor
) -> list[Flow]:
    """Mix the series of all flows, and the features that the last block finished."""
    series = _weighted(series_mix, [flow.x for flow in flows])
    finished = []
    for k in range(n_before, len(flows[0].features)):
        finished.append(_weighted(feature_mix, [flow.features[k] for flow in flows]))
    mixed = []
    for i, flow in enumerate(flows):
        new = []
        for features in finished:
            new.append(features[i])
        mixed.append(
            flow._replace(x=series[i], features=(*flow.features[:n_before], *new))
        )
    return mixed


def _weighted(weights: Tensor, of_tasks: list[Tensor]) -> Tensor:
    """Return the sums of the tasks' tensors with each row of the weights, shape (n_tasks, ...)."""
    return torch.einsum("ij,j...->i...", weights, torch.stack(of_tasks))
