"""The learning rate over training, and early stopping.

A schedule is a factor on the learning rate. When patience runs out, training does not stop at a
high rate. A short cool-down anneals the rate to zero first, so that early stopping ends as a full
run does.
"""

from __future__ import annotations

import math
from typing import Literal


def one_cycle(progress: float, warm_up: float = 0.2) -> float:
    """Rise from 1/25 to 1 in the first fifth of training, then fall to 0, as half cosines [1]_.

    Parameters
    ----------
    progress : float in [0, 1]
        Completed fraction of training.
    warm_up : float
        Fraction of training in which the rate rises.

    References
    ----------
    .. [1] Smith and Topin, "Super-convergence: very fast training of neural networks using large
       learning rates", SPIE 2019. https://arxiv.org/abs/1708.07120
    """
    if progress < warm_up:
        return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * progress / warm_up)) / 2
    return cosine((progress - warm_up) / (1 - warm_up))


def cosine(progress: float) -> float:
    """Fall from 1 to 0 as half a cosine, without restarts [1]_.

    References
    ----------
    .. [1] Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
       https://arxiv.org/abs/1608.03983
    """
    return (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def constant(progress: float) -> float:
    """Stay at the highest rate."""
    return 1.0


# "auto" as a patience: a share of the epochs, and at least so many.
PATIENCE, FEWEST = 0.2, 10

SCHEDULES = {"one_cycle": one_cycle, "cosine": cosine, "constant": constant}


class Schedule:
    """The factor on the learning rate at every step, and when training ends.

    Parameters
    ----------
    name : {"one_cycle", "cosine", "constant"}
        The curve over `max_epochs`.
    max_epochs : int
        Number of epochs of a full run.
    patience : int, "auto" or None
        Epochs without an improvement after which the cool-down starts; None: never. "auto" is a
        fifth of `max_epochs`, and at least 10.
    cool_down_at : int, optional
        Start the cool-down at this epoch, counted from 0, regardless of improvements (a refit
        repeats the curve of the first run).
    """

    def __init__(
        self,
        name: str,
        max_epochs: int,
        patience: int | Literal["auto"] | None,
        cool_down_at: int | None = None,
    ) -> None:
        self._curve = SCHEDULES[name]
        self._max_epochs = max_epochs
        if patience == "auto":
            patience = max(FEWEST, round(PATIENCE * max_epochs))
        self._patience = patience
        self.cool_down_at = cool_down_at
        self.last_improvement = -1

    @property
    def cool_down_epochs(self) -> int:
        """Number of epochs of the cool-down: a tenth of a full run, at least one."""
        return max(1, round(self._max_epochs / 10))

    def factor(self, epoch: float) -> float:
        """Return the factor on the learning rate at a (fractional) epoch, counted from 0."""
        if self.cool_down_at is None or epoch < self.cool_down_at:
            return self._curve(epoch / self._max_epochs)
        at_start = self._curve(self.cool_down_at / self._max_epochs)
        return at_start * cosine((epoch - self.cool_down_at) / self.cool_down_epochs)

    def finished(self, epoch: int, improved: bool) -> bool:
        """Return whether training ends after this epoch.

        Parameters
        ----------
        epoch : int
            Counted from 0.
        improved : bool
            Whether the epoch improved the validation loss.
        """
        if improved:
            self.last_improvement = epoch
        waited = epoch - self.last_improvement
        if self.cool_down_at is None and self._patience and waited >= self._patience:
            self.cool_down_at = epoch + 1
        end = self._max_epochs
        if self.cool_down_at is not None:
            end = min(end, self.cool_down_at + self.cool_down_epochs)
        return epoch + 1 >= end


class Repeat(Schedule):
    """The learning-rate curve of an earlier run, up to a chosen epoch.

    Parameters
    ----------
    name, max_epochs, cool_down_at
        Those of the earlier run.
    last_epoch : int
        The chosen epoch, counted from 1.
    """

    def __init__(
        self, name: str, max_epochs: int, cool_down_at: int | None, last_epoch: int
    ) -> None:
        super().__init__(name, max_epochs, None, cool_down_at)
        self._last_epoch = last_epoch

    def finished(self, epoch: int, improved: bool) -> bool:
        """Return whether this is the chosen epoch; `epoch` counts from 0."""
        return epoch + 1 >= self._last_epoch
