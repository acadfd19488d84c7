"""The plain sum of the losses, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from multitide.balancing._weighting import ConstantModule, Weighting


@dataclass
class Uniform(Weighting):
    """All tasks count alike: the sum of the losses, each in units of its trivial loss."""

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> ConstantModule:
        """Return a sum with weights of 1."""
        return ConstantModule(names, [1.0] * len(names))


@dataclass
class Mean(Weighting):
    """The mean of the losses: as `uniform`, but the step does not grow with the number of tasks.

    The mean is over all tasks. The weight of a loss does not depend on which other tasks have
    labels in the batch.
    """

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> ConstantModule:
        """Return a sum with weights of 1 / n_tasks."""
        return ConstantModule(names, [1 / len(names)] * len(names))
