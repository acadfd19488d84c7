"""From samples and parts to a fitted model: one network per group of tasks trained together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from multitide._checks import one_of, suggest
from multitide.backbones._backbone import Backbone
from multitide.backbones._linear import Linear
from multitide.backbones._trees import Trees
from multitide.calibration._calibrated_label import CalibratedLabel
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.errors import DataError, ParameterError
from multitide.fitting._cross_fit import cross_fit
from multitide.fitting._data_sets import naming_data_set
from multitide.fitting._decide import Decision
from multitide.fitting._feature_tables import FeatureTables
from multitide.fitting._forests import TreeFit
from multitide.fitting._held_out import predict_held_out
from multitide.fitting._linear_heads import LinearFit
from multitide.fitting._phases import Phases
from multitide.fitting._recipe import Recipe, backbone_name
from multitide.fitting._task_group import TaskGroup
from multitide.fitting._warm_start import Source
from multitide.fitting._weigh_fits import Candidate, GroupFit, short_name, weigh_fits
from multitide.fitting._weight_search import WeightSearch
from multitide.network._network import Network, Predictor
from multitide.sharing import SHARINGS
from multitide.sharing._sharing import check_named_tasks
from multitide.tasks._task import Task
from multitide.training._callbacks import Callback
from multitide.training._checkpoint_store import CheckpointStore


@dataclass
class Fitted:
    """A fitted model and the record of its training.

    Attributes
    ----------
    predictor : Predictor
        The module that ``predict`` runs.
    before_refit : Predictor
        The same before a refit, when the validation set was unseen; `predictor` without one.
    calibrated : list of CalibratedLabel
        What calibration has changed.
    history : list of dict
        One row per epoch, task and set, of the network if it takes part in the task, and otherwise
        of the trees.
    pretrain_history : list of dict
        The same for the pre-training, if there was one.
    trials : list of dict
        The trials of a search for weights; see `WeightSearch`.
    candidates : list of dict
        The weights of the fits of each task; see :func:`weigh_fits`.
    best_epoch : dict of str to int
        The epoch whose weights predict each task.
    n_labelled : dict of str to dict
        Number of labelled rows per task and set.
    seconds : float
        Time spent in training.
    """

    predictor: Predictor
    before_refit: Predictor
    calibrated: list[CalibratedLabel] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    pretrain_history: list[dict[str, Any]] = field(default_factory=list)
    trials: list[dict[str, Any]] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    best_epoch: dict[str, int] = field(default_factory=dict)
    n_labelled: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: float = 0.0


def fit_model(
    groups: Sequence[TaskGroup],
    callbacks: Sequence[Callback] = (),
    source: Source | None = None,
    store: CheckpointStore | None = None,
) -> Fitted:
    """Fit one network, or the trees, for each group of tasks.

    If several groups have a task, the validation set chooses the weight of each fit in its
    predictions.

    Parameters
    ----------
    groups : sequence of TaskGroup
        The groups of tasks, as :func:`make_groups` returns them.
    callbacks : sequence of Callback
        Called at every step.
    source : Source, optional
        A saved model whose backbone training starts from.
    store : CheckpointStore, optional
        Keeps the state of the fit; what it has already is taken up.
    """
    fitted = Fitted(Predictor([], []), Predictor([], []))
    fits = []
    several = _tasks_of_several(groups)
    tables = FeatureTables()
    for group in groups:
        fit, search = _fit_group(group, callbacks, source, several, store, tables)
        fits.append(fit)
        fitted.n_labelled |= group.n_labelled()
        fitted.trials += search.trials
        fitted.pretrain_history += fit.pretrain_history
        fitted.seconds += search.seconds + fit.seconds
    fits.sort(key=lambda fit: not fit.is_trained)  # networks come first in the model
    _combine(fits, groups[0].recipe.seed, fitted)
    return fitted


def _tasks_of_several(groups: Sequence[TaskGroup]) -> set[str]:
    """Return the tasks that several groups have."""
    n_fits = Counter(name for group in groups for name in group.names)
    return {name for name, n in n_fits.items() if n > 1}


def _combine(fits: Sequence[GroupFit], seed: int, fitted: Fitted) -> None:
    """Weight the fits of each task, and make the predictor of those with a weight."""
    shares, fitted.candidates = weigh_fits(fits, seed)
    fitted.predictor = _predictor(fits, shares)
    fitted.before_refit = fitted.predictor
    if any(fit.was_refitted for fit in fits):
        unseen = [fit.without_refit() for fit in fits]
        fitted.before_refit = _predictor(unseen, shares)
    for i, fit in enumerate(fits):
        # The record of a task is that of the network, if it takes part.
        leading = [name for name in fit.best_epoch if min(shares[name]) == i]
        for name in leading:
            fitted.best_epoch[name] = fit.best_epoch[name]
        fitted.history += [row for row in fit.history if row["task"] in leading]


def _predictor(
    fits: Sequence[GroupFit], shares: Mapping[str, Mapping[int, float]]
) -> Predictor:
    """Return the predictor of the fits that have a weight in some task."""
    networks: list[Network] = []
    predicted: list[list[str]] = []
    parts: list[dict[str, float]] = []
    for i, fit in enumerate(fits):
        more_networks, their_tasks = fit.networks_for(
            [name for name in fit.best_epoch if i in shares[name]]
        )
        networks += more_networks
        predicted += their_tasks
        for names in their_tasks:
            parts.append(_parts(names, shares, i))
    return Predictor(networks, predicted, parts).cpu().eval()


def _fit_group(
    group: TaskGroup,
    callbacks: Sequence[Callback],
    source: Source | None,
    several: Collection[str],
    store: CheckpointStore | None,
    tables: FeatureTables,
) -> tuple[GroupFit, WeightSearch]:
    search = WeightSearch(group, callbacks, source, store)
    backbone = group.recipe.backbone
    training: LinearFit | TreeFit | Phases
    if not isinstance(backbone, Trees):
        tables.clear()  # trees come first, and the others need the memory
    if isinstance(backbone, Linear):
        training = LinearFit(group, source)
    elif isinstance(backbone, Trees):
        training = TreeFit(group, source, store, tables)
    else:
        training = Phases(search.best_group(), callbacks, source, store)
    networks, predicted = training.run()
    crossed = {}
    if not backbone.is_trained and several:
        crossed = cross_fit(group, partial(_fit_anew, tables=tables), several)
    fit = GroupFit(
        name=short_name(backbone),
        is_trained=backbone.is_trained,
        networks=networks,
        predicted=predicted,
        before_refit=training.before_refit,
        held_out=predict_held_out(*training.before_refit, group, several),
        crossed=crossed,
        history=training.history,
        pretrain_history=training.pretrain_history,
        best_epoch=training.best_epoch,
        seconds=training.seconds,
    )
    return fit, search


def _fit_anew(
    group: TaskGroup, tables: FeatureTables | None = None
) -> tuple[list[Network], list[list[str]]]:
    """Fit trees or linear heads once more, on other rows."""
    if isinstance(group.recipe.backbone, Linear):
        return LinearFit(group, None).run()
    return TreeFit(group, None, tables=tables).run()


def _parts(
    names: Sequence[str], shares: Mapping[str, Mapping[int, float]], fit: int
) -> dict[str, float]:
    """Return the weight of a fit in the predictions of those tasks that it shares with others."""
    parts = {}
    for name in names:
        if shares[name][fit] < 1:
            parts[name] = shares[name][fit]
    return parts


def make_groups(
    data_sets: Sequence[SplitData], tasks: Sequence[Task], recipe: Recipe
) -> list[TaskGroup]:
    """Return the groups of tasks that are trained together, with their labels.

    Parameters
    ----------
    data_sets : sequence of SplitData
        The data sets, usually one.
    tasks : sequence of Task
        With declared kinds.
    recipe : Recipe
        The resolved parameters of the estimator.

    Raises
    ------
    DataError
        If a task has no training label, or only one value among them, or if a series is too short
        for the backbone.
    """
    for data in data_sets:
        with naming_data_set(data.name):
            check_lengths(data.samples, recipe.backbone, recipe.inputs.pool)
    by_name = {}
    for task in tasks:
        by_name[task.name] = task
    check_named_tasks(recipe.sharing, list(by_name))
    groups = []
    for names in recipe.sharing.networks(list(by_name)):
        groups.append(TaskGroup(data_sets, [by_name[name] for name in names], recipe))
    return groups


def check_several(recipe: Recipe, n_data_sets: int) -> None:
    """Raise if there are several data sets and a part supports only one."""
    if n_data_sets == 1:
        return
    problems = []
    if not recipe.sharing.learns_several:
        known = []
        for name, each in SHARINGS.items():
            if each.learns_several:
                known.append(name)
        problems.append(
            f"`sharing` must be {one_of(known)} "
            "with several data sets; "
            f"got {recipe.sharing!r}, which needs the "
            "features of all tasks for the same series."
        )
    if recipe.inputs.representation is not None:
        problems.append(
            "`inputs.representation` must be "
            "none with several data sets; "
            "the shared backbone reads the raw series."
        )
    if not recipe.backbone.is_trained:
        problems.append(
            "`backbone` must not be "
            f"{backbone_name(recipe.backbone)!r} "
            "with several data sets, which would share nothing. "
            "Fit each data set on its own, or train a network."
        )
    if problems:
        raise ParameterError("\n".join(problems))


def check_pretrain(recipe: Recipe, names: list[str]) -> None:
    """Raise unless the tasks to pre-train on are among those that are trained together."""
    problems = []
    for name in recipe.training.pretrain:
        if name not in names:
            problems.append(
                "`training.pretrain` must name "
                f"tasks, {one_of(names)}; "
                f"got {name!r}.{suggest(name, names)}"
            )
    if recipe.training.pretrain and len(recipe.sharing.networks(names)) > 1:
        problems.append(
            "`training.pretrain` must be empty with "
            f"{recipe.sharing!r}, which shares nothing."
        )
    if problems:
        raise ParameterError("\n".join(problems))


def check_lengths(samples: Samples, backbone: Backbone, pool: int = 1) -> None:
    """Raise if a series is shorter than the backbone can read, of blocks of `pool` steps."""
    shortest = int(samples.lengths.min())
    needed = (backbone.min_timepoints - 1) * pool + 1
    if shortest < needed:
        raise DataError(
            f"`X` must have at least {needed} time steps "
            f"for the backbone {type(backbone).__name__}; "
            f"the shortest of {len(samples)} series has "
            f"{shortest} ({samples.n_channels} channels). "
            f"{backbone.too_short} If `X` is (n_samples, "
            "n_timepoints, n_channels), give X.transpose(0, 2, 1)."
        )
