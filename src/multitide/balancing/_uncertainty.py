"""Weights trained with the network, as the uncertainty of each task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from multitide.balancing._weighting import Weighting, WeightingModule

# A loss of 0 would decrease its log-variance, and increase its weight, without limit.
LARGEST_LOG = 10.0
# Of the loss, by the kind of task; 1 for all others.
FACTORS = {"regression": 0.5, "forecast": 0.5}


class LearnedModule(WeightingModule):
    """A weighting with one trained parameter per task and its own learning rate.

    Parameters
    ----------
    names : sequence of str
        All tasks.
    lr : float or None
        Its learning rate; None: ten times the network's.
    start : float
        Initial value of the parameters.
    """

    def __init__(self, names: Sequence[str], lr: float | None, start: float) -> None:
        super().__init__(names)
        self.lr = lr
        # Separate parameters instead of one vector: a missing task then has no gradient, and AdamW
        # skips it. With a gradient of zero, AdamW would still change it.
        self.logs = nn.ParameterList(
            [nn.Parameter(torch.tensor(float(start))) for _ in names]
        )

    def learned(self, present: list[int]) -> Tensor:
        """Clamp the parameters of the present tasks, and return them, shape (n_present,)."""
        logs = [self.logs[i] for i in present]
        with torch.no_grad():
            for log in logs:
                log.clamp_(-LARGEST_LOG, LARGEST_LOG)
        return torch.stack(logs)

    def parameter_groups(self, base_lr: float) -> list[dict[str, object]]:
        """Return one group, with its own learning rate and without weight decay."""
        if self.lr is None:
            lr = 10 * base_lr
        else:
            lr = self.lr
        return [{"params": list(self.logs), "lr": lr, "weight_decay": 0.0}]


class UncertaintyModule(LearnedModule):
    """The sum of ``factor * exp(-s) * loss + s / 2``, with a trained ``s`` per task.

    Parameters
    ----------
    names, lr, start
        See :class:`LearnedModule`.
    factors : sequence of float
        1 for classification, 1/2 for regression and forecasts.
    """

    factors: Tensor

    def __init__(
        self,
        names: Sequence[str],
        lr: float | None,
        start: float,
        factors: Sequence[float],
    ) -> None:
        super().__init__(names, lr, start)
        self.register_buffer("factors", torch.tensor(factors))

    def combine(self, losses: Tensor, present: list[int]) -> Tensor:
        """Return the sum over the present tasks, shape ()."""
        logs = self.learned(present)
        factors = self.of_present(self.factors, present)
        return (factors * torch.exp(-logs) * losses + logs / 2).sum()


@dataclass
class Uncertainty(Weighting):
    """Trains weights with the network, with each loss as a likelihood with unknown noise [1]_.

    With the log-variance s, a classification task adds ``exp(-s) * loss + s / 2``, and a regression
    task ``exp(-s) * loss / 2 + s / 2``. Losses are in units of the trivial loss, so that 0 is a
    good start. Unlike in the paper, s stays within +-10, and both terms of a task that is missing
    in the batch are left out.

    Parameters
    ----------
    lr : float, optional
        Learning rate of s. Default: ten times the network's; with the network's own, s hardly
        changes.
    start : float, default=0.0
        Initial value of s.

    References
    ----------
    .. [1] Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene
       Geometry and Semantics", CVPR 2018. https://arxiv.org/abs/1705.07115
    """

    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    start: Annotated[float, Field(ge=-LARGEST_LOG, le=LARGEST_LOG)] = 0.0

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> UncertaintyModule:
        """Return a module with one log-variance per task."""
        factors = []
        for kind in kinds:
            factors.append(FACTORS.get(kind, 1.0))
        return UncertaintyModule(names, self.lr, self.start, factors)
