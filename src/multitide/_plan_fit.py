"""Everything of a fit that comes before training: what `check` accepts, `fit` accepts."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from multitide.backbones._linear import Linear
from multitide.backbones._trees import Trees
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.fitting._auto_backbone import extra_groups, network_for, with_refit
from multitide.fitting._check_together import check_together
from multitide.fitting._data_sets import resolve_shared_tasks, split_data_sets
from multitide.fitting._decide import check_rules
from multitide.fitting._fit_model import make_groups
from multitide.fitting._forests import check_trees
from multitide.fitting._freezing import check_depth
from multitide.fitting._linear_heads import check_linear
from multitide.fitting._memory import MemoryEstimate, estimate_memory
from multitide.fitting._recipe import Recipe, is_auto, make_recipe
from multitide.fitting._task_group import TaskGroup
from multitide.fitting._trains_network import trains_network
from multitide.fitting._use_bf16 import tell_precision
from multitide.fitting._use_graph import uses_graph
from multitide.fitting._warm_start import Source
from multitide.fitting._weigh_fits import short_name
from multitide.fitting._weighed import weighed_by_name, weighed_sets
from multitide.fitting._weight_search import check_searchable
from multitide.model._start_from import find_source
from multitide.model._store import StoredModel
from multitide.representations._represent import entry_names
from multitide.tasks import ClassificationTarget, Task, task_names

logger = logging.getLogger("multitide")


@dataclass(frozen=True)
class FitPlan:
    """A fit that can begin.

    Attributes
    ----------
    recipe : Recipe
        The resolved parameters of the estimator.
    tasks : list of Task
        The tasks with their kinds.
    data : list of SplitData
        The data sets with their training and validation sets.
    source : Source or None
        The model that training starts from.
    groups : list of TaskGroup
        The tasks that are trained together, with their labels; none if "auto" trains no network.
    extra_groups : list of TaskGroup
        The tasks for which "auto" grows trees or solves linear heads.
    memory : MemoryEstimate or None
        None if the length of the vectors is not known before a representation is fitted.
    """

    recipe: Recipe
    tasks: list[Task]
    data: list[SplitData]
    source: Source | None
    groups: list[TaskGroup]
    extra_groups: list[TaskGroup]
    memory: MemoryEstimate | None

    @property
    def learners(self) -> list[str]:
        """The names of what is fitted, as in the table of candidates, the network last."""
        names = []
        for group in [*self.extra_groups, *self.groups]:
            names.append(short_name(group.recipe.backbone))
        return list(dict.fromkeys(names))

    def on(self, samples: Mapping[str, Samples]) -> FitPlan:
        """Return the plan for vectors in place of the series, by data set."""
        groups = [group.with_samples(samples) for group in self.groups]
        memory = estimate_memory(groups, self.recipe)
        return replace(self, groups=groups, memory=memory)

    def check_memory(self, n_at_once: int = 1) -> None:
        """Raise if this fit, or so many of its kind at the same time, do not fit into memory."""
        if self.memory is not None:
            self.memory.check(self.recipe, n_at_once)


def plan_fit(
    params: Mapping[str, object],
    data_sets: DataSets,
    held_out: DataSets | Mapping[str, Samples],
    start: StoredModel | str | Path | None = None,
    calibration: Mapping[str, Samples] | None = None,
) -> FitPlan:
    """Do all that a fit does before training, and raise what makes the training impossible.

    Nothing large is allocated.

    Parameters
    ----------
    params : mapping
        ``estimator.get_params(deep=False)``.
    data_sets : DataSets
        What the network is trained on.
    held_out : mapping of str to Samples
        The user's own validation samples of some data sets.
    start : StoredModel or path, optional
        A model to start from, in place of ``training.start``.
    calibration : mapping of str to Samples, optional
        The user's own calibration samples of some data sets.

    Raises
    ------
    ParameterError
        With every wrong parameter.
    DataError
        With what is wrong with the data.
    """
    recipe = with_refit(make_recipe(params), params, bool(held_out))
    tasks = resolve_shared_tasks(params["tasks"], data_sets)  # type: ignore[arg-type]
    data_sets = weighed_sets(data_sets, tasks)
    held_out = weighed_by_name(held_out, tasks)
    data = split_data_sets(
        data_sets,
        tasks,
        held_out,
        params["validation"],  # type: ignore[arg-type]  # checked by make_recipe
        recipe.seed,
        calibration=weighed_by_name(calibration or {}, tasks),
    )
    if is_auto(params["backbone"]):
        recipe = network_for(recipe, [each.samples for each in data])
    uses_graph(recipe)  # raises if it was asked for in vain
    tell_precision(recipe)
    check_together(recipe)
    source = find_source(start, recipe, task_names(tasks), len(data))
    groups = make_groups(data, tasks, recipe)
    has_unseen = any(
        len(each.split.validation) or len(each.split.calibration) for each in data
    )
    check_rules(tasks, has_unseen)
    for group in groups:
        _check_phases(group, source)
        _announce_positive(group)
    extra = extra_groups(params, recipe, groups, data, source)
    if extra and not trains_network(params, groups, extra):
        groups = []
        logger.info(
            "backbone='auto': trees and linear heads without a network, "
            "since every task has few labels (backbone='lstm_fcn' trains one)."
        )
    memory = None
    network_groups = _of_network(groups, recipe)
    if network_groups:
        check_depth(network_groups[0].sketch(), recipe.training.freeze)
    if network_groups or extra:
        memory = estimate_memory([*extra, *network_groups], recipe)
    return FitPlan(recipe, tasks, data, source, groups, extra, memory)


def _announce_positive(group: TaskGroup) -> None:
    """Log which class of two is the positive one, where the user has not said it."""
    for target in group.targets:
        if (
            not isinstance(target, ClassificationTarget)
            or target.task.positive is not None
        ):
            continue
        if target.positive is not None:
            logger.info(
                "%s: the positive class is %r, the rarer one (`positive` changes this).",
                target.task.name,
                target.classes[target.positive],
            )


def _check_phases(group: TaskGroup, source: Source | None) -> None:
    """Raise if the group cannot be trained in the way that its recipe asks for."""
    if isinstance(group.recipe.backbone, Linear):
        check_linear(group, source)
    elif isinstance(group.recipe.backbone, Trees):
        check_trees(group, source)
    else:
        check_searchable(group)


def _of_network(groups: list[TaskGroup], recipe: Recipe) -> list[TaskGroup]:
    """Return the groups with what the network reads: the series, or vectors of that length.

    Empty if the length of the vectors is known only after a representation is fitted.
    """
    representation = recipe.inputs.representation
    if representation is None:
        return groups
    n_features = getattr(representation, "n_features", None)
    if n_features is None:
        return []
    of_vectors = []
    for group in groups:
        vectors = {}
        for data in group.data:
            vectors[data.name] = _like_vectors(data.samples, n_features)
        of_vectors.append(group.with_samples(vectors))
    return of_vectors


def _like_vectors(samples: Samples, n_features: int) -> Samples:
    """Return samples with the shape of vectors; all values are the same place in memory."""
    return replace(
        samples,
        values=np.broadcast_to(np.float32(0), (len(samples), n_features)),
        starts=np.arange(len(samples), dtype=np.int64),
        lengths=np.ones(len(samples), dtype=np.int64),
        channels=entry_names(n_features),
        categories={},
        reading=None,
    )
