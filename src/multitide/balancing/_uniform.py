"""The plain sum of the losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from multitide.balancing._weighting import ConstantModule, Weighting


@dataclass
class Uniform(Weighting):
    """Every task counts alike: the sum of the losses, each in units of its trivial loss."""

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> ConstantModule:
        """Return a sum with weights of 1."""
        return ConstantModule(names, [1.0] * len(names))
