"""Losses of numbers: each measures errors in standard units, and knows the constant that costs least under it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor
from torch.nn import functional as F

# Two quantiles of the labels that fall together start this far apart, as no softplus is 0.
SMALLEST_STEP = 1e-4


class NumberLoss(ABC):
    """A loss of a number; of one output a label, unless it says otherwise.

    Parameters
    ----------
    delta : float
        Where Huber's loss turns linear.
    quantiles : sequence of float
        What the pinball loss asks for.
    """

    n_outputs: int = 1

    def __init__(self, delta: float = 1.0, quantiles: Sequence[float] = (0.5,)) -> None:
        self.delta, self.quantiles = delta, np.asarray(quantiles, dtype=np.float64)

    @abstractmethod
    def measure(self, values: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of each label, (n,), for values (n, n_outputs) and labels (n,) in standard units."""

    @abstractmethod
    def best(self, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the outputs (n_outputs,) with the least weighted mean loss on labels (n,)."""

    def values(self, output: Tensor) -> Tensor:
        """Return the numbers that outputs (n, n_outputs) mean, same shape, in standard units."""
        return output


class Squared(NumberLoss):
    """The squared error; its best constant is the mean."""

    def measure(self, values: Tensor, codes: Tensor) -> Tensor:
        """Return squared errors."""
        return F.mse_loss(values[:, 0], codes, reduction="none")

    def best(self, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the mean."""
        return np.array([np.average(codes, weights=weights)])


class Absolute(NumberLoss):
    """The absolute error; its best constant is the median."""

    def measure(self, values: Tensor, codes: Tensor) -> Tensor:
        """Return absolute errors."""
        return F.l1_loss(values[:, 0], codes, reduction="none")

    def best(self, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the median."""
        return np.array([weighted_quantile(codes, weights, 0.5)])


class Huber(NumberLoss):
    """Huber's loss: squared up to `delta`, linear beyond; its best constant is where its slope is zero."""

    def measure(self, values: Tensor, codes: Tensor) -> Tensor:
        """Return Huber's loss of each error."""
        return F.huber_loss(values[:, 0], codes, reduction="none", delta=self.delta)

    def best(self, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the root of the slope."""
        if codes.min() == codes.max():
            return codes[:1].astype(np.float64)

        def slope(c: float) -> float:
            return float(np.average(np.clip(codes - c, -self.delta, self.delta), weights=weights))

        return np.array([brentq(slope, codes.min(), codes.max())])


class Pinball(NumberLoss):
    """The pinball loss of several quantiles, their mean (Koenker and Bassett 1978 [1]_).

    The first output is the lowest quantile; each further one is, through a softplus, the distance
    to the next. So quantiles never cross, whatever the network says.

    References
    ----------
    .. [1] Koenker and Bassett, "Regression Quantiles", Econometrica 46 (1978).
      https://doi.org/10.2307/1913643
    """

    def __init__(self, delta: float = 1.0, quantiles: Sequence[float] = (0.5,)) -> None:
        super().__init__(delta, quantiles)
        self.n_outputs = len(self.quantiles)

    def values(self, output: Tensor) -> Tensor:
        """Return ascending quantiles, (n, n_quantiles)."""
        return torch.cat([output[:, :1], F.softplus(output[:, 1:])], dim=1).cumsum(dim=1)

    def measure(self, values: Tensor, codes: Tensor) -> Tensor:
        """Return the mean pinball loss over the quantiles."""
        # Level by level: a tensor of levels would have to travel to the device at every step.
        pairs = zip(self.quantiles.tolist(), (codes[:, None] - values).unbind(dim=1), strict=True)
        return torch.stack(
            [torch.maximum(level * error, (level - 1) * error) for level, error in pairs]
        ).mean(dim=0)

    def best(self, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the outputs that mean the quantiles of the labels."""
        found = np.array([weighted_quantile(codes, weights, level) for level in self.quantiles])
        steps = np.maximum(np.diff(found), SMALLEST_STEP)
        return np.append(found[:1], steps + np.log(-np.expm1(-steps)))  # the inverse of softplus


LOSSES: dict[str, type[NumberLoss]] = {
    "mse": Squared,
    "mae": Absolute,
    "huber": Huber,
    "quantile": Pinball,
}


def weighted_quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float:
    """Return a number with the share `level` of the weight below it; the middle of two where both would do."""
    order = np.argsort(values, kind="stable")
    values, below = values[order], np.cumsum(weights[order])
    wanted = level * below[-1]
    slack = 1e-12 * below[-1]
    first = int(np.searchsorted(below, wanted - slack))
    after = int(np.searchsorted(below, wanted + slack))
    last = len(values) - 1
    return float(values[min(first, last)] / 2 + values[min(after, last)] / 2)
