"""Weights that follow how fast each loss falls from epoch to epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from multitide.balancing._weighting import SMALLEST_LOSS, LinearModule, Weighting


class DWAModule(LinearModule):
    """A sum whose weights follow the ratio of the last two epochs' losses.

    Parameters
    ----------
    names : sequence of str
        All tasks.
    temperature : float
        See :class:`DWA`.
    """

    history: Tensor

    def __init__(self, names: Sequence[str], temperature: float) -> None:
        super().__init__(names)
        self.temperature = temperature
        # The mean losses of the last two epochs, the older one first; NaN until they are known.
        self.register_buffer("history", torch.full((2, len(self.names)), torch.nan))

    def weights(self) -> Tensor:
        """Return the weights, shape (n_tasks,); their sum is the number of tasks."""
        rates = self.history[1] / self.history[0].clamp(min=SMALLEST_LOSS)
        shares = torch.softmax(
            torch.nan_to_num(rates, nan=1.0) / self.temperature, dim=0
        )
        return len(self.names) * shares

    def end_epoch(self, mean_losses: Mapping[str, float]) -> None:
        """Store the mean training losses; a task without one keeps its last two."""
        super().end_epoch(mean_losses)
        for name, loss in mean_losses.items():
            column = self.history[:, self._position[name]]
            column.copy_(torch.stack([column[1], column.new_tensor(loss)]))


@dataclass
class DWA(Weighting):
    """Dynamic weight average: a loss that falls slowly gets more weight [1]_.

    In epoch t, with the mean training losses L of K tasks and the temperature T::

        rate_k = L_k(t - 1) / L_k(t - 2)
        weight_k = K * exp(rate_k / T) / sum_j(exp(rate_j / T))

    All weights are 1 in the first two epochs. Unlike in the paper, the means are over labelled
    rows only.

    Parameters
    ----------
    temperature : float, default=2.0
        The larger, the more equal the weights.

    References
    ----------
    .. [1] Liu, Johns, Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019.
       https://arxiv.org/abs/1803.10704
    """

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0

    def make(self, names: Sequence[str], kinds: Sequence[str]) -> DWAModule:
        """Return a module without a history."""
        return DWAModule(names, self.temperature)
