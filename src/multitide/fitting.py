"""From samples and parts to a fitted model: one network for each group of tasks that is trained together."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from multitide.backbones.backbone import Backbone
from multitide.batches import DeviceSamples
from multitide.callbacks import Callback
from multitide.encodings.inputs import InputLayer
from multitide.encodings.static import StaticLayer
from multitide.errors import DataError
from multitide.keep import JOINT, Keeper
from multitide.model import Answers, Network
from multitide.recipe import Recipe, resolve_device
from multitide.samples import Samples
from multitide.schedule import Schedule
from multitide.tasks.task import Target, Task
from multitide.training import Rows, Trainer, copy_with_state


@dataclass
class Fitted:
    """What fitting gives: the model, and how it came about.

    Attributes
    ----------
    answers : Answers
        What ``predict`` runs.
    history : list of dict
        One row an epoch, task and side.
    best_epoch : dict of str to int
        The epoch that answers each task.
    n_labelled : dict of str to dict
        Labelled rows of each task on each side.
    seconds : float
        Time in training.
    """

    answers: Answers
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: dict[str, int] = field(default_factory=dict)
    n_labelled: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: float = 0.0


def fit_model(
    samples: Samples,
    train: np.ndarray,
    validation: np.ndarray,
    tasks: Sequence[Task],
    recipe: Recipe,
    callbacks: Sequence[Callback] = (),
) -> Fitted:
    """Fit one network for each group of tasks that the sharing trains together.

    Parameters
    ----------
    samples : Samples
        Training and validation samples.
    train, validation : ndarray of int
        Which of them are for learning, and which choose the epoch (may be empty).
    tasks : sequence of Task
        With declared kinds.
    recipe : Recipe
        The parts and numbers.
    callbacks : sequence of Callback
        Told of every step.

    Raises
    ------
    DataError
        If a task has no label, or only one value, in the training rows; if a series is too short for the backbone.
    """
    check_lengths(samples, recipe.backbone)
    by_name = {task.name: task for task in tasks}
    networks: list[Network] = []
    answered: list[list[str]] = []
    fitted = Fitted(Answers([], []))
    for names in recipe.sharing.groups(list(by_name)):
        group = _Group(samples, train, validation, [by_name[name] for name in names], recipe)
        trainer = group.train(callbacks)
        more_networks, more_answered = group.chosen_networks(trainer)
        networks += more_networks
        answered += more_answered
        fitted.history += trainer.history
        fitted.best_epoch |= group.best_epochs
        fitted.n_labelled |= group.n_labelled()
        fitted.seconds += group.seconds
    fitted.answers = Answers(networks, answered).cpu().eval()
    return fitted


class _Group:
    """One group of tasks: its rows, its targets and its network."""

    def __init__(
        self, samples: Samples, train: np.ndarray, validation: np.ndarray, tasks: Sequence[Task], recipe: Recipe
    ) -> None:
        self.samples, self.recipe, self.tasks = samples, recipe, list(tasks)
        self.device = resolve_device(recipe.device)
        self.names = [task.name for task in tasks]
        self.targets = [task.fit_target(samples.y.iloc[train][task.columns].reset_index(drop=True)) for task in tasks]
        self.codes = [target.encode(samples.y[target.task.columns]) for target in self.targets]
        pairs = zip(self.targets, self.codes, strict=True)
        self.measured = np.stack([t.measured(torch.from_numpy(code)).numpy() for t, code in pairs], axis=1)
        self.train_rows = self._labelled(train)
        self.validation_rows = self._labelled(validation) if len(validation) else None
        self.best_epochs: dict[str, int] = {}
        self.seconds = 0.0

    def train(self, callbacks: Sequence[Callback]) -> Trainer:
        """Train, and with `refit` once more on both sides for the epochs that validation chose."""
        first = self._run(self.train_rows, self.validation_rows, callbacks)
        chosen = {key: snapshot.epoch for key, snapshot in first.keeper.best.items()}
        self.best_epochs = {name: chosen.get(name, chosen[JOINT]) for name in self.names}
        if not self.recipe.training.refit or self.validation_rows is None:
            return first
        both = Rows(
            np.concatenate([self.train_rows.index, self.validation_rows.index]),
            np.concatenate([self.train_rows.measured, self.validation_rows.measured]),
        )
        again = self._run(both, None, callbacks, epochs=chosen, cool_down_at=first.schedule.cool_down_at)
        again.history = first.history
        return again

    def chosen_networks(self, trainer: Trainer) -> tuple[list[Network], list[list[str]]]:
        """Return one network for each distinct chosen epoch, the joint one first, and the tasks that each answers."""
        best = trainer.keeper.best
        epochs = {best[JOINT].epoch: best[JOINT].state} | {s.epoch: s.state for key, s in best.items() if key != JOINT}
        networks = [copy_with_state(trainer.network, state) for state in epochs.values()]
        answered = [[name for name in self.names if self.best_epochs[name] == epoch] for epoch in epochs]
        return networks, answered

    def n_labelled(self) -> dict[str, dict[str, int]]:
        """Return the number of labelled rows of each task on each side."""
        sides = {"train": self.train_rows, "validation": self.validation_rows}
        counts = {side: rows.measured.sum(axis=0) for side, rows in sides.items() if rows is not None}
        return {name: {side: int(n[i]) for side, n in counts.items()} for i, name in enumerate(self.names)}

    def _run(
        self,
        train: Rows,
        validation: Rows | None,
        callbacks: Sequence[Callback],
        epochs: dict[str, int] | None = None,
        cool_down_at: int | None = None,
    ) -> Trainer:
        recipe = self.recipe
        cuda = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            torch.manual_seed(recipe.seed)
            network = self._make_network(train)
            schedule = Schedule(recipe.training.schedule, recipe.max_epochs, recipe.training.patience, cool_down_at)
            if epochs is not None:
                schedule = _Repeat(schedule, max(epochs.values()))
            static = None if network.static is None else network.static.encode(self.samples.static)
            trainer = Trainer(
                network.to(self.device),
                DeviceSamples(self.samples, self.codes, static, self.device),
                train,
                validation,
                weighting=recipe.weighting.build(self.names, [task.kind for task in self.tasks]).to(self.device),
                aggregator=None if recipe.aggregator is None else recipe.aggregator.build(self.names),
                aggregate_at="parameters" if recipe.aggregator is None else recipe.aggregator.at,
                keeper=Keeper(recipe.keep, self.names, epochs),
                settings=recipe.training,
                max_epochs=recipe.max_epochs,
                batch_size=recipe.batch_size,
                lr=recipe.lr,
                seed=recipe.seed,
                schedule=schedule,
                callbacks=callbacks,
            ).run()
        self.seconds += trainer.seconds
        return trainer

    def _make_network(self, train: Rows) -> Network:
        """Build a network whose preprocessing has seen the training rows only."""
        seen = self.samples[train.index]
        inputs = self.recipe.inputs.build(self.samples.channels, self.samples.categories)
        inputs.fit(seen)
        static = None
        if seen.static is not None and seen.static.shape[1]:
            static = StaticLayer.build(seen.static)
            static.fit(seen.static)
        targets = [copy.deepcopy(target) for target in self.targets]
        return build_network(self.recipe, inputs, static, targets, self.samples.n_timepoints)

    def _labelled(self, index: np.ndarray) -> Rows:
        """Return those rows that have a label of any task of the group."""
        rows = index[self.measured[index].any(axis=1)]
        return Rows(rows, self.measured[rows])


class _Repeat(Schedule):
    """The learning-rate curve of an earlier run, ended after a chosen epoch."""

    def __init__(self, schedule: Schedule, last_epoch: int) -> None:
        self.__dict__.update(schedule.__dict__)
        self._last_epoch = last_epoch

    def finished(self, epoch: int, improved: bool) -> bool:
        """Tell whether this was the chosen epoch."""
        return epoch + 1 >= self._last_epoch


def build_network(
    recipe: Recipe,
    inputs: InputLayer,
    static: StaticLayer | None,
    targets: Sequence[Target],
    n_timepoints: int,
) -> Network:
    """Assemble a network; its weights come from torch's generator, or from a file afterwards."""
    sharing = recipe.sharing.build(recipe.backbone, inputs.n_channels, n_timepoints, len(targets))
    return Network(inputs, static, sharing, targets, recipe.sharing.head_units)


def check_lengths(samples: Samples, backbone: Backbone) -> None:
    """Raise if a series is shorter than the backbone can read."""
    shortest, needed = int(samples.lengths.min()), backbone.min_timepoints
    if shortest < needed:
        raise DataError(
            f"`X` must have at least {needed} time steps for this backbone; the shortest of {len(samples)} series has "
            f"{shortest} ({samples.n_channels} channels). Use padding='same' or smaller kernels; if `X` is "
            "(n_samples, n_timepoints, n_channels), give X.transpose(0, 2, 1)."
        )
