"""The loss of classifications: cross-entropy with optional label smoothing and focal weighting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from torch import Tensor

# Smallest 1 - p, so that its power has a gradient however certain the network is.
SMALLEST_REST = 1e-12


@dataclass(frozen=True)
class ClassLoss:
    """The sum over classes c of q_c (1 - p_c)^gamma (-log p_c), for probabilities p and a target q.

    q is 1 - label_smoothing at the true class, plus label_smoothing / n_classes everywhere (Szegedy
    et al. 2016 [2]_). With gamma = 0 this is the cross-entropy. With gamma > 0 it is the focal loss
    (Lin et al. 2017 [1]_), which gives less weight to rows that are already predicted well. The
    alpha of that paper corresponds to the class weight of the task.

    Parameters
    ----------
    gamma : float
        At least 0.
    label_smoothing : float
        In [0, 1).

    References
    ----------
    .. [1] Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017.
      https://arxiv.org/abs/1708.02002
    .. [2] Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016.
       https://arxiv.org/abs/1512.00567
    """

    gamma: float = 0.0
    label_smoothing: float = 0.0

    def rows(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of each row, (batch,).

        Parameters
        ----------
        logits : Tensor, shape (batch, n_classes)
        codes : Tensor, shape (batch,)
            The true classes.
        """
        costs = self._costs(logits.log_softmax(dim=1))
        true = costs.gather(1, codes[:, None])[:, 0]
        return (1 - self.label_smoothing) * true + self.label_smoothing * costs.mean(
            dim=1
        )

    def of_probabilities(
        self, log_losses: np.ndarray, probabilities: np.ndarray, smallest: float
    ) -> np.ndarray:
        """Return the loss of each row, float64 (n,), as `rows` does.

        Parameters
        ----------
        log_losses : ndarray of float64, shape (n,)
            Negative log-probability of the true class.
        probabilities : ndarray, shape (n, n_classes)
        smallest : float
            Probabilities are clipped to at least this value.
        """
        logs = np.log(np.clip(probabilities.astype(np.float64), smallest, 1.0))
        true: np.ndarray = self._costs(torch.from_numpy(-log_losses)).numpy()
        costs: np.ndarray = self._costs(torch.from_numpy(logs)).numpy()
        even = costs.mean(axis=1)
        losses: np.ndarray = (
            1 - self.label_smoothing
        ) * true + self.label_smoothing * even
        return losses

    def best(self, shares: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the logits of the best constant prediction, (n_classes,), and its mean loss.

        Parameters
        ----------
        shares : ndarray, shape (n_classes,)
            Weight of each class; the sum is 1.
        """
        target = (1 - self.label_smoothing) * shares + self.label_smoothing / len(
            shares
        )
        logits = np.log(target)
        if self.gamma:

            def cost(found: np.ndarray) -> tuple[float, np.ndarray]:
                rest = 1 - softmax(found)
                logs = log_softmax(found)
                value = float((target * rest**self.gamma * -logs).sum())
                # Derivative of the cost of each class by its log-probability, through the softmax.
                slopes = target * (
                    self.gamma * rest ** (self.gamma - 1) * (1 - rest) * logs
                    - rest**self.gamma
                )
                return value, slopes - softmax(found) * slopes.sum()

            logits = minimize(
                cost, logits, jac=True, method="BFGS", options={"gtol": 1e-9}
            ).x
        logits = log_softmax(logits)
        return logits, float(
            (target * self._costs(torch.from_numpy(logits)).numpy()).sum()
        )

    def _costs(self, logs: Tensor) -> Tensor:
        """Return the cost of each class if it is the true one, given the log-probabilities."""
        if not self.gamma:
            return -logs
        return -logs * (-torch.expm1(logs)).clamp(min=SMALLEST_REST) ** self.gamma
