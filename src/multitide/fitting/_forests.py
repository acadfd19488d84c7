"""Forests: the trees of each task, grown on its labelled rows instead of trained by gradients."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from multitide._weighted_mean import scaled_to_one, weighted_mean
from multitide.backbones._trees import Trees
from multitide.data._samples import Samples
from multitide.data._weights import weights_of
from multitide.errors import ParameterError
from multitide.fitting._feature_tables import FeatureTables
from multitide.fitting._grow_trees import (
    Rows,
    check_growable,
    grow_trees,
    settings_of,
)
from multitide.fitting._grown_trees import Grown, GrownForest, Variant
from multitide.fitting._kept_trees import Choice, ChosenTrees, kept_trees
from multitide.fitting._start_values import less_start, of_differences, start_of
from multitide.fitting._task_group import TaskGroup
from multitide.fitting._warm_start import Source
from multitide.network._forest_head import ForestHead
from multitide.network._network import Network
from multitide.tasks import Target
from multitide.training._callbacks import HistoryRow
from multitide.training._checkpoint_store import CheckpointStore

logger = logging.getLogger("multitide")
# Weights of the best constant in the answers, among which the validation set chooses.
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
# The last value of a series and the mean of the differences to it often predict well on their own.
MORE_SHARES = (0.5, 0.75)
# Entries of the features of all training rows: 512 MiB; of more rows, evenly spaced ones are used.
MOST_VALUES = 2**27
MANY_ROWS = 10_000


class TreeFit:
    """The trees of one group of tasks, those of each task grown on its labelled rows.

    It takes the place of :class:`~multitide.fitting._phases.Phases` for the backbone "trees".

    Parameters
    ----------
    group : TaskGroup
        The data of the group; the backbone of its recipe is :class:`Trees`.
    source : Source or None
        Must be None: there are no weights to start from.
    store : CheckpointStore, optional
        Keeps the trees of each task.
    tables : FeatureTables, optional
        Those of the fit, which other groups of trees read too.
    """

    def __init__(
        self,
        group: TaskGroup,
        source: Source | None,
        store: CheckpointStore | None = None,
        tables: FeatureTables | None = None,
    ) -> None:
        check_trees(group, source)
        self._store = store
        self._tables = tables or FeatureTables()
        backbone = group.recipe.backbone
        if not isinstance(backbone, Trees):
            raise TypeError(f"the backbone must be Trees; got {backbone!r}")
        self._group = group
        self._spec = backbone
        self._choices: dict[str, Choice] = {}
        self.history: list[dict[str, Any]] = []
        self.pretrain_history: list[dict[str, Any]] = []
        self.best_epoch = dict.fromkeys(group.names, 1)
        self.before_refit: tuple[list[Network], list[list[str]]] = ([], [])
        self.seconds = 0.0

    def run(self) -> tuple[list[Network], list[list[str]]]:
        """Grow all trees, and return the network with its tasks.

        With ``refit``, grow them again on all rows, with the chosen settings.
        """
        with threadpool_limits(_n_threads(self._group.n_rows), user_api="openmp"):
            return self._run()

    def _run(self) -> tuple[list[Network], list[list[str]]]:
        started = time.perf_counter()
        group = self._group
        (data,) = group.data
        network = group.make_network().eval()
        train, validation = self._table(network, data.train.index), None
        if data.validation is not None:
            validation = self._table(network, data.validation.index)
        self._grow(network, train, validation)
        seconds = time.perf_counter() - started
        self.history = self._losses(network, "train", train, seconds)
        if validation is not None:
            self.history += self._losses(network, "validation", validation, seconds)
        elif self._chooses_out_of_bag:
            for name, choice in self._choices.items():
                self.history.append(
                    _history_row(name, "validation", choice.loss, seconds)
                )
        self.before_refit = [network], [group.names]
        if group.recipe.training.refit in (True, "trees") and validation is not None:
            network = group.make_network_on_all_rows().eval()
            rows = data.all_for_training().train.index
            self._grow(network, self._table(network, rows), None)
        self.seconds = time.perf_counter() - started
        return [network], [group.names]

    def _table(self, network: Network, rows: np.ndarray) -> Table:
        """Return the features and labels of some samples; of evenly spaced ones if very many."""
        most = max(1, MOST_VALUES // heads_of(network)[0].n_features)
        if len(rows) > most:
            logger.info("Trees read %d of %d rows, evenly spaced.", most, len(rows))
            rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
        samples = self._group.data[0].samples
        return Table(self._tables.table(network, samples, rows), samples[rows])

    def _grow(self, network: Network, train: Table, validation: Table | None) -> None:
        """Grow the trees of each task, and choose their settings if they are not chosen yet."""
        for target, head in zip(network.target_list, heads_of(network), strict=True):
            name = target.task.name
            rows = train.labelled(target)
            start = start_of(network, target, rows)
            if start is not None:
                head.start_from(start)
                rows = less_start(head, target, rows)
                target = of_differences(target, rows)
                head.constant.copy_(target.bias)
            grow = partial(self._trees, head, target, rows, validation)
            trees = kept_trees(self._store, head.n_features, grow)
            self._choices.setdefault(name, trees.choice)
            head.grow(trees.arrays, trees.choice.share)
            _log_size(name, head)

    def _trees(
        self, head: ForestHead, target: Target, rows: Rows, validation: Table | None
    ) -> ChosenTrees:
        """Grow the trees of a task, with the settings that are chosen or by choosing them."""
        seed = self._group.recipe.seed
        choice = self._choices.get(target.task.name)
        if choice is not None:
            grown = grow_trees(self._spec, target, rows, (choice.setting,), seed)
            return ChosenTrees(grown.arrays(choice.setting), choice)
        chooses = validation is not None or self._chooses_out_of_bag
        settings = settings_of(self._spec, target, chooses)
        grown = grow_trees(self._spec, target, rows, settings, seed)
        judged = self._judged(grown, rows, head, target, validation)
        choice = choose(head, target, grown, judged)
        return ChosenTrees(grown.arrays(choice.setting), choice)

    def _judged(
        self,
        grown: Grown,
        rows: Rows,
        head: ForestHead,
        target: Target,
        validation: Table | None,
    ) -> Judged | None:
        """Return answers for rows that the trees have not seen; None if there are none."""
        if validation is not None:
            held_out = less_start(head, target, validation.labelled(target))
            variants = grown.variants(held_out.features)
            return Judged(held_out.truth, variants, held_out.weights)
        if self._chooses_out_of_bag and isinstance(grown, GrownForest):
            return Judged(rows.truth, grown.out_of_bag(rows.features), rows.weights)
        return None

    @property
    def _chooses_out_of_bag(self) -> bool:
        """Whether rows that a tree has not drawn replace a validation set.

        Not if windows of one series resemble those that the tree has drawn.
        """
        if not self._spec.bootstrap or self._group.has_validation:
            return False
        (data,) = self._group.data
        series = pd.Series(data.samples.series)
        return bool(series.iloc[data.train.index].is_unique)

    @torch.no_grad()
    def _losses(
        self, network: Network, which: str, table: Table, seconds: float
    ) -> list[HistoryRow]:
        """Return the rows of the history for the training or validation set."""
        history = []
        for target, head in zip(network.target_list, heads_of(network), strict=True):
            rows = table.labelled(target)
            if not len(rows.codes):
                continue
            decoded = target(head(torch.from_numpy(rows.features))).numpy()
            losses = target.decoded_losses(rows.truth, decoded)
            loss = weighted_mean(losses, rows.weights)
            history.append(_history_row(target.task.name, which, loss, seconds))
        return history


def check_trees(group: TaskGroup, source: Source | None) -> None:
    """Raise unless trees can be grown for all tasks of a group, from scratch."""
    if source is not None or group.recipe.training.pretrain:
        raise ParameterError(
            "`training.start` and `pretrain` must "
            "be left out with backbone 'trees', "
            "which has no weights to pre-train."
        )
    if isinstance(group.recipe.backbone, Trees):
        check_growable(group.targets, group.recipe.backbone.kind)


def _n_threads(n_rows: int) -> int:
    """Return how many threads boosting uses; for few rows they would wait more than work."""
    if n_rows < MANY_ROWS:
        return 1
    return torch.get_num_threads()


class Judged(NamedTuple):
    """Rows that choose.

    Attributes
    ----------
    truth : ndarray
        Their labels.
    variants : iterable of (int, ndarray)
        The answers with each setting; NaN for rows without one.
    weights : ndarray or None
        How much each row counts; None if all count alike.
    """

    truth: np.ndarray
    variants: Iterable[Variant]
    weights: np.ndarray | None = None

    def rows(self, known: np.ndarray) -> Labels:
        """Return the labels of some rows, given by a mask."""
        weights = None if self.weights is None else self.weights[known]
        return Labels(self.truth[known], weights)


class Labels(NamedTuple):
    """Labels, and how much each counts."""

    truth: np.ndarray
    weights: np.ndarray | None


@torch.no_grad()
def choose(
    head: ForestHead, target: Target, grown: Grown, judged: Judged | None
) -> Choice:
    """Return the setting and the share with the smallest loss on the rows that choose.

    The setting is chosen first, with the first share, and then the share: all pairs would take
    several times as long as the trees of a small table.
    Without any, it is the first setting, and the share of one tree for class probabilities.
    """
    shares: tuple[float, ...] = SHARES
    has_probabilities = head.has_classes or head.has_labels
    if isinstance(grown, GrownForest) and has_probabilities:
        shares = (1 / (grown.n_trees + 1), *SHARES[1:])
    if head.has_start:
        shares = (*SHARES, *MORE_SHARES)
    choice = Choice(grown.settings[0], shares[0])
    if judged is None or not len(judged.truth):
        return choice
    best = torch.empty(0)
    labels = Labels(judged.truth, judged.weights)
    for setting, answers in judged.variants:
        known = np.asarray(~np.isnan(answers).any(axis=1))
        expected = torch.from_numpy(answers[known])
        loss = _loss(head, target, expected, shares[0], judged.rows(known))
        if loss < choice.loss:
            choice = Choice(setting, shares[0], loss)
            best, labels = expected.clone(), judged.rows(known)
    for share in shares[1:]:
        loss = _loss(head, target, best, share, labels)
        if loss < choice.loss:
            choice = Choice(choice.setting, share, loss)
    return choice


def _loss(
    head: ForestHead, target: Target, expected: Tensor, share: float, labels: Labels
) -> float:
    decoded = target(head.answer(expected, share)).numpy()
    return weighted_mean(target.decoded_losses(labels.truth, decoded), labels.weights)


def _log_size(name: str, head: ForestHead) -> None:
    shape = head.forest.shape
    logger.info(
        "%s: %d trees with %d nodes, at most %d deep (%.1f MB).",
        name,
        shape.n_trees,
        shape.n_nodes,
        head.forest.depth,
        shape.n_bytes / 1e6,
    )


@dataclass(frozen=True)
class Table:
    """Features of samples and their labels.

    Attributes
    ----------
    features : ndarray of float32, shape (n, n_features)
    samples : Samples, n rows
    """

    features: np.ndarray
    samples: Samples

    def labelled(self, target: Target) -> Rows:
        """Return the rows with a label of a task that training has seen."""
        labels = self.samples.y[target.task.columns]
        codes = target.encode(labels)
        known = target.measured(torch.from_numpy(codes)).numpy()
        weights = weights_of(self.samples, target.task.name)
        if weights is not None:
            weights = scaled_to_one(weights[known])
        truth = target.truth(labels)[known]
        return Rows(self.features[known], codes[known], truth, weights)


def heads_of(network: Network) -> list[ForestHead]:
    """Return the heads of a network of trees, one per task."""
    heads = []
    for head in network.heads:
        if not isinstance(head, ForestHead):
            raise TypeError(f"a head must have trees; got {head!r}")
        heads.append(head)
    return heads


def _history_row(task: str, side: str, loss: float, seconds: float) -> HistoryRow:
    return {
        "epoch": 1,
        "lr": 0.0,
        "seconds": seconds,
        "task": task,
        "side": side,
        "loss": loss,
        "weight": 1.0,
    }
