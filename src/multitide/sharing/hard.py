"""Hard sharing: one backbone for all tasks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from multitide.backbones.backbone import Backbone, BackboneModule
from multitide.sharing.sharing import Sharing, SharingModule


@dataclass
class Hard(Sharing):
    """One backbone for all tasks, one head a task (Caruana 1997).

    References
    ----------
    .. [1] Caruana, "Multitask Learning", Machine Learning 28, 1997. https://doi.org/10.1023/A:1007379606734
    """

    def build(self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int) -> SharingModule:
        """Return a module with a single backbone."""
        return HardModule(backbone.build(n_channels, n_timepoints), n_tasks)


class HardModule(SharingModule):
    """One backbone whose features go to every task."""

    def __init__(self, backbone: BackboneModule, n_tasks: int) -> None:
        super().__init__()
        self.backbone, self.n_tasks, self.n_features = backbone, n_tasks, backbone.n_features

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> list[Tensor]:
        """Return the same features, shape (batch, n_features), for every task."""
        return [self.backbone(x, lengths)] * self.n_tasks

    def shared_parameters(self) -> list[nn.Parameter]:
        """Return all parameters of the backbone."""
        return list(self.backbone.parameters()) if self.n_tasks > 1 else []
