"""Temperature scaling with a shift per class, for classes that training has weighted."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor

from multitide.calibration._calibrator import Calibrator, log_probabilities
from multitide.calibration._temperature import BOUNDS, wanted_probabilities


class ShiftedTemperature(Calibrator):
    """Bias-corrected temperature scaling (Alexandari et al. 2020 [1]_).

    Log-probabilities times a factor, plus a shift per class. Class weights multiply the odds of
    the classes, and the shifts take that back. The most probable class can change.

    Parameters
    ----------
    n_classes : int

    References
    ----------
    .. [1] Alexandari, Kundaje and Shrikumar, "Maximum likelihood with bias-corrected calibration is
       hard-to-beat at label shift adaptation", ICML 2020. https://arxiv.org/abs/1901.06852
    """

    kind = "shifted temperature"
    factor: Tensor
    shifts: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.register_buffer("factor", torch.ones((), dtype=torch.float64))
        self.register_buffer("shifts", torch.zeros(n_classes, dtype=torch.float64))

    @classmethod
    def fitted(
        cls, logs: np.ndarray, codes: np.ndarray, weights: np.ndarray | None = None
    ) -> Self:
        """Return factor and shifts with the smallest log loss; see `Temperature.fitted`."""
        from scipy.optimize import minimize
        from scipy.special import log_softmax, softmax

        if weights is None:
            weights = np.ones(len(codes))
        n_classes = logs.shape[1]
        wanted = wanted_probabilities(n_classes, codes, float(weights.sum()))
        shares = (weights / weights.sum())[:, None]

        def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
            scaled = numbers[0] * logs + numbers[1:]
            value = -float((shares * wanted * log_softmax(scaled, axis=1)).sum())
            errors = shares * (softmax(scaled, axis=1) - wanted)
            return value, np.append((errors * logs).sum(), errors.sum(axis=0))

        factors = (float(np.exp(BOUNDS[0])), float(np.exp(BOUNDS[1])))
        found = minimize(
            loss,
            np.append(1.0, np.zeros(n_classes)),
            jac=True,
            method="L-BFGS-B",
            bounds=[factors, *[(None, None)] * n_classes],
        )
        fitted = cls(n_classes)
        fitted.factor.fill_(float(found.x[0]))
        fitted.shifts.copy_(torch.from_numpy(found.x[1:] - found.x[1:].mean()))
        return fitted

    def forward(self, probabilities: Tensor) -> Tensor:
        """Return calibrated probabilities, (batch, n_classes)."""
        scaled = self.factor * log_probabilities(probabilities) + self.shifts
        return scaled.softmax(dim=1).to(probabilities.dtype)
