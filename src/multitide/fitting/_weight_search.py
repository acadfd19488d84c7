"""The search for fixed weights on validation: short runs, of which the best one's weights are trained in full."""

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
from multitide.fitting._task_group import Group
from multitide.fitting._warm_start import Source
from multitide.training._callbacks import Callback

logger = logging.getLogger("multitide")


class WeightSearch:
    """Tries weightings on one group of tasks, each in a short run.

    Parameters
    ----------
    group : Group
        The group's data; its recipe may hold any weighting, and nothing is tried unless it is
        :class:`Search`.
    callbacks : sequence of Callback
        Told of every step of every trial.
    source : Source or None
        A saved model that each trial starts from.

    Attributes
    ----------
    trials : list of dict
        One row a trial and task: ``trial`` (from 1), ``task``, ``weight``, ``loss`` (on validation,
        in units of the trivial loss, at the trial's best epoch), ``mean_loss``, ``epochs``,
        ``chosen``.
    seconds : float
        Time in training.
    """

    def __init__(self, group: Group, callbacks: Sequence[Callback], source: Source | None) -> None:
        self._group, self._callbacks, self._source = group, callbacks, source
        self.trials: list[dict[str, Any]] = []
        self.seconds = 0.0

    def settled(self) -> Group:
        """Return the group with the weighting that it is trained with.

        Raises
        ------
        ParameterError
            If there is nothing to validate on.
        """
        spec, names = self._group.recipe.weighting, self._group.names
        if not isinstance(spec, Search) or len(names) == 1:
            return self._group
        if not self._group.validated:
            raise ParameterError(
                "`validation` must not be None with weighting='search'; the weights are found on it."
            )
        recipe = self._group.recipe
        epochs = spec.epochs_of(recipe.max_epochs)
        logger.info("Weights are searched for in %d trials of %d epochs.", spec.n_trials, epochs)
        candidates = spec.candidates(names, recipe.seed)
        losses = [
            self._try(number, weighting, epochs)
            for number, weighting in enumerate(candidates, start=1)
        ]
        best = int(np.argmin(np.nan_to_num(losses, nan=np.inf)))
        for row in self.trials:
            row["chosen"] = row["trial"] == best + 1
        logger.info(
            "Trial %d has the lowest validation loss; its weights are trained in full.", best + 1
        )
        return self._with(candidates[best])

    def _try(self, number: int, weighting: Fixed, epochs: int) -> float:
        """Train with a weighting, note what came of it, and return the mean validation loss of the best epoch."""
        training = dataclasses.replace(self._group.recipe.training, refit=False)
        group = self._with(weighting, max_epochs=epochs, keep="joint", training=training)
        phases = Phases(group, self._callbacks, self._source)
        phases.run()
        self.seconds += phases.seconds
        losses = {
            row["task"]: row["loss"]
            for row in phases.history
            if row["side"] == "validation" and row["epoch"] == phases.best_epoch[row["task"]]
        }
        mean = float(np.mean(list(losses.values()))) if losses else float("nan")
        weights = weighting.weights or {}
        shared = {"mean_loss": mean, "epochs": epochs}
        self.trials += [
            {
                "trial": number,
                "task": name,
                "weight": weights[name],
                "loss": losses.get(name),
                **shared,
            }
            for name in self._group.names
        ]
        logger.info("Trial %d: weights %s, validation loss %.4f.", number, _rounded(weights), mean)
        return mean

    def _with(self, weighting: Fixed, **changes: Any) -> Group:
        """Return the group with another recipe on the same data."""
        group = copy.copy(self._group)
        group.recipe = dataclasses.replace(group.recipe, weighting=weighting, **changes)
        return group


def _rounded(weights: dict[str, float]) -> dict[str, float]:
    return {name: round(weight, 3) for name, weight in weights.items()}
