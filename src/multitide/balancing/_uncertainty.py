"""Weights learned as the uncertainty of each task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from multitide.balancing._weighting import Weighting, WeightingModule

# A loss that reaches 0 would drive its log-variance down, and its weight up, without end.
LARGEST_LOG = 10.0


class LearnedModule(WeightingModule):
    """A weighting that learns one number a task by gradient, with a learning rate of its own.

    Parameters
    ----------
    names : sequence of str
        All tasks.
    lr : float or None
        Its learning rate; None for ten times the network's.
    start : float
        Where the numbers start.
    """

    def __init__(self, names: Sequence[str], lr: float | None, start: float) -> None:
        super().__init__(names)
        self.lr = lr
        # One parameter a task, not one vector: an absent task then has no gradient at all, and
        # AdamW, which moves whatever has one (even of zero), leaves it where it is.
        self.logs = nn.ParameterList([nn.Parameter(torch.tensor(float(start))) for _ in names])

    def learned(self, present: list[int]) -> Tensor:
        """Return the numbers of the present tasks, shape (n_present,), held within bounds."""
        logs = [self.logs[i] for i in present]
        with torch.no_grad():
            for log in logs:
                log.clamp_(-LARGEST_LOG, LARGEST_LOG)
        return torch.stack(logs)

    def parameter_groups(self, base_lr: float) -> list[dict[str, Any]]:
        """Return one group, with its own learning rate and without weight decay."""
        lr = 10 * base_lr if self.lr is None else self.lr
        return [{"params": list(self.logs), "lr": lr, "weight_decay": 0.0}]


class UncertaintyModule(LearnedModule):
    """The sum of ``factor * exp(-s) * loss + s / 2``, with ``s`` learned.

    Parameters
    ----------
    names, lr, start
        See :class:`LearnedModule`.
    factors : sequence of float
        1 for tasks with classes, 1/2 for those with numbers.
    """

    factors: Tensor

    def __init__(
        self, names: Sequence[str], lr: float | None, start: float, factors: Sequence[float]
    ) -> None:
        super().__init__(names, lr, start)
        self.register_buffer("factors", torch.tensor(factors))

    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the sum over the present tasks, shape ()."""
        logs = self.learned(present)
        return (self.of_present(self.factors, present) * torch.exp(-logs) * losses + logs / 2).sum()


@dataclass
class Uncertainty(Weighting):
    """Weights learned with the network, as if each loss were a likelihood of unknown noise [1]_.

    With the log-variance s, a task with classes adds ``exp(-s) * loss + s / 2``, one with numbers
    ``exp(-s) * loss / 2 + s / 2``. Losses are in units of the trivial loss, so that the best start
    is near 0. Other than in the paper, s stays within +-10, and both terms of a task that is absent
    from the batch are left out.

    Parameters
    ----------
    lr : float, optional
        Learning rate of s; ten times the network's when not given. At the network's own it hardly
        moves.
    start : float, default=0.0
        Where s starts.

    References
    ----------
    .. [1] Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene
       Geometry and Semantics", CVPR 2018. https://arxiv.org/abs/1705.07115
    """

    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    start: Annotated[float, Field(ge=-LARGEST_LOG, le=LARGEST_LOG)] = 0.0

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> UncertaintyModule:
        """Return a module with one log-variance a task."""
        return UncertaintyModule(
            names,
            self.lr,
            self.start,
            [0.5 if kind in ("regression", "forecast") else 1.0 for kind in kinds],
        )
