"""The training of one group of tasks: pre-training, fine-tuning at a chosen depth, refit; most often a single run."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from multitide.fitting._freezing import Frozen, check_depth, freeze
from multitide.fitting._recipe import resolve_batch_size, resolve_device
from multitide.fitting._task_group import Group, Labelled
from multitide.fitting._warm_start import Source, carry_over
from multitide.network._network import Network, copy_with_state
from multitide.training._best_weights import JOINT, Keeper
from multitide.training._callbacks import Callback
from multitide.training._gradient_health import GradientHealth
from multitide.training._gradient_recorder import GradientRecorder
from multitide.training._schedule import Repeat, Schedule
from multitide.training._trainer import Trainer

logger = logging.getLogger("multitide")
ENOUGH_LABELS = 30  # on each side of each task; with fewer, choosing the depth is a lottery, and only heads are trained


class Phases:
    """The training of one group: pre-training, fine-tuning at a chosen depth, refit; most often a single run.

    Parameters
    ----------
    group : Group
        The group's data.
    callbacks : sequence of Callback
        Told of every step of every run.
    source : Source or None
        A saved model to start from.
    """

    def __init__(self, group: Group, callbacks: Sequence[Callback], source: Source | None) -> None:
        self._group, self._callbacks, self._source = group, list(callbacks), source
        self._recipe, self._settings = group.recipe, group.recipe.training
        self._device = resolve_device(group.recipe.device)
        self.history: list[dict[str, Any]] = []
        self.pretrain_history: list[dict[str, Any]] = []
        self.best_epoch: dict[str, int] = {}
        self.seconds = 0.0

    def run(self) -> tuple[list[Network], list[list[str]]]:
        """Train, and return one network for each distinct chosen epoch, the joint one first, and what each answers."""
        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(self._recipe.seed)
            network = self._group.make_network()
            check_depth(network, self._settings.freeze)
            network, fresh = self._start(network)
            trainer, depth = self._fine_tune(network, fresh)
            self.history = trainer.history
            chosen = {key: snapshot.epoch for key, snapshot in trainer.keeper.best.items()}
            self.best_epoch = {name: chosen.get(name, chosen[JOINT]) for name in self._group.names}
            if self._settings.refit and self._group.validated:
                trainer = self._refit(chosen, trainer.schedule.cool_down_at, depth) or trainer
        return self._chosen_networks(trainer)

    def _start(self, network: Network) -> tuple[Network, list[str]]:
        """Bring in a saved model's backbone, then pre-train, where asked to; return which parameters are new still."""
        fresh = [] if self._source is None else carry_over(self._source, network)
        if not self._settings.pretrain:
            return network, fresh
        first = np.isin(self._group.names, self._settings.pretrain)
        keeper = Keeper("joint", self._group.names)
        data = [each.only(first) for each in self._group.data]
        trainer = self._train(network, data, keeper, Frozen())
        self.pretrain_history = trainer.history
        network.load_state_dict(keeper.best[JOINT].state)
        return network, network.own_names(
            [i for i, each in enumerate(data) if not len(each.train.index)]
        )

    def _fine_tune(self, network: Network, fresh: list[str]) -> tuple[Trainer, str | int]:
        """Train on all tasks at each candidate depth of freezing, and return the best on validation."""
        best: tuple[float, Trainer, str | int] | None = None
        depths = self._depths(network)
        for depth in depths:
            trial = network if len(depths) == 1 else copy.deepcopy(network)
            frozen = freeze(trial, depth, self._recipe.max_epochs, fresh)
            keeper = Keeper(self._recipe.keep, self._group.names)
            trainer = self._train(trial, self._group.data, keeper, frozen)
            loss = keeper.best[JOINT].loss
            if best is None or loss < best[0]:
                best = loss, trainer, depth
        assert best is not None
        if len(depths) > 1:
            logger.info(
                "freeze=%r has the lowest validation loss, %.4f, of %s.", best[2], best[0], depths
            )
        return best[1], best[2]

    def _depths(self, network: Network) -> list[str | int]:
        """Return the depths of freezing to try: the one asked for, or candidates where there are enough labels."""
        asked = self._settings.freeze
        if asked != "auto":
            return [asked]
        if self._source is None and not self._settings.pretrain:
            return ["nothing"]
        fewest = min(min(sides.values()) for sides in self._group.n_labelled().values())
        if not self._group.validated or fewest < ENOUGH_LABELS:
            logger.info(
                "Only the heads are trained: a task has %d labels on a side, or nothing validates.",
                fewest,
            )
            return ["backbone"]
        return ["backbone", *([1] if len(network.sharing.levels()) > 1 else []), "nothing"]

    def _refit(
        self, chosen: dict[str, int], cool_down_at: int | None, depth: str | int
    ) -> Trainer | None:
        """Repeat the chosen run on the rows of both sides; what was pre-trained is pre-trained as before.

        Of a repeat that Ctrl-C ends before every chosen epoch is there, nothing is returned: the
        first run stands.
        """
        torch.manual_seed(self._recipe.seed)
        history = self.pretrain_history
        network, fresh = self._start(self._group.make_network_on_all_rows())
        self.pretrain_history = history or self.pretrain_history
        frozen = freeze(network, depth, self._recipe.max_epochs, fresh)
        schedule = Repeat(
            self._settings.schedule, self._recipe.max_epochs, cool_down_at, max(chosen.values())
        )
        keeper = Keeper(self._recipe.keep, self._group.names, chosen)
        trainer: Trainer | None = None
        with suppress(KeyboardInterrupt):  # which the trainer passes on before any of them is there
            trainer = self._train(
                network, [data.all_rows() for data in self._group.data], keeper, frozen, schedule
            )
        if len(keeper.best) == len(chosen):
            return trainer
        logger.warning(
            "The refit was interrupted; what was learned without the validation rows is kept."
        )
        return None

    def _train(
        self,
        network: Network,
        data: Sequence[Labelled],
        keeper: Keeper,
        frozen: Frozen,
        schedule: Schedule | None = None,
    ) -> Trainer:
        group, recipe = self._group, self._recipe
        every = self._settings.record_gradients
        recorders = [] if every is None else [GradientRecorder(every)]
        trainer = Trainer(
            network.to(self._device),
            [each.on_device(network, i, self._device) for i, each in enumerate(data)],
            weighting=recipe.weighting.build(group.names, [task.kind for task in group.tasks]).to(
                self._device
            ),
            aggregator=None if recipe.aggregator is None else recipe.aggregator.build(group.names),
            keeper=keeper,
            settings=recipe.training,
            max_epochs=recipe.max_epochs,
            batch_size=resolve_batch_size(
                recipe.batch_size, sum(len(each.train.index) for each in data)
            ),
            lr=recipe.lr,
            seed=recipe.seed,
            schedule=schedule,
            callbacks=[*recorders, *self._callbacks, *frozen.callbacks, GradientHealth()],
            frozen=frozen.modules,
            lr_factors=frozen.lr_factors,
        ).run()
        self.seconds += trainer.seconds
        return trainer

    def _chosen_networks(self, trainer: Trainer) -> tuple[list[Network], list[list[str]]]:
        best = trainer.keeper.best
        epochs = {best[JOINT].epoch: best[JOINT].state} | {
            s.epoch: s.state for key, s in best.items() if key != JOINT
        }
        networks = [copy_with_state(trainer.network, state) for state in epochs.values()]
        answered = [
            [name for name in self._group.names if self.best_epoch[name] == epoch]
            for epoch in epochs
        ]
        return networks, answered
