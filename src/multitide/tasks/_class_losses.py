"""One loss of classes with two dials: cross-entropy, smoothed labels, focal, and both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from torch import Tensor

# The smallest 1 - p: its power has a gradient at all, however sure the network is.
SMALLEST_REST = 1e-12


@dataclass(frozen=True)
class ClassLoss:
    """The sum over classes c of q_c (1 - p_c)^gamma (-log p_c), for the probabilities p and a target q.

    q is 1 - label_smoothing at the true class, plus label_smoothing / n_classes everywhere (Szegedy
    et al. 2016 [2]_). With gamma = 0 this is the cross-entropy; with gamma > 0 the focal loss (Lin
    et al. 2017 [1]_), under which rows that are answered well count less. The paper's alpha is the
    task's class weight.

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
        """Return each row's loss, (batch,), for logits (batch, n_classes) and classes (batch,)."""
        costs = self._costs(logits.log_softmax(dim=1))
        true = costs.gather(1, codes[:, None])[:, 0]
        return (1 - self.label_smoothing) * true + self.label_smoothing * costs.mean(dim=1)

    def of_probabilities(
        self, log_losses: np.ndarray, probabilities: np.ndarray, smallest: float
    ) -> np.ndarray:
        """Return each row's loss, float64 (n,), as `rows` does.

        Parameters
        ----------
        log_losses : ndarray of float64, shape (n,)
            Minus the log of the true class's probability.
        probabilities : ndarray, shape (n, n_classes)
        smallest : float
            Probabilities below it count as it.
        """
        logs = np.log(np.clip(probabilities.astype(np.float64), smallest, 1.0))
        true, costs = (
            self._costs(torch.from_numpy(found)).numpy() for found in (-log_losses, logs)
        )
        return (1 - self.label_smoothing) * true + self.label_smoothing * costs.mean(axis=1)

    def best(self, shares: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the logits (n_classes,) of the best constant, and its mean loss.

        Parameters
        ----------
        shares : ndarray, shape (n_classes,)
            Weight of each class, with a sum of 1.
        """
        target = (1 - self.label_smoothing) * shares + self.label_smoothing / len(shares)
        logits = np.log(target)
        if self.gamma:

            def cost(found: np.ndarray) -> tuple[float, np.ndarray]:
                rest = 1 - softmax(found)
                logs = log_softmax(found)
                value = float((target * rest**self.gamma * -logs).sum())
                # The slope of each class's cost by its log-probability, through the softmax.
                slopes = target * (
                    self.gamma * rest ** (self.gamma - 1) * (1 - rest) * logs - rest**self.gamma
                )
                return value, slopes - softmax(found) * slopes.sum()

            logits = minimize(cost, logits, jac=True, method="BFGS", options={"gtol": 1e-9}).x
        logits = log_softmax(logits)
        return logits, float((target * self._costs(torch.from_numpy(logits)).numpy()).sum())

    def _costs(self, logs: Tensor) -> Tensor:
        """Return what a class of these log-probabilities costs where it is the true one."""
        if not self.gamma:
            return -logs
        return -logs * (-torch.expm1(logs)).clamp(min=SMALLEST_REST) ** self.gamma
