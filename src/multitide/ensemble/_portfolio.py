"""The default members of an ensemble: different families, the fastest first."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from sklearn.base import clone

from multitide._checks import raise_problems
from multitide._estimator import MultiTaskEstimator
from multitide._plan_fit import plan_fit
from multitide._silence import silence
from multitide.backbones import GRU, Trees
from multitide.backbones._convolution_features import KERNEL
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.encodings import Inputs
from multitide.errors import MultitideError
from multitide.fitting._auto_backbone import (
    ENCODINGS,
    FEW_LABELS,
    LARGE_LEAF,
    MANY_LABELS,
    MANY_ROWS,
    MOST_ENCODED,
    boosted_trees,
    boosts_many,
    forest_for_many,
    params_of_network,
    with_large_leaves,
)
from multitide.fitting._recipe import make_part, make_recipe
from multitide.tasks import Task
from multitide.training._settings import Training

logger = logging.getLogger("multitide")
# Above this number of samples, solving linear heads on thousands of features takes longer than
# training a network.
MOST_FOR_ROCKET = 20_000
NETWORKS = ("gru", "lstm_fcn")
EXTRA_TREES = "extra_trees"
# Extra trees take longest: twice as long for twice the rows or the trees. All seeds are averaged.
FEWEST_TREES, MOST_TREES, ROWS_OF_ALL_TREES = 25, 100, 1_000_000


def best_members(
    data_sets: Mapping[str, Samples],
    base: MultiTaskEstimator | None = None,
    tasks: Sequence[str | Task] | None = None,
) -> dict[str, MultiTaskEstimator]:
    """Return members of different families that can read these data, the fastest first.

    Networks are among them where the default estimator has one.

    Parameters
    ----------
    data_sets : mapping of str to Samples
        What the members are fitted on.
    base : MultiTaskEstimator, optional
        Its parameters hold for every member that does not need others.
    tasks : sequence of str or Task, optional
        In place of those of the base.

    Raises
    ------
    ParameterError, DataError
        If no member can be fitted to these data.
    """
    check_base(base)
    base = base or MultiTaskEstimator()
    if tasks is not None:
        base = _with(base, tasks=list(tasks))
    members: dict[str, MultiTaskEstimator] = {}
    if len(data_sets) == 1:
        (samples,) = data_sets.values()
        members |= _of_one_data_set(base, samples)
    if _trains_network(base, data_sets):
        for name in NETWORKS:
            members[name] = _with(base, backbone=name)
        members["gru"] = _gru(base, data_sets)
    if EXTRA_TREES in members and _has_many_labels(data_sets):
        # They take minutes on many samples of many channels, longer than a network.
        members[EXTRA_TREES] = members.pop(EXTRA_TREES)
    return _suitable(members, data_sets)


def _trains_network(base: MultiTaskEstimator, data_sets: Mapping[str, Samples]) -> bool:
    """Return whether the default estimator has a network for these data.

    With few labels it has none, because networks do not make it better and take most of the time.
    """
    try:
        with silence(False):  # the fits say it again
            plan = plan_fit(base.get_params(deep=False), DataSets(data_sets), {})
    except MultitideError:
        return True  # the members say what is wrong
    return bool(plan.groups)


def check_base(base: MultiTaskEstimator | None) -> None:
    """Raise if the base of the default members sets what the members set themselves.

    Raises
    ------
    ParameterError
        With every such parameter.
    """
    if base is None:
        return
    inputs = cast(Inputs, make_part("inputs", base.inputs))
    training = cast(Training, make_part("training", base.training))
    own: dict[str, object] = {}
    if base.backbone != MultiTaskEstimator().backbone:
        own["backbone"] = base.backbone
    if inputs.representation is not None:
        own["inputs.representation"] = inputs.representation
    for name in ("start", "pretrain"):
        value = getattr(training, name)
        if value:
            own[f"training.{name}"] = value
    problems = []
    for name, value in own.items():
        problems.append(
            f"`{name}` must be left out with the default members of an ensemble, "
            f"which have their own; got {value!r}."
        )
    raise_problems(problems)
    make_recipe(base.get_params(deep=False))


def _suitable(
    members: Mapping[str, MultiTaskEstimator], data_sets: Mapping[str, Samples]
) -> dict[str, MultiTaskEstimator]:
    """Return the members that can be fitted: some parts refuse short series or kinds of tasks.

    Boosting comes last where it grows trees for each of many labels or steps.
    """
    suitable: dict[str, MultiTaskEstimator] = {}
    late: dict[str, MultiTaskEstimator] = {}
    problem: MultitideError | None = None
    for name, member in members.items():
        try:
            with silence(False):  # every fit says the same of the data
                plan = plan_fit(member.get_params(deep=False), DataSets(data_sets), {})
        except MultitideError as error:
            logger.info("No member %r: %s", name, error)
            problem = error
        else:
            if boosts_many(plan.groups):
                late[name] = member
            else:
                suitable[name] = member
    if problem is not None and not suitable | late:
        raise problem
    return suitable | late


def _of_one_data_set(
    base: MultiTaskEstimator, samples: Samples
) -> dict[str, MultiTaskEstimator]:
    """Return the members that read one data set only: trees, and linear heads on kernels."""
    boosted = boosted_trees(len(samples), samples.n_channels)
    members = {"boosting": _with(base, backbone=boosted)}
    if samples.y.count().min() < FEW_LABELS:
        name = f"boosting, leaves of {LARGE_LEAF}"
        members[name] = _with(base, backbone=with_large_leaves(boosted))
    forest = forest_for_many(len(samples), samples.n_channels)
    members["forest"] = _with(base, backbone=forest)
    members[EXTRA_TREES] = _with(base, backbone=_extra_trees(len(samples)))
    if samples.n_timepoints >= KERNEL and len(samples) <= MOST_FOR_ROCKET:
        members["rocket"] = _with(base, backbone="rocket")
    return members


def _has_many_labels(data_sets: Mapping[str, Samples]) -> bool:
    most = max(int(samples.y.count().max()) for samples in data_sets.values())
    return most >= MANY_LABELS


def _extra_trees(n_rows: int) -> Trees:
    """Return extra trees for this number of rows, of which each seed adds as many again."""
    n_trees = min(MOST_TREES, max(FEWEST_TREES, ROWS_OF_ALL_TREES // n_rows))
    return Trees(kind="extra_trees", n_trees=n_trees, steps=n_rows >= MANY_ROWS)


def _gru(
    base: MultiTaskEstimator, data_sets: Mapping[str, Samples]
) -> MultiTaskEstimator:
    """Return the GRU, where many values are missing with the inputs that "auto" gives it.

    Otherwise it has encodings, unless the user has chosen some or they make very many channels. Its
    errors then differ more from those of the other network.
    """
    recipe = make_recipe(base.get_params(deep=False))
    of_auto = params_of_network(recipe, list(data_sets.values()))
    if isinstance(of_auto["backbone"], GRU):
        return _with(base, **of_auto)
    widest = max(samples.n_channels for samples in data_sets.values())
    if recipe.inputs.encodings or widest > MOST_ENCODED:
        return _with(base, backbone="gru")
    encoded = replace(recipe.inputs, encodings=ENCODINGS)
    return _with(base, backbone="gru", inputs=encoded)


def _with(base: MultiTaskEstimator, **params: object) -> MultiTaskEstimator:
    changed = cast(MultiTaskEstimator, clone(base))
    changed.set_params(**params)
    return changed
