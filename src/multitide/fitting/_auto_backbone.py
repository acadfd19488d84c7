"""What ``backbone="auto"`` stands for: the network for all tasks, and the other learners."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from multitide.backbones._backbone import Backbone
from multitide.backbones._convolution_features import KERNEL
from multitide.backbones._fc import FC
from multitide.backbones._gru import GRU
from multitide.backbones._lstm_fcn import LSTMFCN
from multitide.backbones._rocket import Rocket
from multitide.backbones._trees import Trees
from multitide.balancing._uniform import Uniform
from multitide.data._blocks import blocks_of
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.encodings._inputs import Inputs
from multitide.fitting._grow_trees import is_growable, n_boosted
from multitide.fitting._recipe import NETWORK_DEFAULTS, Recipe, is_auto, make_recipe
from multitide.fitting._task_group import TaskGroup
from multitide.fitting._training_length import resolve_batch_size
from multitide.fitting._warm_start import Source
from multitide.representations._line import is_solvable
from multitide.sharing import Hard, NoSharing
from multitide.tasks import Target, Task
from multitide.training._settings import Training

logger = logging.getLogger("multitide")

# Longer series are read as means of blocks, so that this many steps remain.
MOST_STEPS = 1_000
# From this share of missing values, the network is a GRU with inputs of its own.
MUCH_MISSING = 0.2
# How that GRU is trained, in place of the defaults.
GAPS_BATCH, GAPS_LR, GAPS_AVERAGING, GAPS_DECAY = 64, 0.003, 0.99, 0.1
# These make eighteen channels of each, for which a network needs many samples.
ENCODINGS = ("difference", "piecewise_linear")
MOST_ENCODED = 20
# From this number of rows encodings help networks, and the values of single steps trees, more than
# they harm.
MANY_ROWS = 10_000
# Above these numbers of channels, trees have statistics only, and are left out.
FEW_CHANNELS, MOST_CHANNELS = 4, 1_000
# With fewer labels the leaves of boosted trees are small (see `fitting/_grow_trees.py`), which some
# tasks need and others overfit: trees with leaves of this number of rows are grown beside them.
FEW_LABELS, LARGE_LEAF = 400, 20
# Tasks with fewer labels than this also have two forests, which average out what boosting overfits,
# and linear heads on convolutions, which read shapes without a network that has to learn them.
MANY_LABELS = 2_000
QUANTILE_TREES = 50  # twice as many take twice the time and are not better
KERNEL_FEATURES = 5_000  # twice as many take twice the time and are not better
# Boosting grows trees for each label or step of a task, a forest answers all of them at once: it
# takes the place of boosted trees for tasks with more than so many.
MOST_BOOSTED = 5
# The same holds for all tasks together. A network, which learns them at once, then takes less time
# than the other learners.
MOST_TASKS = 50


def network_for(recipe: Recipe, samples: Collection[Samples]) -> Recipe:
    """Return the recipe with the network of "auto" for these series.

    Where many values are missing, it is a small GRU that knows what was measured, and when, with
    averaged weights and a training of its own. For many samples of few channels it is a GRU that
    reads encodings. Otherwise, and if the user has chosen the inputs, it is an LSTM-FCN that can
    read the shortest series, or an FC for vectors. Of long series it reads means of blocks.
    """
    longest = max(each.n_timepoints for each in samples)
    if recipe.inputs == Inputs() and longest > MOST_STEPS:
        pool = -(-longest // MOST_STEPS)
        logger.info(
            "backbone='auto': series of up to %d steps are read as means of %d steps "
            "(`inputs.pool` changes this).",
            longest,
            pool,
        )
        recipe = _network_for(recipe, samples, pool)
        inputs = dataclasses.replace(recipe.inputs, pool=pool)
        return dataclasses.replace(recipe, inputs=inputs)
    return _network_for(recipe, samples, 1)


def _network_for(recipe: Recipe, samples: Collection[Samples], pool: int) -> Recipe:
    """Return the recipe with the network that reads blocks of `pool` steps."""
    backbone = recipe.backbone
    if not isinstance(backbone, LSTMFCN):
        return recipe
    if recipe.inputs == Inputs():
        if _share_missing(samples) > MUCH_MISSING:
            return _for_gaps(recipe, sum(len(each) for each in samples))
        if _are_many_of_few_channels(samples):
            inputs = dataclasses.replace(recipe.inputs, encodings=ENCODINGS)
            gru = GRU(num_layers=1)
            return dataclasses.replace(recipe, backbone=gru, inputs=inputs)
    if max(each.n_timepoints for each in samples) == 1:
        return dataclasses.replace(recipe, backbone=FC())
    shortest = min(int(each.lengths.min()) for each in samples) // pool
    if shortest < backbone.min_timepoints:
        backbone = dataclasses.replace(backbone, padding="same")
    return dataclasses.replace(recipe, backbone=backbone)


def _for_gaps(recipe: Recipe, n_samples: int) -> Recipe:
    """Return the recipe with the network for series with many missing values.

    What the user has chosen of its training stays.
    """
    gru = GRU(num_layers=1, hidden_size=32, dropout=0.3)
    inputs = dataclasses.replace(recipe.inputs, clip=0.001, observed=True, elapsed=True)
    changed: dict[str, Any] = {"backbone": gru, "inputs": inputs}
    training = recipe.training
    if training.averaging is None and training.weight_decay == Training.weight_decay:
        changed["training"] = dataclasses.replace(
            training, averaging=GAPS_AVERAGING, weight_decay=GAPS_DECAY
        )
    if recipe.lr == NETWORK_DEFAULTS["lr"]:
        changed["lr"] = GAPS_LR
    if recipe.batch_size == "auto":
        batch_size = resolve_batch_size("auto", n_samples)
        changed["batch_size"] = min(GAPS_BATCH, batch_size)
    return dataclasses.replace(recipe, **changed)


def params_of_network(
    recipe: Recipe, samples: Collection[Samples]
) -> dict[str, object]:
    """Return the parameters of an estimator that is the network of "auto" alone.

    These are the backbone, and what differs from the recipe.
    """
    network = network_for(recipe, samples)
    params: dict[str, object] = {"backbone": network.backbone}
    for name in ("inputs", "training", "lr", "batch_size"):
        if getattr(network, name) != getattr(recipe, name):
            params[name] = getattr(network, name)
    return params


def _share_missing(samples: Collection[Samples]) -> float:
    """Return the share of missing values in the tables that the series are cut from."""
    n_missing = 0
    for each in samples:
        for block in blocks_of(each.values):
            n_missing += int(np.isnan(block).sum())
    return n_missing / sum(each.values.size for each in samples)


def _are_many_of_few_channels(samples: Collection[Samples]) -> bool:
    n_samples = sum(len(each) for each in samples)
    widest = max(each.n_channels for each in samples)
    return n_samples >= MANY_ROWS and widest <= MOST_ENCODED


def with_refit(recipe: Recipe, params: Mapping[str, object], has_own: bool) -> Recipe:
    """Return the recipe with what `training.refit="auto"` stands for.

    Parameters
    ----------
    recipe : Recipe
    params : mapping
        ``estimator.get_params(deep=False)``.
    has_own : bool
        Whether the user has given validation samples, which should stay unseen.
    """
    if recipe.training.refit != "auto":
        return recipe
    refit: Literal["trees"] | bool = False
    if is_auto(params["backbone"]) and not has_own:
        refit = "trees"
    training = dataclasses.replace(recipe.training, refit=refit)
    return dataclasses.replace(recipe, training=training)


def boosted_trees(n_rows: int, n_channels: int) -> Trees:
    """Return boosted trees for these numbers of training rows and channels.

    The statistics of a few channels are few, and quantiles of the whole series are added. For more
    channels quantiles take three times as long and are not better; see docs/guide/defaults.md.
    """
    n_levels = 1 if n_channels <= FEW_CHANNELS else 0
    return Trees(kind="boosting", n_levels=n_levels, steps=n_rows >= MANY_ROWS)


def with_large_leaves(trees: Trees) -> Trees:
    """Return boosted trees for tasks with fewer than `FEW_LABELS` training labels."""
    return dataclasses.replace(trees, min_samples_leaf=LARGE_LEAF)


def forest_for_many(n_rows: int, n_channels: int) -> Trees:
    """Return a forest on the features of boosted trees, for tasks with many labels or steps.

    Each split reads about a hundred features at most, and many rows make fewer trees with larger
    leaves, so that the forest takes less time than the network.
    """
    boosted = boosted_trees(n_rows, n_channels)
    if n_rows >= MANY_ROWS:
        n_trees, leaf, max_features = 50, 5, 0.1
    else:
        n_trees, leaf, max_features = 100, None, min(0.3, 9 / n_channels)
    return Trees(
        kind="extra_trees",
        n_trees=n_trees,
        min_samples_leaf=leaf,
        max_features=max_features,
        n_levels=boosted.n_levels,
        steps=boosted.steps,
    )


def extra_groups(
    params: Mapping[str, object],
    recipe: Recipe,
    groups: Sequence[TaskGroup],
    data: Sequence[SplitData],
    source: Source | None,
) -> list[TaskGroup]:
    """Return the groups of the tasks that "auto" also fits without a training loop, if any.

    Every task has boosted trees. Tasks with few labels have two forests and linear heads on
    convolutions too, and with very few a second group of boosted trees with larger leaves. Tasks
    with many labels or steps have a forest in place of boosted trees, and so do many tasks. The
    validation set chooses the weights of all. These learners share nothing, so that they are left
    out where the user has chosen how the tasks share.

    Parameters
    ----------
    params : mapping
        ``estimator.get_params(deep=False)``.
    recipe : Recipe
        That of the network.
    groups : sequence of TaskGroup
        The tasks as networks train them.
    data : sequence of SplitData
        The data sets.
    source : Source or None
        A saved model that training starts from.
    """
    if not is_auto(params["backbone"]) or source is not None or len(data) > 1:
        return []
    if _shares_by_choice(recipe) or recipe.inputs.representation is not None:
        return []
    if data[0].samples.n_channels > MOST_CHANNELS:
        return []
    if not all(group.has_validation for group in groups):
        return []
    inputs = dataclasses.replace(
        make_recipe(params).inputs,  # without those of the GRU
        impute="ffill",
        observed=False,
        elapsed=False,
        encodings=(),
    )
    of_trees = dataclasses.replace(recipe, inputs=inputs)
    grown = _tree_groups(of_trees, groups, data)
    inputs = dataclasses.replace(inputs, pool=recipe.inputs.pool)
    solved = dataclasses.replace(recipe, inputs=inputs)
    return [*grown, *_rocket_groups(solved, groups, data)]


def _tree_groups(
    recipe: Recipe, groups: Sequence[TaskGroup], data: Sequence[SplitData]
) -> list[TaskGroup]:
    n_channels = data[0].samples.n_channels
    n_rows = max(group.n_rows for group in groups)
    boosted = boosted_trees(n_rows, n_channels)
    by_boosting, by_forest = _growable_tasks(groups)
    grown = []
    if by_boosting:
        group = TaskGroup(data, by_boosting, _with(recipe, boosted))
        grown.append(group)
        few = _with_few_labels([group], FEW_LABELS)
        if few:
            careful = _with(recipe, with_large_leaves(boosted))
            grown.append(TaskGroup(data, _tasks_of(few), careful))
        few = []
        for target in _with_few_labels([group], MANY_LABELS):
            if is_growable(target, "extra_trees"):
                few.append(target)
        by_forest += _tasks_of(few)
        if few:
            of_quantiles = _with(recipe, Trees(n_trees=QUANTILE_TREES))
            grown.append(TaskGroup(data, _tasks_of(few), of_quantiles))
    if by_forest:
        forest = forest_for_many(n_rows, n_channels)
        grown.append(TaskGroup(data, by_forest, _with(recipe, forest)))
    return grown


def _rocket_groups(
    recipe: Recipe, groups: Sequence[TaskGroup], data: Sequence[SplitData]
) -> list[TaskGroup]:
    """Return the group of the tasks that also have linear heads on convolutions, if any."""
    solvable = []
    for target in _with_few_labels(groups, MANY_LABELS):
        if is_solvable(target):
            solvable.append(target)
    n_steps = data[0].samples.n_timepoints // (recipe.inputs.pool or 1)
    if not solvable or n_steps < KERNEL:
        return []
    rocket = Rocket(n_features=KERNEL_FEATURES).with_seed(recipe.seed)
    return [TaskGroup(data, _tasks_of(solvable), _with(recipe, rocket))]


def boosts_many(groups: Sequence[TaskGroup]) -> bool:
    """Return whether boosting grows trees for each of many labels or steps, which takes long."""
    most = 0
    for group in groups:
        backbone = group.recipe.backbone
        if isinstance(backbone, Trees) and backbone.kind == "boosting":
            most = max(most, *map(n_boosted, group.targets))
    return most > MOST_BOOSTED


def _with(recipe: Recipe, backbone: Backbone) -> Recipe:
    return dataclasses.replace(recipe, backbone=backbone)


def _with_few_labels(groups: Sequence[TaskGroup], n: int) -> list[Target]:
    """Return the targets with fewer than `n` training labels."""
    few = []
    for group in groups:
        n_labelled = group.n_labelled()
        for target in group.targets:
            if n_labelled[target.task.name]["train"] < n:
                few.append(target)
    return few


def _tasks_of(targets: Sequence[Target]) -> list[Task]:
    return [target.task for target in targets]


def _growable_tasks(groups: Sequence[TaskGroup]) -> tuple[list[Task], list[Task]]:
    """Return the tasks for boosted trees and for a forest."""
    targets = [target for group in groups for target in group.targets]
    has_many = len(targets) > MOST_TASKS
    by_boosting, by_forest = [], []
    for target in targets:
        if not is_growable(target, "boosting"):
            continue
        if n_boosted(target) <= MOST_BOOSTED and not has_many:
            by_boosting.append(target.task)
        elif is_growable(target, "extra_trees"):
            by_forest.append(target.task)
    return by_boosting, by_forest


def _shares_by_choice(recipe: Recipe) -> bool:
    """Return whether the user has chosen how tasks share, or what the network starts from."""
    if not isinstance(recipe.sharing, (Hard, NoSharing)):
        return True
    if isinstance(recipe.sharing, Hard) and recipe.sharing != Hard():
        return True
    has_weights = not isinstance(recipe.weighting, Uniform)
    has_start = bool(recipe.training.pretrain) or recipe.training.start is not None
    return has_weights or recipe.aggregator is not None or has_start
