"""The interface of a map of the probability of yes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from torch import Tensor, nn


class ColumnMap(nn.Module, ABC):
    """Maps the log-odds of yes to a calibrated probability, never decreasing.

    Parameters
    ----------
    n_knots : int, default=0
        Size of its buffers, for maps that have knots.
    """

    kind: ClassVar[str]

    def __init__(self, n_knots: int = 0) -> None:
        super().__init__()
        self.n_knots = n_knots

    @classmethod
    @abstractmethod
    def fitted(
        cls, log_odds: np.ndarray, yes: np.ndarray, weights: np.ndarray | None = None
    ) -> Self:
        """Return the map that suits some rows best.

        Parameters
        ----------
        log_odds : ndarray of float64, shape (n_rows,)
            Log-odds of yes.
        yes : ndarray of bool, shape (n_rows,)
            The labels, of which both occur.
        weights : ndarray of float64, shape (n_rows,), optional
            How many rows each row counts for; 1 by default.
        """

    @abstractmethod
    def forward(self, log_odds: Tensor) -> Tensor:
        """Return probabilities of yes, float64 (batch,)."""
