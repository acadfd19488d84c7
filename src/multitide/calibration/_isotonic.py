"""Isotonic regression: any curve of the probability of yes that never decreases."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from multitide.calibration._column_map import ColumnMap


class Isotonic(ColumnMap):
    """Isotonic regression (Zadrozny and Elkan 2002 [1]_) of the labels on the probabilities.

    Between its knots it is linear. It follows any curve that never decreases, and needs many labels
    for that.

    References
    ----------
    .. [1] Zadrozny and Elkan, "Transforming classifier scores into accurate multiclass probability
       estimates", KDD 2002. https://doi.org/10.1145/775047.775151
    """

    kind: ClassVar[str] = "isotonic"
    knots: Tensor
    levels: Tensor

    def __init__(self, n_knots: int = 2) -> None:
        super().__init__(n_knots)
        ascending = torch.linspace(0.0, 1.0, n_knots, dtype=torch.float64)
        self.register_buffer("knots", ascending)
        self.register_buffer("levels", ascending.clone())

    @classmethod
    def fitted(
        cls, log_odds: np.ndarray, yes: np.ndarray, weights: np.ndarray | None = None
    ) -> Self:
        """Return the curve with the smallest squared error on some rows.

        It stays away from 0 and 1 as far as one more row of either label would bring it: a
        probability of exactly 0 would make a single row's log loss infinite.
        """
        from scipy.special import expit
        from sklearn.isotonic import IsotonicRegression

        curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        curve.fit(expit(log_odds), yes.astype(np.float64), sample_weight=weights)
        n_rows = len(yes) if weights is None else weights.sum()
        margin = 1 / (n_rows + 2)
        knots, levels = curve.X_thresholds_, curve.y_thresholds_
        if len(knots) == 1:
            knots, levels = np.repeat(knots, 2), np.repeat(levels, 2)
        fitted = cls(len(knots))
        fitted.knots.copy_(torch.from_numpy(knots))
        fitted.levels.copy_(torch.from_numpy(levels.clip(margin, 1 - margin)))
        return fitted

    def forward(self, log_odds: Tensor) -> Tensor:
        """Return the probabilities of yes on the curve.

        The curve is the sum of what it rises in each step; unlike a search for the knots, that can
        be exported.
        """
        steps = self.knots.diff().clamp(min=1e-300)
        passed = (log_odds.sigmoid()[:, None] - self.knots[:-1]) / steps
        rises = passed.clamp(0.0, 1.0) * self.levels.diff()
        return self.levels[0] + rises.sum(dim=1)
