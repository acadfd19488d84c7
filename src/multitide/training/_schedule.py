"""The learning rate over training, and the early stop that lives with it.

A schedule is a factor on the learning rate. When patience runs out, training does not break off at
a high rate: the rate is annealed to zero over a short cool-down first, so that an early stop ends
as a full run does.
"""

from __future__ import annotations

import math


def one_cycle(progress: float, warm_up: float = 0.2) -> float:
    """Rise from 1/25 to 1 over the first fifth of training, then fall to 0, both along half a cosine [1]_.

    Parameters
    ----------
    progress : float in [0, 1]
        Share of training that is done.
    warm_up : float
        Share of training in which it rises.

    References
    ----------
    .. [1] Smith and Topin, "Super-convergence: very fast training of neural networks using large
       learning rates", SPIE 2019. https://arxiv.org/abs/1708.07120
    """
    if progress < warm_up:
        return 1 / 25 + (1 - 1 / 25) * (1 - math.cos(math.pi * progress / warm_up)) / 2
    return cosine((progress - warm_up) / (1 - warm_up))


def cosine(progress: float) -> float:
    """Fall from 1 to 0 along half a cosine, without restarts [1]_.

    References
    ----------
    .. [1] Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
       https://arxiv.org/abs/1608.03983
    """
    return (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def constant(progress: float) -> float:
    """Stay at the highest rate."""
    return 1.0


SCHEDULES = {"one_cycle": one_cycle, "cosine": cosine, "constant": constant}


class Schedule:
    """The learning rate's factor at every step, and when training ends.

    Parameters
    ----------
    name : {"one_cycle", "cosine", "constant"}
        The curve over `max_epochs`.
    max_epochs : int
        Length of a full run.
    patience : int or None
        Epochs without an improvement after which the cool-down starts; None: never.
    cool_down_at : int, optional
        Start the cool-down before this epoch whatever is measured (a refit repeats the first run's
        curve).
    """

    def __init__(
        self, name: str, max_epochs: int, patience: int | None, cool_down_at: int | None = None
    ) -> None:
        self._curve, self._max_epochs, self._patience = SCHEDULES[name], max_epochs, patience
        self.cool_down_at = cool_down_at
        self._last_improvement = -1

    @property
    def cool_down_epochs(self) -> int:
        """Length of the cool-down: a tenth of a full run, at least one epoch."""
        return max(1, round(self._max_epochs / 10))

    def factor(self, epoch: float) -> float:
        """Return the factor on the learning rate at a (fractional) epoch, counted from 0."""
        if self.cool_down_at is None or epoch < self.cool_down_at:
            return self._curve(epoch / self._max_epochs)
        at_start = self._curve(self.cool_down_at / self._max_epochs)
        return at_start * cosine((epoch - self.cool_down_at) / self.cool_down_epochs)

    def finished(self, epoch: int, improved: bool) -> bool:
        """Tell whether training ends after this epoch; `improved`: whether validation has just found a better one."""
        if improved:
            self._last_improvement = epoch
        if (
            self.cool_down_at is None
            and self._patience
            and epoch - self._last_improvement >= self._patience
        ):
            self.cool_down_at = epoch + 1
        end = self._max_epochs
        if self.cool_down_at is not None:
            end = min(end, self.cool_down_at + self.cool_down_epochs)
        return epoch + 1 >= end


class Repeat(Schedule):
    """The learning-rate curve of an earlier run, ended after a chosen epoch.

    Parameters
    ----------
    name, max_epochs, cool_down_at
        As that run's.
    last_epoch : int
        Counted from 1.
    """

    def __init__(
        self, name: str, max_epochs: int, cool_down_at: int | None, last_epoch: int
    ) -> None:
        super().__init__(name, max_epochs, None, cool_down_at)
        self._last_epoch = last_epoch

    def finished(self, epoch: int, improved: bool) -> bool:
        """Tell whether this was the chosen epoch."""
        return epoch + 1 >= self._last_epoch
