"""The finish: after joint training, each task trains a copy of the network alone."""

from __future__ import annotations

import copy
import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from multitide.balancing._diverged import Diverged
from multitide.balancing._uniform import Uniform
from multitide.fitting._recipe import Recipe
from multitide.fitting._task_group import TaskGroup
from multitide.network._copies import copy_with_state
from multitide.network._network import Network
from multitide.training._best_weights import Keeper
from multitide.training._trainer import Trainer

logger = logging.getLogger("multitide")

# Of the joint training: the share of its epochs, and of its learning rate.
EPOCHS, RATE = 0.25, 0.1

Train = Callable[[Network, Sequence[Any], Keeper, Recipe], Trainer]


@dataclass(frozen=True)
class Finished:
    """A network that one task has trained further.

    Attributes
    ----------
    network : Network
        With the weights of the best epoch; its other tasks are not answered by it.
    epoch : int
        The best epoch, counted from 1 in the finish.
    loss : float
        The validation loss of that epoch.
    history : list of dict
        The rows of the task.
    """

    network: Network
    epoch: int
    loss: float
    history: list[dict[str, Any]]


def position_of(name: str, predicted: Sequence[Sequence[str]]) -> int:
    """Return the position of the network that predicts a task."""
    for i, names in enumerate(predicted):
        if name in names:
            return i
    raise KeyError(name)


def finish_task(
    group: TaskGroup, name: str, network: Network, loss: float, train: Train
) -> Finished | None:
    """Train a copy of a network on the labelled rows of one task.

    Parameters
    ----------
    group : TaskGroup
        The data of the group.
    name : str
        The task.
    network : Network
        The network that predicts it after joint training.
    loss : float
        Its validation loss there; infinite if the task has no labels in the validation set.
    train : callable
        Trains a network in place, from its data, its keeper and its recipe.

    Returns
    -------
    Finished or None
        None if no epoch has a lower validation loss, or training ends before the first.
    """
    if math.isinf(loss):
        return None
    only = np.array([each == name for each in group.names])
    data = [each.only(only) for each in group.data]
    recipe = dataclasses.replace(
        group.recipe,
        max_epochs=max(1, round(EPOCHS * group.recipe.n_epochs)),
        lr=RATE * group.recipe.lr,
        weighting=Uniform(),
        aggregator=None,
    )
    keeper = Keeper.of_task(name)
    trainer: Trainer | None = None
    # Raised by the trainer before it has kept any epoch; the joint training stands.
    with suppress(KeyboardInterrupt, Diverged):
        trainer = train(copy.deepcopy(network), data, keeper, recipe)
    if trainer is None:
        return None
    best = keeper.best[name]
    is_better = best.loss < loss
    logger.info(
        "%s: validation loss %.4f after joint training, %.4f after training alone; %s is kept.",
        name,
        loss,
        best.loss,
        "the latter" if is_better else "the former",
    )
    if not is_better:
        return None
    history = []
    for row in trainer.history:
        if row["task"] == name:
            history.append(row)
    finished = copy_with_state(trainer.network, best.state)
    return Finished(finished, best.epoch, best.loss, history)
