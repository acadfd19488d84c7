"""The loss of classifications: cross-entropy with optional label smoothing and focal weighting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from multitide.tasks._smallest_probability import SMALLEST_LOG, clipped

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
        if not self.gamma and not self.label_smoothing:
            return F.cross_entropy(logits, codes, reduction="none")  # fewer operations
        logs = logits.log_softmax(dim=1)
        return self._of_logs(logs.gather(1, codes[:, None])[:, 0], logs)

    def clipped_rows(self, logits: Tensor, codes: Tensor) -> Tensor:
        """Return the loss of each row, (batch,), as `of_probabilities` does.

        A negative code is a class that training has not seen: its probability is 0.
        """
        logs = logits.log_softmax(dim=1).clamp(min=SMALLEST_LOG)
        true = logs.gather(1, codes.clamp(min=0)[:, None])[:, 0]
        true = torch.where(codes < 0, SMALLEST_LOG, true)
        return self._of_logs(true, logs)

    def of_probabilities(
        self, log_losses: np.ndarray, probabilities: np.ndarray
    ) -> np.ndarray:
        """Return the loss of each row, float64 (n,), as `rows` does.

        Parameters
        ----------
        log_losses : ndarray of float64, shape (n,)
            Negative log-probability of the true class.
        probabilities : ndarray, shape (n, n_classes)
        """
        logs = torch.from_numpy(np.log(clipped(probabilities)))
        losses: np.ndarray = self._of_logs(torch.from_numpy(-log_losses), logs).numpy()
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
            logits = self._best_focal(target)
        constant = torch.from_numpy(logits).log_softmax(dim=0)
        costs = self._costs(constant).numpy()
        return constant.numpy(), float((target * costs).sum())

    def _best_focal(self, target: np.ndarray) -> np.ndarray:
        from scipy.optimize import minimize
        from scipy.special import log_softmax, softmax

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

        found: np.ndarray = minimize(
            cost, np.log(target), jac=True, method="BFGS", options={"gtol": 1e-9}
        ).x
        return found

    def _of_logs(self, true: Tensor, logs: Tensor) -> Tensor:
        """Return the loss of each row, given the log-probability of its class and those of all."""
        if not self.label_smoothing:
            return self._costs(true)
        even = self._costs(logs).mean(dim=1)
        of_true = (1 - self.label_smoothing) * self._costs(true)
        return of_true + self.label_smoothing * even

    def _costs(self, logs: Tensor) -> Tensor:
        """Return the cost of each class if it is the true one, given the log-probabilities."""
        if not self.gamma:
            return -logs
        return -logs * (-torch.expm1(logs)).clamp(min=SMALLEST_REST) ** self.gamma
