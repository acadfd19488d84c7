"""A trial: settings trained once on the training set and judged on the validation set."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, NonNegativeInt

from multitide._count_values import count_values
from multitide._estimator import MultiTaskEstimator
from multitide._forgotten_fits import forgotten
from multitide._quiet import quiet
from multitide._threads import single_thread
from multitide._uncalibrated import uncalibrated
from multitide.balancing._search import Search as WeightSearch
from multitide.data._samples import Samples
from multitide.fitting._recipe import make_recipe
from multitide.study.runs._training import StepCounter, losses_at
from multitide.training._best_weights import JOINT
from multitide.training._callbacks import HistoryRow
from multitide.training._trainer import Trainer
from multitide.tuning._space import Params

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
MIN_TRIALS_TO_PRUNE = 5
NEVER_PRUNED = 1 / 3  # of the epochs


@dataclass(frozen=True)
class Trial:
    """One set of settings and its result.

    Attributes
    ----------
    number : int
        Counted from 0, which is the configuration that the search started from.
    params : dict
        The searched values by dimension.
    settings : dict
        The parameters of the estimator that these values stand for, as plain values.
    state : {"done", "pruned", "failed"}
        During a search also "waiting", "running" and "stopped".
    loss : float
        Mean validation loss over tasks at the epochs that are kept, in units of the trivial loss.
        For a pruned trial, the lowest loss until then; for a failed one, NaN.
    losses : dict of str to float
        The loss per task; empty unless done.
    curve : list of float
        The mean validation loss after each epoch; empty if tasks have networks of their own.
    n_epochs, n_parameters : int
    seconds : float
        Training time.
    elapsed : float
        Seconds from the start of the search to the end of the trial, over all sessions.
    reason : str
        Why it failed.
    """

    number: int
    params: Params
    settings: dict[str, Any]
    state: Literal["waiting", "running", "stopped", "done", "pruned", "failed"]
    loss: float = math.nan
    losses: dict[str, float] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    n_epochs: NonNegativeInt = 0
    n_parameters: NonNegativeInt = 0
    seconds: Seconds = 0.0
    elapsed: Seconds = 0.0
    reason: str = ""

    @property
    def finished(self) -> bool:
        """Whether there is a result."""
        return self.state in ("done", "pruned", "failed")


@dataclass(frozen=True)
class Data:
    """The samples that trials see: training and validation set, without the test set.

    Attributes
    ----------
    samples : Samples
    train, validation : ndarray of int
        Their rows.
    """

    samples: Samples
    train: np.ndarray
    validation: np.ndarray


@dataclass(frozen=True)
class Limits:
    """When a trial ends early. Times are those of ``time.time()``, which processes share.

    Attributes
    ----------
    ceiling : tuple of float
        For each epoch, the loss above which the trial is pruned.
    deadline : float
        When the trial must end.
    end : float
        When the trial must be measured on the test set, in case it is the best.
    cost_to_measure : float
        The time that measuring takes, in units of the time that the trial takes.
    parent : int, optional
        The process whose end stops the trial.
    """

    ceiling: tuple[float, ...] = ()
    deadline: float = math.inf
    end: float = math.inf
    cost_to_measure: float = 1.0
    parent: int | None = None


class Pruned(Exception):
    """The trial lags behind the others."""


class Stopped(Exception):
    """There is no time left for the trial."""


class Judge(StepCounter):
    """Record the validation loss, and end a trial that reaches its limits."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits
        self._began = time.time()
        self.curve: list[float] = []
        self.n_parameters = 0

    def on_train_begin(self, trainer: Trainer) -> None:
        """Count parameters."""
        self.n_parameters += count_values(trainer.network.parameters())

    def on_step_end(self, trainer: Trainer) -> None:
        """Stop when time is up, or when the process that started this one has ended."""
        limits, now = self._limits, time.time()
        measured = now + limits.cost_to_measure * (now - self._began)
        if now > limits.deadline or measured > limits.end:
            raise Stopped
        if limits.parent is not None and limits.parent != os.getppid():
            raise Stopped

    def on_epoch_end(self, trainer: Trainer, rows: list[HistoryRow]) -> None:
        """Record the loss, and prune. Rows are those of ``Callback``."""
        if JOINT not in trainer.keeper.best:
            return  # the finish of one task
        losses = []
        for row in rows:
            if row["side"] == "validation":
                losses.append(row["loss"])
        self.curve.append(float(np.mean(losses)))
        epoch, ceiling = len(self.curve), self._limits.ceiling
        can_prune = epoch <= len(ceiling) and epoch < trainer.max_epochs
        if can_prune and min(self.curve) > ceiling[epoch - 1]:
            raise Pruned


def pruning_ceiling(trials: Sequence[Trial], max_epochs: int) -> tuple[float, ...]:
    """Return, for each epoch, the loss above which a trial is pruned.

    It is the median of the lowest losses that other trials had reached by then (the median stopping
    rule [1]_), after a third of the epochs and five finished trials.

    References
    ----------
    .. [1] Golovin, Solnik, Moitra, Kochanski, Karro and Sculley, "Google Vizier: a service for
       black-box optimization", KDD 2017. https://doi.org/10.1145/3097983.3098043
    """
    reached = []
    for trial in trials:
        if trial.state == "done" and trial.curve:
            lowest = np.minimum.accumulate(trial.curve)[:max_epochs]
            reached.append(np.pad(lowest, (0, max_epochs - len(lowest)), mode="edge"))
    if len(reached) < MIN_TRIALS_TO_PRUNE:
        return ()
    medians = np.median(reached, axis=0)
    medians[: math.ceil(max_epochs * NEVER_PRUNED)] = np.inf
    return tuple(map(float, medians))


def run_trial(
    trial: Trial, estimator: MultiTaskEstimator, data: Data, limits: Limits
) -> Trial | None:
    """Train with one thread and return the trial with its result; None if it was stopped."""
    started = time.perf_counter()
    several = trains_several_networks(estimator)
    if several:
        limits = replace(limits, ceiling=())
    judge = Judge(limits)
    result = trial
    try:
        with forgotten(), single_thread(), quiet():
            fitted = uncalibrated(estimator).fit(
                data.samples[data.train],
                validation=data.samples[data.validation],
                callbacks=[judge],
            )
        losses = losses_at(fitted.history_, fitted.best_epoch_)
        loss = float(np.mean(list(losses.values())))
        result = replace(trial, state="done", loss=loss, losses=losses)
    except Stopped:
        return None
    except Pruned:
        result = replace(trial, state="pruned", loss=min(judge.curve))
    except Exception as error:  # settings that fail are listed with the reason
        result = replace(
            trial, state="failed", reason=f"{type(error).__name__}: {error}"
        )
    if result.state == "done" and math.isnan(result.loss):
        result = replace(
            result, state="failed", reason="its validation loss is not a number"
        )
    return replace(
        result,
        curve=[] if several else judge.curve,
        n_epochs=len(judge.curve),
        n_parameters=judge.n_parameters,
        seconds=time.perf_counter() - started,
    )


def trains_several_networks(estimator: MultiTaskEstimator) -> bool:
    """Return whether several networks are trained in turn, so that no curve can be judged."""
    recipe = make_recipe(estimator.get_params(deep=False))
    if isinstance(recipe.weighting, WeightSearch):
        return True
    if recipe.training.pretrain or recipe.training.start:
        return True
    names = []
    for task in estimator.tasks or ():
        names.append(task if isinstance(task, str) else task.name)
    return len(recipe.sharing.networks(names)) > 1
