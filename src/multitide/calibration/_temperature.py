"""Temperature scaling: one number that sharpens or flattens the probabilities of all classes."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor

from multitide.calibration._calibrator import Calibrator, log_probabilities

# Of the factor of log-probabilities, the inverse of the temperature, as powers of e.
BOUNDS = (-4.0, 4.0)


class Temperature(Calibrator):
    """Temperature scaling (Guo et al. 2017 [1]_): log-probabilities times a factor.

    The order of the classes of a sample stays.

    References
    ----------
    .. [1] Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
       https://arxiv.org/abs/1706.04599
    """

    kind = "temperature"
    factor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("factor", torch.ones((), dtype=torch.float64))

    @classmethod
    def fitted(
        cls, logs: np.ndarray, codes: np.ndarray, weights: np.ndarray | None = None
    ) -> Self:
        """Return the temperature with the smallest log loss on some rows.

        Each row counts a little for the other classes, as much as one more row of another class
        would, so that rows that are all predicted rightly do not make every answer certain.

        Parameters
        ----------
        logs : ndarray of float64, shape (n_rows, n_classes)
            Log-probabilities.
        codes : ndarray of int, shape (n_rows,)
            The classes.
        weights : ndarray of float64, shape (n_rows,), optional
            How many rows each row counts for; 1 by default.
        """
        from scipy.optimize import minimize_scalar
        from scipy.special import log_softmax

        if weights is None:
            weights = np.ones(len(codes))
        wanted = wanted_probabilities(logs.shape[1], codes, float(weights.sum()))
        shares = weights / weights.sum()

        def loss(log_factor: float) -> float:
            scaled = log_softmax(np.exp(log_factor) * logs, axis=1)
            return -float(shares @ (wanted * scaled).sum(axis=1))

        found = minimize_scalar(loss, bounds=BOUNDS, method="bounded")
        fitted = cls()
        fitted.factor.fill_(float(np.exp(found.x)))
        return fitted

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return probabilities with this temperature, (batch, n_classes)."""
        scaled = self.factor * log_probabilities(probabilities)
        return scaled.softmax(dim=1).to(probabilities.dtype)


def wanted_probabilities(
    n_classes: int, codes: np.ndarray, n_rows: float
) -> np.ndarray:
    """Return what each class of each row should have, slightly less than 1 for the true one.

    Parameters
    ----------
    n_classes : int
    codes : ndarray of int, shape (n_rows,)
        The classes.
    n_rows : float
        How many rows count.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_classes)
    """
    n_others = n_classes - 1
    share = n_others / (n_rows + n_others + 1)
    wanted = np.full((len(codes), n_classes), share / n_others)
    wanted[np.arange(len(codes)), codes] = 1 - share
    return wanted
