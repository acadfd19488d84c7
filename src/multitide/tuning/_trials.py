"""One trial: settings trained once on the training part, judged on the validation part, given up where it lags."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from multitide._estimator import MultiTaskEstimator
from multitide.balancing._search import Search
from multitide.data._samples import Samples
from multitide.fitting._recipe import make_recipe
from multitide.study.runs._fits import Watch, losses_at, quiet, single_thread
from multitide.training._trainer import Trainer
from multitide.tuning._space import Params

WARM_UP = 1 / 3  # of the epochs, before which nothing is given up
ENOUGH = 5  # finished trials, before which nothing is given up


@dataclass(frozen=True)
class Trial:
    """What was tried and what came of it.

    Attributes
    ----------
    number : int
        From 0, which is the configuration that the search started from.
    params : dict
        The searched values by dimension.
    settings : dict
        The estimator's parameters that these stand for, as plain values.
    state : {"done", "pruned", "failed"}
    loss : float
        Mean validation loss over tasks at the epochs that answer, in units of the trivial loss; of
        a pruned trial the least until then, of a failed one NaN.
    losses : dict of str to float
        The same of each task; empty unless done.
    curve : list of float
        The mean validation loss after each epoch; empty where tasks have networks of their own.
    n_epochs, n_parameters : int
    seconds : float
        It took.
    elapsed : float
        Seconds the search had taken at its end, in all its sessions.
    reason : str
        Why it failed.
    """

    number: int
    params: Params
    settings: dict[str, Any]
    state: str
    loss: float
    losses: dict[str, float] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    n_epochs: int = 0
    n_parameters: int = 0
    seconds: float = 0.0
    elapsed: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Data:
    """What trials may see: samples of which some teach and some choose; no test rows among them.

    Attributes
    ----------
    samples : Samples
        Those of both parts only.
    train, validation : ndarray of int
        Numbers of them.
    """

    samples: Samples
    train: np.ndarray
    validation: np.ndarray


@dataclass(frozen=True)
class Order:
    """What a process is asked to try."""

    number: int
    params: Params
    settings: dict[str, Any]
    estimator: MultiTaskEstimator
    ceiling: tuple[float, ...] = ()
    deadline: float = math.inf  # by time.time(), which processes have in common
    end: float = (
        math.inf
    )  # before which the trial must be done, and done once more, should it be measured as the best
    again: float = 1.0  # what measuring takes, in units of the trial


class Pruned(Exception):
    """The trial lags behind."""


class OutOfTime(Exception):
    """The budget is spent."""


class Judge(Watch):
    """Follows the mean validation loss over epochs and gives up a trial that lags behind, or when time is up.

    Parameters
    ----------
    ceiling : sequence of float
        For each epoch the loss above which a trial is given up.
    deadline, end, again : float
        As in `Order`.
    """

    def __init__(
        self,
        ceiling: Sequence[float],
        deadline: float = math.inf,
        end: float = math.inf,
        again: float = 1.0,
    ) -> None:
        super().__init__()
        self._ceiling, self._deadline, self._end, self._again = ceiling, deadline, end, again
        self._began = time.time()
        self.curve: list[float] = []
        self.n_parameters = 0

    def on_train_begin(self, trainer: Trainer) -> None:
        """Count parameters."""
        self.n_parameters += sum(parameter.numel() for parameter in trainer.network.parameters())

    def on_step_end(self, trainer: Trainer) -> None:
        """Look at the clock."""
        now = time.time()
        if now > self._deadline or now + self._again * (now - self._began) > self._end:
            raise OutOfTime

    def on_epoch_end(self, trainer: Trainer, rows: list[dict[str, Any]]) -> None:
        """Take note of the loss; where the tasks have networks of their own, it says nothing about the whole."""
        losses = [row["loss"] for row in rows if row["side"] == "validation"]
        self.curve.append(float(np.mean(losses)))
        best, epoch = min(self.curve), len(self.curve)
        if (
            epoch <= len(self._ceiling)
            and epoch < trainer.max_epochs
            and best > self._ceiling[epoch - 1]
        ):
            raise Pruned


def ceiling(trials: Sequence[Trial], max_epochs: int) -> tuple[float, ...]:
    """Return for each epoch the loss above which a trial is given up: the median of what others had reached by then.

    The median stopping rule [1]_ on the least loss so far, after a third of the epochs and five
    finished trials.

    References
    ----------
    .. [1] Golovin, Solnik, Moitra, Kochanski, Karro and Sculley, "Google Vizier: a service for
       black-box optimization", KDD 2017. https://doi.org/10.1145/3097983.3098043
    """
    curves = [
        np.minimum.accumulate(trial.curve)
        for trial in trials
        if trial.state == "done" and trial.curve
    ]
    if len(curves) < ENOUGH:
        return ()
    reached = [
        [curve[min(epoch, len(curve) - 1)] for curve in curves] for epoch in range(max_epochs)
    ]
    medians = np.median(reached, axis=1)
    medians[: math.ceil(max_epochs * WARM_UP)] = np.inf
    return tuple(float(value) for value in medians)


def conduct_trial(order: Order, data: Data) -> Trial | None:
    """Train with one thread; None if time ran out, which says nothing about the settings."""
    started = time.perf_counter()
    several = _several_runs(order.estimator)
    judge = Judge(() if several else order.ceiling, order.deadline, order.end, order.again)
    state, loss, losses, reason = "done", math.nan, dict[str, float](), ""
    try:
        with single_thread(), quiet():
            fitted = order.estimator.fit(
                data.samples[data.train],
                validation=data.samples[data.validation],
                callbacks=[judge],
            )
        losses = losses_at(fitted.history_, fitted.best_epoch_)
        loss = float(np.mean(list(losses.values())))
    except OutOfTime:
        return None
    except Pruned:
        state, loss = "pruned", min(judge.curve)
    except Exception as error:  # settings that fail stand beside the others with the reason
        state, reason = "failed", f"{type(error).__name__}: {error}"
    if state == "done" and math.isnan(loss):
        state, reason = "failed", "its validation loss is not a number"
    return Trial(
        order.number,
        order.params,
        order.settings,
        state,
        loss,
        losses,
        [] if several else judge.curve,
        len(judge.curve),
        judge.n_parameters,
        time.perf_counter() - started,
        reason=reason,
    )


def _several_runs(estimator: MultiTaskEstimator) -> bool:
    """Return whether several networks are trained one after the other, none of which tells how the whole will do."""
    recipe = make_recipe(estimator.get_params(deep=False))
    names = [task if isinstance(task, str) else task.name for task in estimator.tasks or ()]
    phases = (
        isinstance(recipe.weighting, Search) or recipe.training.pretrain or recipe.training.start
    )
    return len(recipe.sharing.groups(names)) > 1 or bool(phases)
