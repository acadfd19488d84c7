"""From samples and parts to a fitted model: one network for each group of tasks that is trained together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from multitide._checks import one_of, suggest
from multitide.backbones._backbone import Backbone
from multitide.backbones._linear import Linear
from multitide.data._samples import Samples
from multitide.errors import DataError, ParameterError
from multitide.fitting._data_sets import Domain, in_domain
from multitide.fitting._linear_heads import Solution
from multitide.fitting._phases import Phases
from multitide.fitting._recipe import Recipe
from multitide.fitting._task_group import Group
from multitide.fitting._warm_start import Source
from multitide.fitting._weight_search import WeightSearch
from multitide.network._network import Answers, Network
from multitide.sharing import SHARINGS
from multitide.tasks._task import Task
from multitide.training._callbacks import Callback


@dataclass
class Fitted:
    """What fitting gives: the model, and how it came about.

    Attributes
    ----------
    answers : Answers
        What ``predict`` runs.
    history : list of dict
        One row an epoch, task and side.
    pretrain_history : list of dict
        The same of the pre-training, if there was one.
    trials : list of dict
        What a search for weights tried; see `WeightSearch`.
    best_epoch : dict of str to int
        The epoch that answers each task.
    n_labelled : dict of str to dict
        Labelled rows of each task on each side.
    seconds : float
        Time in training.
    """

    answers: Answers
    history: list[dict[str, Any]] = field(default_factory=list)
    pretrain_history: list[dict[str, Any]] = field(default_factory=list)
    trials: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: dict[str, int] = field(default_factory=dict)
    n_labelled: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: float = 0.0


def fit_model(
    domains: Sequence[Domain],
    tasks: Sequence[Task],
    recipe: Recipe,
    callbacks: Sequence[Callback] = (),
    source: Source | None = None,
) -> Fitted:
    """Fit one network for each group of tasks that the sharing trains together.

    Parameters
    ----------
    domains : sequence of Domain
        The data sets, most often a single one.
    tasks : sequence of Task
        With declared kinds.
    recipe : Recipe
        The parts and numbers.
    callbacks : sequence of Callback
        Told of every step.
    source : Source, optional
        A saved model whose backbone is where training starts.

    Raises
    ------
    DataError
        If a task has no label, or only one value, in the training rows; if a series is too short
        for the backbone.
    """
    for domain in domains:
        with in_domain(domain.name):
            check_lengths(domain.samples, recipe.backbone)
    by_name = {task.name: task for task in tasks}
    check_pretrain(recipe, list(by_name))
    networks: list[Network] = []
    answered: list[list[str]] = []
    fitted = Fitted(Answers([], []))
    for names in recipe.sharing.groups(list(by_name)):
        group = Group(domains, [by_name[name] for name in names], recipe)
        search = WeightSearch(group, callbacks, source)
        solved = isinstance(recipe.backbone, Linear)
        phases = Solution(group, source) if solved else Phases(search.settled(), callbacks, source)
        more_networks, more_answered = phases.run()
        networks += more_networks
        answered += more_answered
        fitted.history += phases.history
        fitted.pretrain_history += phases.pretrain_history
        fitted.best_epoch |= phases.best_epoch
        fitted.n_labelled |= group.n_labelled()
        fitted.trials += search.trials
        fitted.seconds += search.seconds + phases.seconds
    fitted.answers = Answers(networks, answered).cpu().eval()
    return fitted


def check_several(recipe: Recipe, n_domains: int) -> None:
    """Raise if there are several data sets, and a part knows of one only."""
    if n_domains == 1:
        return
    problems = []
    if not recipe.sharing.learns_several:
        known = [name for name, each in SHARINGS.items() if each.learns_several]
        problems.append(
            f"`sharing` must be {one_of(known)} with several data sets; got {recipe.sharing!r}, whose tasks compare "
            "what they make of the same series."
        )
    if recipe.inputs.representation is not None:
        problems.append(
            "`inputs.representation` must be none with several data sets: a body reads their series."
        )
    if isinstance(recipe.backbone, Linear):
        problems.append(
            "`backbone` must not be 'linear' with several data sets, which would have nothing in common."
        )
    if problems:
        raise ParameterError("\n".join(problems))


def check_pretrain(recipe: Recipe, names: list[str]) -> None:
    """Raise unless the tasks to pre-train on are some of those that are trained together."""
    problems = [
        f"`training.pretrain` must name tasks, of {one_of(names)}; got {name!r}.{suggest(name, names)}"
        for name in recipe.training.pretrain
        if name not in names
    ]
    if recipe.training.pretrain and len(recipe.sharing.groups(names)) > 1:
        problems.append(
            f"`training.pretrain` must be empty with {recipe.sharing!r}, which shares nothing."
        )
    if problems:
        raise ParameterError("\n".join(problems))


def check_lengths(samples: Samples, backbone: Backbone) -> None:
    """Raise if a series is shorter than the backbone can read."""
    shortest, needed = int(samples.lengths.min()), backbone.min_timepoints
    if shortest < needed:
        raise DataError(
            f"`X` must have at least {needed} time steps for the backbone {type(backbone).__name__}; the shortest of "
            f"{len(samples)} series has {shortest} ({samples.n_channels} channels). {backbone.too_short} If `X` is "
            "(n_samples, n_timepoints, n_channels), give X.transpose(0, 2, 1)."
        )
