"""The training of one group of tasks: pre-training, fine-tuning and refit; usually a single run."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from multitide._own_random_numbers import own_random_numbers
from multitide._together import group_of_processes
from multitide.balancing._diverged import Diverged
from multitide.fitting._finish import finish_task, position_of
from multitide.fitting._freezing import Frozen, check_depth, freeze
from multitide.fitting._recipe import Recipe, resolve_device
from multitide.fitting._task_group import EncodedData, TaskGroup, weight_scales
from multitide.fitting._training_length import resolve_batch_size, with_length
from multitide.fitting._use_bf16 import precision_of
from multitide.fitting._use_graph import uses_graph
from multitide.fitting._validation_loss import validation_loss
from multitide.fitting._warm_start import Source, carry_over
from multitide.network._copies import copy_with_state
from multitide.network._network import Network
from multitide.tasks import Task, task_names
from multitide.training._best_weights import JOINT, Keeper
from multitide.training._callbacks import Callback
from multitide.training._checkpoint_store import CheckpointStore
from multitide.training._gradient_health import GradientHealth
from multitide.training._gradient_recorder import GradientRecorder
from multitide.training._group_trainer import GroupTrainer
from multitide.training._mixing import DeviceData
from multitide.training._schedule import Repeat, Schedule
from multitide.training._step_graphs import CudaRecorder
from multitide.training._trainer import Trainer
from multitide.training._training_checkpoint import TrainingCheckpoint

logger = logging.getLogger("multitide")
# Per task and set. With fewer labels the choice of a depth would be mostly noise, so that only the
# heads are trained.
ENOUGH_LABELS = 30


class Phases:
    """The training of one group of tasks.

    There are up to three phases: pre-training, fine-tuning at a chosen depth, and a refit. Usually
    it is a single run.

    Parameters
    ----------
    group : TaskGroup
        The data of the group.
    callbacks : sequence of Callback
        Called at every step of every run.
    source : Source or None
        A saved model to start from.
    store : CheckpointStore, optional
        Keeps the state of each training.
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
        self._callbacks = list(callbacks)
        self._source = source
        self._recipe = group.recipe
        self._settings = group.recipe.training
        self._device = resolve_device(group.recipe.device)
        self.history: list[dict[str, Any]] = []
        self.pretrain_history: list[dict[str, Any]] = []
        self.best_epoch: dict[str, int] = {}
        self.before_refit: tuple[list[Network], list[list[str]]] = ([], [])
        self.seconds = 0.0

    def run(self) -> tuple[list[Network], list[list[str]]]:
        """Train, and return one network per distinct chosen epoch, with the tasks of each.

        The network of the joint epoch comes first.
        """
        with own_random_numbers(self._recipe.seed, self._device):
            network = self._group.make_network()
            check_depth(network, self._settings.freeze)
            network, fresh = self._start(network)
            trainer, depth = self._fine_tune(network, fresh)
            self.history = trainer.history
            chosen = {}
            for key, snapshot in trainer.keeper.best.items():
                chosen[key] = snapshot.epoch
            self.best_epoch = {}
            for name in self._group.names:
                self.best_epoch[name] = chosen.get(name, chosen[JOINT])
        networks, predicted = self._chosen_networks(trainer)
        self.before_refit = networks, predicted
        if self._settings.refit is True and self._group.has_validation:
            with own_random_numbers(self._recipe.seed, self._device):
                refitted = self._refit(chosen, trainer.schedule.cool_down_at, depth)
            if refitted is not None:
                networks, predicted = self._chosen_networks(refitted)
        if self._settings.finish == "per_task" and self._group.has_validation:
            with own_random_numbers(self._recipe.seed, self._device):
                self._finish(networks, predicted, depth)
        return networks, predicted

    def _finish(
        self, networks: list[Network], predicted: list[list[str]], depth: str | int
    ) -> None:
        """Let each task train its network further; add those that predict it better, in place."""
        train = partial(self._train_alone, depth)
        names = self._group.names
        if len(names) == 1:
            return
        n_before = max(row["epoch"] for row in self.history)
        for name in names:
            position = position_of(name, predicted)
            loss = validation_loss(self.history, name, self.best_epoch[name])
            finished = finish_task(self._group, name, networks[position], loss, train)
            if finished is None:
                continue
            predicted[position].remove(name)
            networks.append(finished.network)
            predicted.append([name])
            self.best_epoch[name] = n_before + finished.epoch
            for row in finished.history:
                self.history.append(row | {"epoch": n_before + row["epoch"]})

    def _train_alone(
        self,
        depth: str | int,
        network: Network,
        data: Sequence[EncodedData],
        keeper: Keeper,
        recipe: Recipe,
    ) -> Trainer:
        frozen = freeze(network, depth, recipe.n_epochs)
        return self._train(network, data, keeper, frozen, recipe=recipe)

    def _start(self, network: Network) -> tuple[Network, list[str]]:
        """Load a saved backbone and pre-train, if configured.

        Return the network and the names of the parameters that are still untrained.
        """
        if self._source is None:
            fresh = []
        else:
            fresh = carry_over(self._source, network)
        if not self._settings.pretrain:
            return network, fresh
        first = np.isin(self._group.names, self._settings.pretrain)
        keeper = Keeper("joint", self._group.names)
        data = []
        for each in self._group.data:
            data.append(each.only(first))
        trainer = self._train(network, data, keeper, Frozen())
        self.pretrain_history = trainer.history
        network.load_state_dict(keeper.best[JOINT].state)
        unseen = []
        for i, each in enumerate(data):
            if not len(each.train.index):
                unseen.append(i)
        return network, network.own_parameter_names(unseen)

    def _fine_tune(
        self, network: Network, fresh: list[str]
    ) -> tuple[Trainer, str | int]:
        """Train on all tasks at each candidate depth, and return the best run with its depth."""
        first, *others = depths = self._depths(network)
        if not others:
            return self._train_frozen(network, first, fresh), first
        best = self._train_frozen(copy.deepcopy(network), first, fresh)
        best_depth = first
        for depth in others:
            trainer = self._train_frozen(copy.deepcopy(network), depth, fresh)
            if trainer.keeper.best[JOINT].loss < best.keeper.best[JOINT].loss:
                best, best_depth = trainer, depth
        message = "freeze=%r has the lowest validation loss, %.4f, of %s."
        logger.info(message, best_depth, best.keeper.best[JOINT].loss, depths)
        return best, best_depth

    def _train_frozen(
        self, network: Network, depth: str | int, fresh: list[str]
    ) -> Trainer:
        frozen = freeze(network, depth, self._recipe.n_epochs, fresh)
        keeper = Keeper(self._recipe.keep, self._group.names)
        return self._train(network, self._group.data, keeper, frozen)

    def _depths(self, network: Network) -> list[str | int]:
        """Return the depths of freezing to try."""
        requested = self._settings.freeze
        if requested != "auto":
            return [requested]
        if self._source is None and not self._settings.pretrain:
            return ["nothing"]
        fewest = pd.DataFrame(self._group.n_labelled()).min(axis=None)
        if not self._group.has_validation or fewest < ENOUGH_LABELS:
            logger.info(
                "Training heads only: fewer than %d labels for a task (%d), or no validation set.",
                ENOUGH_LABELS,
                fewest,
            )
            return ["backbone"]
        if len(network.sharing.levels()) > 1:
            return ["backbone", 1, "nothing"]
        return ["backbone", "nothing"]

    def _refit(
        self, chosen: dict[str, int], cool_down_at: int | None, depth: str | int
    ) -> Trainer | None:
        """Repeat the chosen run on training and validation set together.

        A pre-trained start is pre-trained in the same way. None if Ctrl-C or a loss that
        is not finite ends the refit before it has reached every chosen epoch: the first run stands.
        """
        history = self.pretrain_history
        network, fresh = self._start(self._group.make_network_on_all_rows())
        self.pretrain_history = history or self.pretrain_history
        frozen = freeze(network, depth, self._recipe.n_epochs, fresh)
        schedule = Repeat(
            self._settings.schedule,
            self._recipe.n_epochs,
            cool_down_at,
            max(chosen.values()),
        )
        keeper = Keeper(self._recipe.keep, self._group.names, chosen)
        data = []
        for each in self._group.data:
            data.append(each.all_for_training())
        trainer: Trainer | None = None
        # Raised by the trainer before it has kept any epoch.
        with suppress(KeyboardInterrupt, Diverged):
            trainer = self._train(network, data, keeper, frozen, schedule)
        if len(keeper.best) == len(chosen):
            return trainer
        logger.warning("The refit did not end; the model trained without it is kept.")
        return None

    def _train(
        self,
        network: Network,
        data: Sequence[EncodedData],
        keeper: Keeper,
        frozen: Frozen,
        schedule: Schedule | None = None,
        recipe: Recipe | None = None,
    ) -> Trainer:
        callbacks = [*self._callbacks, *frozen.callbacks, GradientHealth()]
        if self._settings.record_gradients is not None:
            callbacks.insert(0, GradientRecorder(self._settings.record_gradients))
        trainer = make_trainer(
            network.to(self._device),
            data,
            self._group.tasks,
            recipe or self._recipe,
            keeper,
            callbacks=callbacks,
            frozen=frozen,
            schedule=schedule,
            checkpoint=TrainingCheckpoint(self._store),
        )
        trainer.run()
        self.seconds += trainer.seconds
        return trainer

    def _chosen_networks(
        self, trainer: Trainer
    ) -> tuple[list[Network], list[list[str]]]:
        best = trainer.keeper.best
        states = {best[JOINT].epoch: best[JOINT].state}
        for key, snapshot in best.items():
            if key != JOINT:
                states[snapshot.epoch] = snapshot.state
        networks, predicted = [], []
        for epoch, state in states.items():
            networks.append(copy_with_state(trainer.network, state))
            of_epoch = []
            for name in self._group.names:
                if self.best_epoch[name] == epoch:
                    of_epoch.append(name)
            predicted.append(of_epoch)
        return networks, predicted


def _on_device(
    data: Sequence[EncodedData], network: Network, device: torch.device
) -> list[DeviceData]:
    scales = weight_scales(data)
    streams = []
    for position, each in enumerate(data):
        streams.append(each.on_device(network, position, device, scales))
    return streams


def make_trainer(
    network: Network,
    data: Sequence[EncodedData],
    tasks: Sequence[Task],
    recipe: Recipe,
    keeper: Keeper,
    *,
    callbacks: Sequence[Callback] = (),
    frozen: Frozen | None = None,
    schedule: Schedule | None = None,
    checkpoint: TrainingCheckpoint | None = None,
) -> Trainer:
    """Build a trainer.

    Parameters
    ----------
    network : Network
        On the device that trains.
    data : sequence of EncodedData
        The network's data sets, in its order.
    tasks : sequence of Task
        The network's tasks, in its order.
    recipe : Recipe
        The resolved parameters of the estimator.
    keeper : Keeper
        Chooses the epochs whose weights are kept.
    callbacks : sequence of Callback
        Called at every step.
    frozen : Frozen, optional
        What :func:`freeze` returned; its callbacks are not added.
    schedule : Schedule, optional
        Replaces the schedule of the recipe.
    checkpoint : TrainingCheckpoint, optional
        Keeps the state of the training.
    """
    device = next(network.parameters()).device
    frozen = frozen or Frozen()
    names = task_names(tasks)
    if recipe.aggregator is None:
        aggregator = None
    else:
        aggregator = recipe.aggregator.build(names)
    n_rows = sum(len(each.train.index) for each in data)
    recipe = with_length(recipe, n_rows)
    recorder = None
    if uses_graph(recipe, tasks, callbacks):
        recorder = CudaRecorder(device)
    kind: Callable[..., Trainer] = Trainer
    if group := group_of_processes():
        kind = partial(GroupTrainer, group)
    return kind(
        network,
        _on_device(data, network, device),
        weighting=recipe.weighting.build(names, [task.kind for task in tasks]).to(
            device
        ),
        aggregator=aggregator,
        keeper=keeper,
        settings=replace(recipe.training, precision=precision_of(recipe)),
        max_epochs=recipe.n_epochs,
        batch_size=resolve_batch_size(recipe.batch_size, n_rows),
        lr=recipe.lr,
        seed=recipe.seed,
        schedule=schedule,
        callbacks=callbacks,
        frozen=frozen.modules,
        lr_factors=frozen.lr_factors,
        recorder=recorder,
        checkpoint=checkpoint,
    )
