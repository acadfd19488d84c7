"""The map of a label that is not calibrated."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from torch import Tensor

from multitide.calibration._column_map import ColumnMap


class Unchanged(ColumnMap):
    """Returns the probability that the model predicts."""

    kind: ClassVar[str] = "unchanged"

    @classmethod
    def fitted(
        cls, log_odds: np.ndarray, yes: np.ndarray, weights: np.ndarray | None = None
    ) -> Self:
        """Return the map; there is nothing to fit."""
        return cls()

    def forward(self, log_odds: Tensor) -> Tensor:
        """Return the probabilities of these log-odds."""
        return log_odds.sigmoid()
