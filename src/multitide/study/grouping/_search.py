"""Finding the groups of tasks: which networks are trained for it, and what is read from them.

The test set is never read.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import cast

import numpy as np
from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator
from multitide._result_folder import read_record, validated, writable, write_file
from multitide.data._data_sets import DataSets
from multitide.errors import DataError, ParameterError, StoreError
from multitide.study.design._arms import ALONE, BY_NAME, Arm, Seek
from multitide.study.design._protocol import Protocol
from multitide.study.grouping._grouping import Grouping, make_grouping
from multitide.study.grouping._grouping_record import AFFINITY, PAIRS, GroupingRecord
from multitide.study.runs._fits import Fit
from multitide.study.runs._plan import Plan, RunName, make_plan
from multitide.study.runs._run_plan import RunResources, run_plan
from multitide.tasks import task_to_config

SEEDS = 3  # default number of networks of each kind
EVERY = 10  # steps from one look-ahead to the next, as in the paper
FOLDER = "groupings"
FORMAT, SCHEMA = "multitide grouping", 2

logger = logging.getLogger("multitide")


@dataclass(frozen=True)
class FoundGroups:
    """What :func:`find_all_groups` returns.

    Attributes
    ----------
    arms : list of Arm
        All arms with their groups, without those whose groups were not found within the budget.
    groupings : dict of str to Grouping
        By arm, those that were found.
    fits : dict of str to Fit
        What was trained for it, by key.
    """

    arms: list[Arm]
    groupings: dict[str, Grouping] = field(default_factory=dict)
    fits: dict[str, Fit] = field(default_factory=dict)


def check_seekable(arms: Sequence[Arm], protocol: Protocol) -> None:
    """Raise if groups cannot be found without reading test samples.

    Raises
    ------
    ParameterError
        With folds, because the validation samples of one fold are tested in another.
    DataError
        If there is no validation set.
    """
    sought = []
    for arm in arms:
        if arm.seek is not None:
            sought.append(arm)
    if sought and protocol.n_folds > 1:
        raise ParameterError(
            f"`cv` must be None with `arms.{sought[0].name}`, "
            "whose groups are found on the validation set, because "
            "validation samples of one fold are tested in another; "
            f"got {protocol.n_folds} folds. Give `groups` as lists."
        )
    for arm in sought:
        by_pairs = arm.seek is not None and arm.seek.method == PAIRS
        if by_pairs and not len(protocol.only.splits[0].validation):
            raise DataError(
                "`split` must have a validation "
                "set for groups to be found on it; "
                "it is empty."
            )


def find_groups(
    arm: Arm,
    protocol: Protocol,
    data_sets: DataSets,
    resources: RunResources,
    budget: float = math.inf,
    known: Mapping[str, Fit] | None = None,
) -> tuple[Grouping | None, dict[str, Fit]]:
    """Find the groups of an arm.

    A grouping that was found before for the same settings, data and seeds is read from the folder
    of the study.

    Returns
    -------
    grouping : Grouping or None
        None if the budget was too small.
    fits : dict of str to Fit
        What was trained for it, by key.
    """
    seek = _seek_of(arm)
    path = _path_of(arm, protocol, resources)
    if path is None:
        stored = None
    else:
        stored = _read(path)
    if stored is not None:
        return stored, {}
    wanted = make_plan(_arms_to_measure(arm, protocol), protocol)
    plan, fits = run_plan(wanted, protocol, data_sets, resources, budget, known)
    if _arm_names(plan) != _arm_names(wanted):
        return None, fits
    if seek.method == PAIRS:
        grouping = _from_pairs(seek, protocol, plan, fits)
    else:
        grouping = _from_affinities(seek, protocol, plan, fits)
    if path is not None:
        _write(grouping, path)
    return grouping, fits


def find_all_groups(
    arms: Sequence[Arm],
    protocol: Protocol,
    data_sets: DataSets,
    resources: RunResources,
    budget: float,
) -> FoundGroups:
    """Find the groups of all arms that have none yet; each gets an equal share of the budget."""
    result = FoundGroups([])
    fewer_seeds = replace(protocol, n_seeds=min(protocol.n_seeds, SEEDS))
    deadline = time.perf_counter() + budget
    n_left = sum(arm.seek is not None for arm in arms)
    for arm in arms:
        if arm.seek is None:
            result.arms.append(arm)
            continue
        logger.info(
            "%s: first finds the groups of tasks, then the study starts.", arm.name
        )
        share = (deadline - time.perf_counter()) / n_left
        n_left -= 1
        grouping, fits = find_groups(
            arm, fewer_seeds, data_sets, resources, share, result.fits
        )
        result.fits.update(fits)
        if grouping is None:
            logger.warning("%s: `budget` is too small to find its groups.", arm.name)
            continue
        result.groupings[arm.name] = grouping
        result.arms.append(replace(arm, groups=grouping.groups))
        logger.info("%s: %s", arm.name, grouping.advice)
    return result


def _seek_of(arm: Arm) -> Seek:
    if arm.seek is None:
        raise TypeError(f"{arm.name!r} has groups already")
    return arm.seek


def _arm_names(plan: Plan) -> set[str]:
    return {arm for arm, _, _ in plan.runs}


def _arms_to_measure(arm: Arm, protocol: Protocol) -> list[Arm]:
    """Return the arms whose fits show the effects of tasks on each other."""
    names = tuple(protocol.names)
    if _seek_of(arm).method == AFFINITY:
        return [Arm("shared", arm.learner, (names,), record_every=EVERY)]
    alone = cast(MultiTaskEstimator, clone(arm.learner).set_params(**BY_NAME[ALONE]))
    arms = [Arm(ALONE, alone, tuple((name,) for name in names))]
    for pair in combinations(names, 2):
        arms.append(Arm("+".join(pair), arm.learner, (pair,)))
    return arms


def _from_pairs(
    seek: Seek, protocol: Protocol, plan: Plan, fits: Mapping[str, Fit]
) -> Grouping:
    """Compare each task's validation loss in each pair with that of the task alone."""
    places = {}
    for place, name in enumerate(protocol.names):
        places[name] = place
    gains: dict[tuple[int, int], list[float]] = {}
    for run in plan.runs:
        arm, seed, fold = run
        if arm == ALONE:
            continue
        alone = _validation_losses((ALONE, seed, fold), plan, fits)
        losses = _validation_losses(run, plan, fits)
        for task, other in _both_orders(_tasks_of(run, plan, fits)):
            if task in losses:
                gain = alone.get(task, math.nan) - losses[task]
                gains.setdefault((places[other], places[task]), []).append(gain)
    matrix = np.full((len(places), len(places)), np.nan)
    for entry, values in gains.items():
        matrix[entry] = _mean_of_known(values)
    return make_grouping(
        matrix,
        protocol.names,
        PAIRS,
        max_groups=seek.max_groups,
        n_seeds=max(map(len, gains.values()), default=0),
    )


def _from_affinities(
    seek: Seek, protocol: Protocol, plan: Plan, fits: Mapping[str, Fit]
) -> Grouping:
    """Average what the shared runs recorded."""
    names = protocol.names
    records = []
    for fit in fits.values():
        if fit.done and fit.key in plan.jobs:
            records.append(fit.facts["affinity"])
    n = len(names)
    return make_grouping(
        _mean_table(records, "affinity", (n, n)),
        names,
        AFFINITY,
        max_groups=seek.max_groups,
        n_seeds=len(records),
        cosines=_mean_table(records, "cosines", (n, n)),
        norms=_mean_table(records, "norms", (n,)),
    )


def _validation_losses(
    run: RunName, plan: Plan, fits: Mapping[str, Fit]
) -> dict[str, float]:
    losses: dict[str, float] = {}
    for key in plan.runs[run]:
        if key in fits and fits[key].done:
            losses |= fits[key].facts["validation_loss"]
    return losses


def _tasks_of(run: RunName, plan: Plan, fits: Mapping[str, Fit]) -> list[str]:
    """Return the tasks of a run with one fit; none if it is missing."""
    (key,) = plan.runs[run]
    if key in fits:
        return list(fits[key].facts["tasks"])
    return []


def _both_orders(pair: Sequence[str]) -> Iterable[tuple[str, str]]:
    return zip(pair, reversed(pair), strict=True)


def _mean_of_known(values: Sequence[float]) -> float:
    known = []
    for value in values:
        if not math.isnan(value):
            known.append(value)
    if known:
        return sum(known) / len(known)
    return math.nan


def _mean_table(
    records: Sequence[Mapping[str, object]], name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """Return the mean of a table over records, without missing values; NaN where there are none."""
    if not records:
        return np.full(shape, np.nan)
    stacked = np.array([record[name] for record in records], dtype=float)
    known = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = np.where(known, stacked, 0.0).sum(axis=0) / known.sum(axis=0)
    return mean


# -- keeping ---------------------------------------------------------------------------------------


def _path_of(arm: Arm, protocol: Protocol, resources: RunResources) -> Path | None:
    if resources.runs is None:
        return None
    return resources.runs.parent / FOLDER / f"{_key(arm, protocol)}.json"


def _key(arm: Arm, protocol: Protocol) -> str:
    """Return a hash of everything that decides a grouping."""
    seek = _seek_of(arm)
    content = {
        "schema": SCHEMA,
        "settings": arm.settings,
        "method": seek.method,
        "max_groups": seek.max_groups,
        "tasks": list(map(task_to_config, protocol.tasks)),
        "n_seeds": protocol.n_seeds,
        "random_state": cast(MultiTaskEstimator, arm.learner).random_state,
        "data": protocol.only.fingerprints,
    }
    text = json.dumps(content, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> Grouping | None:
    if not path.is_file():
        return None
    try:
        content = read_record(path, FORMAT, {SCHEMA}, "Run `multitide compare` again.")
        return Grouping.from_config(
            validated(content["grouping"], GroupingRecord, path)
        )
    except (StoreError, KeyError) as error:
        logger.warning(
            "The groups are searched again, because they cannot be read: %s", error
        )
        return None


def _write(grouping: Grouping, path: Path) -> None:
    content = {
        "format": FORMAT,
        "schema_version": SCHEMA,
        "grouping": grouping.to_config(),
    }
    with writable(path.parent):
        path.parent.mkdir(exist_ok=True)
        write_file(path, json.dumps(content, indent=1, ensure_ascii=False))
