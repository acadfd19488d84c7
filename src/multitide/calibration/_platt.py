"""Platt scaling: a logistic curve of the log-odds of yes."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from multitide.calibration._column_map import ColumnMap


class Platt(ColumnMap):
    """Platt scaling (Platt 1999 [1]_): a logistic curve of the log-odds.

    The slope corrects for too much or too little confidence, and the offset for a shift, such as
    that of class weights. The slope is never negative, so that the order of the samples stays.

    References
    ----------
    .. [1] Platt, "Probabilistic outputs for support vector machines and comparisons to regularized
       likelihood methods", Advances in Large Margin Classifiers (1999).
    """

    kind: ClassVar[str] = "platt"
    curve: Tensor

    def __init__(self, n_knots: int = 0) -> None:
        super().__init__(0)
        self.register_buffer("curve", torch.tensor([1.0, 0.0], dtype=torch.float64))

    @classmethod
    def fitted(
        cls, log_odds: np.ndarray, yes: np.ndarray, weights: np.ndarray | None = None
    ) -> Self:
        """Return the curve with the smallest log loss on some rows.

        Labels count as slightly less than 1 and more than 0, as Platt proposes, so that rows that
        can be told apart perfectly do not make it infinitely steep.
        """
        from scipy.optimize import minimize
        from scipy.special import expit

        if weights is None:
            weights = np.ones(len(yes))
        n_yes, n_no = weights[yes].sum(), weights[~yes].sum()
        shares = weights / weights.sum()
        wanted = np.where(yes, (n_yes + 1) / (n_yes + 2), 1 / (n_no + 2))

        def loss(curve: np.ndarray) -> tuple[float, np.ndarray]:
            logits = curve[0] * log_odds + curve[1]
            errors = expit(logits) - wanted
            losses = np.logaddexp(0.0, logits) - wanted * logits
            slope = np.array([shares @ (errors * log_odds), shares @ errors])
            return float(shares @ losses), slope

        found = minimize(
            loss,
            np.array([1.0, 0.0]),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0.0, None), (None, None)],
            options={"ftol": 1e-14, "gtol": 1e-8},
        )
        fitted = cls()
        fitted.curve.copy_(torch.from_numpy(found.x))
        return fitted

    def forward(self, log_odds: Tensor) -> Tensor:
        """Return the probabilities of yes on the curve."""
        return (self.curve[0] * log_odds + self.curve[1]).sigmoid()
