"""No sharing: one network per task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from multitide.backbones._backbone import Backbone
from multitide.sharing._hard import HardModule
from multitide.sharing._sharing import Sharing, SharingModule


@dataclass
class NoSharing(Sharing):
    """One network per task, each trained separately on its own labelled rows.

    Each network has its own schedule and its own best epoch. This is what a user without multitide
    does, with one fit per task and the same seed; it is the baseline ``alone`` of a study.

    Parameters
    ----------
    head_units : int, optional
        See :class:`Sharing`.
    """

    learns_several: ClassVar[bool] = True

    @property
    def gradients_meet(self) -> tuple[str, ...]:
        """Anywhere: a network with one task does not use its aggregator."""
        return ("parameters", "features")

    def networks(self, names: list[str]) -> list[list[str]]:
        """Return one network per task."""
        return [[name] for name in names]

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with a single backbone."""
        return HardModule(backbone.build(n_channels, n_timepoints), n_tasks)
