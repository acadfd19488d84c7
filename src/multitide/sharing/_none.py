"""No sharing: a network a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from multitide.backbones._backbone import Backbone
from multitide.sharing._hard import HardModule
from multitide.sharing._sharing import Sharing, SharingModule


@dataclass
class NoSharing(Sharing):
    """A network a task, each trained apart on its own labelled rows, with its own schedule and its own best epoch.

    It is what a user without multitide does, one fit a task with the same seed, and therefore the
    arm ``alone`` that a study compares with.

    Parameters
    ----------
    head_units : int, optional
        See :class:`Sharing`.
    """

    learns_several: ClassVar[bool] = True

    @property
    def gradients_meet(self) -> tuple[str, ...]:
        """Anywhere: with one task a network an aggregator is bypassed."""
        return ("parameters", "features")

    def groups(self, names: list[str]) -> list[list[str]]:
        """Return every task by itself."""
        return [[name] for name in names]

    def build(
        self, backbone: Backbone, n_channels: int, n_timepoints: int, n_tasks: int
    ) -> SharingModule:
        """Return a module with a single backbone."""
        return HardModule(backbone.build(n_channels, n_timepoints), n_tasks)
