"""Scales learned so that every scaled loss becomes 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from multitide.balancing._uncertainty import LearnedModule
from multitide.balancing._weighting import Weighting


class IMTLLModule(LearnedModule):
    """The sum of ``exp(s) * loss - s``, with a trained ``s`` per task."""

    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the sum over the present tasks, shape ()."""
        logs = self.learned(present)
        return (torch.exp(logs) * losses - logs).sum()


@dataclass
class IMTLL(Weighting):
    """Impartial multi-task learning by losses: learns scales that make every scaled loss 1 [1]_.

    Each task adds ``exp(s) * loss - s`` with a trained s. This is twice `uncertainty` for
    regression, with -s for s, and has the same weakness: a loss that can become small dominates one
    that cannot. Unlike in the paper, s stays within +-10, and both terms of a task that is missing
    in the batch are left out.

    Parameters
    ----------
    lr : float, optional
        Learning rate of s. Default: ten times the network's.

    References
    ----------
    .. [1] Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021.
      https://openreview.net/forum?id=IMPnRXEWpvr
    """

    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> IMTLLModule:
        """Return a module with one scale per task, all 1."""
        return IMTLLModule(names, self.lr, 0.0)
