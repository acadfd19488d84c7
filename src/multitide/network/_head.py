"""A head that answers with a matrix, perhaps after a hidden layer."""

from __future__ import annotations

import torch
from torch import nn

from multitide.tasks._task import Target


class Head(nn.Sequential):
    """From features to a task's raw output.

    It starts as the best constant predictor, so that every loss starts at 1.

    Parameters
    ----------
    n_features : int
        Number of features.
    target : Target
        Gives the number of outputs and the best constant.
    n_units : int, optional
        Units of a hidden ReLU layer; None: the head is linear.
    """

    def __init__(
        self, n_features: int, target: Target, n_units: int | None = None
    ) -> None:
        hidden: list[nn.Module] = []
        if n_units is not None:
            hidden = [nn.Linear(n_features, n_units), nn.ReLU()]
        last = nn.Linear(n_units or n_features, target.n_outputs)
        with torch.no_grad():
            last.weight.zero_()
            last.bias.copy_(target.bias)
        super().__init__(*hidden, last)

    @property
    def linear(self) -> nn.Linear | None:
        """The matrix of a linear head; None if there is a hidden layer."""
        only = self[0]
        if isinstance(only, nn.Linear) and len(self) == 1:
            return only
        return None
