"""What ``backbone="auto"`` stands for: a network for all tasks, and boosted trees beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from multitide.backbones._lstm_fcn import LSTMFCN
from multitide.backbones._trees import Trees
from multitide.balancing._uniform import Uniform
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.fitting._grow_trees import is_growable
from multitide.fitting._recipe import Recipe, is_auto
from multitide.fitting._task_group import TaskGroup
from multitide.fitting._warm_start import Source
from multitide.sharing import Hard, NoSharing
from multitide.tasks import Task
from multitide.tasks._several import SeveralTarget

# From this number of rows the values of single steps help trees more than they harm.
MANY_ROWS = 10_000
# Above these numbers of channels, trees have statistics only, and are left out.
FEW_CHANNELS, MOST_CHANNELS = 4, 1_000
# With fewer labels the leaves of boosted trees are small (see `fitting/_grow_trees.py`), which some
# tasks need and others overfit: trees with leaves of this number of rows are grown beside them.
FEW_LABELS, LARGE_LEAF = 400, 20


def network_for(recipe: Recipe, samples: Iterable[Samples]) -> Recipe:
    """Return the recipe with a network of "auto" that can read the shortest of these series."""
    backbone = recipe.backbone
    shortest = min(int(each.lengths.min()) for each in samples)
    if isinstance(backbone, LSTMFCN) and shortest < backbone.min_timepoints:
        backbone = dataclasses.replace(backbone, padding="same")
    return dataclasses.replace(recipe, backbone=backbone)


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


def tree_groups(
    params: Mapping[str, object],
    recipe: Recipe,
    groups: Sequence[TaskGroup],
    data: Sequence[SplitData],
    source: Source | None,
) -> list[TaskGroup]:
    """Return the groups of the tasks that "auto" also grows trees for; none if there are none.

    Tasks with few labels have a second group with larger leaves. The validation set chooses the
    weights of the network and of the trees. Trees share nothing, so that they are left out where
    the user has chosen how the tasks share.

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
    tasks = _growable_tasks(groups)
    n_channels = data[0].samples.n_channels
    if not tasks or n_channels > MOST_CHANNELS:
        return []
    inputs = dataclasses.replace(
        recipe.inputs, impute="ffill", observed=False, elapsed=False, encodings=()
    )
    trees = boosted_trees(max(group.n_rows for group in groups), n_channels)
    of_trees = dataclasses.replace(recipe, backbone=trees, inputs=inputs)
    grown = TaskGroup(data, tasks, of_trees)
    few = _tasks_with_few_labels(grown)
    if not few:
        return [grown]
    of_careful = dataclasses.replace(of_trees, backbone=with_large_leaves(trees))
    return [grown, TaskGroup(data, few, of_careful)]


def _tasks_with_few_labels(group: TaskGroup) -> list[Task]:
    n_labelled = group.n_labelled()
    few = []
    for task in group.tasks:
        if n_labelled[task.name]["train"] < FEW_LABELS:
            few.append(task)
    return few


def _growable_tasks(groups: Sequence[TaskGroup]) -> list[Task]:
    """Return the tasks that boosted trees can predict and that validation labels choose for."""
    tasks = []
    for group in groups:
        for target in group.targets:
            if isinstance(target, SeveralTarget):
                continue
            if group.has_validation and is_growable(target, "boosting"):
                tasks.append(target.task)
    return tasks


def _shares_by_choice(recipe: Recipe) -> bool:
    """Return whether the user has chosen how tasks share, or what the network starts from."""
    if not isinstance(recipe.sharing, (Hard, NoSharing)):
        return True
    if isinstance(recipe.sharing, Hard) and recipe.sharing != Hard():
        return True
    has_weights = not isinstance(recipe.weighting, Uniform)
    has_start = bool(recipe.training.pretrain) or recipe.training.start is not None
    return has_weights or recipe.aggregator is not None or has_start
