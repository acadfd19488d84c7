"""The mean of the losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from multitide.balancing._weighting import ConstantModule, Weighting


@dataclass
class Mean(Weighting):
    """The mean of the losses: as `uniform`, but the step does not grow with the number of tasks.

    It is over all tasks, so that a loss counts alike whether or not the others have labels in the
    batch.
    """

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> ConstantModule:
        """Return a sum with weights of 1 / n_tasks."""
        return ConstantModule(names, [1 / len(names)] * len(names))
