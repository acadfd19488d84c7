"""The search for fixed task weights: short trials, and a full run with the best weights."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from multitide.balancing._fixed import Fixed
from multitide.balancing._search import Search
from multitide.errors import ParameterError
from multitide.fitting._phases import Phases
from multitide.fitting._task_group import TaskGroup
from multitide.fitting._warm_start import Source
from multitide.training._callbacks import Callback
from multitide.training._checkpoint_store import CheckpointStore

logger = logging.getLogger("multitide")


class WeightSearch:
    """Tries weights on one group of tasks, each in a short run.

    Parameters
    ----------
    group : TaskGroup
        The data of the group. Its recipe may hold any weighting; trials are run only for
        :class:`Search`.
    callbacks : sequence of Callback
        Called at every step of every trial.
    source : Source or None
        A saved model that each trial starts from.
    store : CheckpointStore, optional
        Keeps the state of each training.

    Attributes
    ----------
    trials : list of dict
        One row per trial and task: ``trial`` (from 1), ``task``, ``weight``, ``loss`` (on the
        validation set, in units of the trivial loss, at the trial's best epoch), ``mean_loss``,
        ``epochs``, ``chosen``.
    seconds : float
        Time spent in training.
    """

    def __init__(
        self,
        group: TaskGroup,
        callbacks: Sequence[Callback],
        source: Source | None,
        store: CheckpointStore | None = None,
    ) -> None:
        self._group = group
        self._store = store
        self._callbacks = callbacks
        self._source = source
        self.trials: list[dict[str, Any]] = []
        self.seconds = 0.0

    def best_group(self) -> TaskGroup:
        """Return the group with the weighting to train with.

        Raises
        ------
        ParameterError
            If there is no validation set.
        """
        search, names = self._group.recipe.weighting, self._group.names
        if not isinstance(search, Search) or len(names) == 1:
            return self._group
        check_searchable(self._group)
        recipe = self._group.recipe
        epochs = search.epochs_of(recipe.n_epochs)
        logger.info(
            "Searching for weights: %d trials of %d epochs.", search.n_trials, epochs
        )
        candidates = search.candidates(names, recipe.seed)
        losses = []
        for number, weighting in enumerate(candidates, start=1):
            losses.append(self._try(number, weighting, epochs))
        best = int(np.argmin(np.nan_to_num(losses, nan=np.inf)))
        for row in self.trials:
            row["chosen"] = row["trial"] == best + 1
        logger.info(
            "Trial %d has the lowest validation loss; training with its weights.",
            best + 1,
        )
        return self._with(candidates[best])

    def _try(self, number: int, weighting: Fixed, epochs: int) -> float:
        """Run a trial, record it, and return the mean validation loss at its best epoch."""
        training = dataclasses.replace(self._group.recipe.training, refit=False)
        group = self._with(weighting)
        group.recipe = dataclasses.replace(
            group.recipe, max_epochs=epochs, keep="joint", training=training
        )
        phases = Phases(group, self._callbacks, self._source, self._store)
        phases.run()
        self.seconds += phases.seconds
        losses: dict[str, float] = {}
        for row in phases.history:
            if (
                row["side"] == "validation"
                and row["epoch"] == phases.best_epoch[row["task"]]
            ):
                losses[row["task"]] = row["loss"]
        if losses:
            mean = float(np.mean(list(losses.values())))
        else:
            mean = float("nan")
        weights = weighting.weights or {}
        for name in self._group.names:
            self.trials.append(
                {
                    "trial": number,
                    "task": name,
                    "weight": weights[name],
                    "loss": losses.get(name),
                    "mean_loss": mean,
                    "epochs": epochs,
                }
            )
        rounded = {}
        for name, weight in weights.items():
            rounded[name] = round(weight, 3)
        logger.info(
            "Trial %d: weights %s, validation loss %.4f.", number, rounded, mean
        )
        return mean

    def _with(self, weighting: Fixed) -> TaskGroup:
        """Return the same data with another weighting."""
        group = copy.copy(self._group)
        group.recipe = dataclasses.replace(group.recipe, weighting=weighting)
        return group


def check_searchable(group: TaskGroup) -> None:
    """Raise if weights are to be searched without a validation set."""
    is_search = isinstance(group.recipe.weighting, Search) and len(group.names) > 1
    if is_search and not group.has_validation:
        raise ParameterError(
            "`validation` must not be None with weighting='search'; "
            "the validation set chooses the weights."
        )
