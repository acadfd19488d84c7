"""Losses of numeric tasks, in standard units, each with its best constant prediction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

# Initial distance of two quantiles that coincide in the labels; a softplus cannot be 0.
SMALLEST_STEP = 1e-4


class NumberLoss(ABC):
    """A loss of numbers, with one output per label unless a subclass sets `n_outputs`.

    Parameters
    ----------
    delta : float
        Error at which Huber's loss becomes linear.
    quantiles : sequence of float
        Levels of the pinball loss.
    """

    n_outputs: int = 1

    def __init__(self, delta: float = 1.0, quantiles: Sequence[float] = (0.5,)) -> None:
        self.delta = delta
        self.quantiles = np.asarray(quantiles, dtype=np.float64)

    @abstractmethod
    def measure(self, values: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of each label, (n,).

        Parameters
        ----------
        values : Tensor, shape (n, n_outputs)
            Predictions from `values`, in standard units.
        codes : Tensor, shape (n,)
            Labels in standard units.
        """

    @abstractmethod
    def best(self, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the constant outputs, (n_outputs,), with the smallest weighted mean loss.

        Parameters
        ----------
        codes, weights : ndarray, shape (n,)
            Labels in standard units, and their weights.
        """

    def values(self, output: Tensor) -> Tensor:
        """Return the predictions for outputs (n, n_outputs), same shape, in standard units."""
        return output

    def outputs(self, values: Tensor) -> Tensor:
        """Return the outputs (n, n_outputs) that give these predictions; see `values`."""
        return values


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
    """Huber's loss: squared for errors up to `delta`, linear above it.

    Its best constant is the root of its derivative.
    """

    def measure(self, values: Tensor, codes: Tensor) -> Tensor:
        """Return Huber's loss of each error."""
        return F.huber_loss(values[:, 0], codes, reduction="none", delta=self.delta)

    def best(self, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the root of the derivative."""
        if codes.min() == codes.max():
            return codes[:1].astype(np.float64)
        from scipy.optimize import brentq

        def slope(c: float) -> float:
            return float(
                np.average(np.clip(codes - c, -self.delta, self.delta), weights=weights)
            )

        return np.array([brentq(slope, codes.min(), codes.max())])


class Pinball(NumberLoss):
    """The pinball loss, averaged over several quantiles (Koenker and Bassett 1978 [1]_).

    The first output is the lowest quantile. Each further output gives, through a softplus, the
    distance to the next quantile, so quantiles never cross.

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
        return torch.cat([output[:, :1], F.softplus(output[:, 1:])], dim=1).cumsum(
            dim=1
        )

    def outputs(self, values: Tensor) -> Tensor:
        """Return the outputs for quantiles, which are put in order and a little apart."""
        ascending = values.sort(dim=1).values
        steps = ascending.diff(dim=1).clamp(min=SMALLEST_STEP)
        # The inverse of softplus.
        distances = steps + torch.log(-torch.expm1(-steps))
        return torch.cat([ascending[:, :1], distances], dim=1)

    def measure(self, values: Tensor, codes: Tensor) -> Tensor:
        """Return the mean pinball loss over the quantiles."""
        # One level at a time: a tensor of levels would be copied to the device at every step.
        errors = (codes[:, None] - values).unbind(dim=1)
        losses = []
        for level, error in zip(self.quantiles.tolist(), errors, strict=True):
            losses.append(torch.maximum(level * error, (level - 1) * error))
        return torch.stack(losses).mean(dim=0)

    def best(self, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the outputs that correspond to the quantiles of the labels."""
        quantiles = np.array(
            [weighted_quantile(codes, weights, level) for level in self.quantiles]
        )
        outputs: np.ndarray = self.outputs(torch.from_numpy(quantiles)[None])[0].numpy()
        return outputs


LOSSES: dict[str, type[NumberLoss]] = {
    "mse": Squared,
    "mae": Absolute,
    "huber": Huber,
    "quantile": Pinball,
}


def weighted_quantile(values: np.ndarray, weights: np.ndarray, level: float) -> float:
    """Return a number with the fraction `level` of the weight below it.

    If every number between two of the values satisfies this, their midpoint is returned.
    """
    order = np.argsort(values, kind="stable")
    values = values[order]
    below = np.cumsum(weights[order])
    wanted = level * below[-1]
    slack = 1e-12 * below[-1]
    first = int(np.searchsorted(below, wanted - slack))
    after = int(np.searchsorted(below, wanted + slack))
    last = len(values) - 1
    return float(values[min(first, last)] / 2 + values[min(after, last)] / 2)
