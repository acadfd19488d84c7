"""Finding groups of tasks: what is trained for it, and what is read from it, never from the test part."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator
from multitide.errors import DataError, ParameterError, StoreError
from multitide.study.design._arms import ALONE, BY_NAME, Arm, Seek
from multitide.study.design._protocol import Given, Protocol
from multitide.study.grouping._grouping import AFFINITY, PAIRS, Grouping, make_grouping
from multitide.study.runs._fit_store import write_atomically
from multitide.study.runs._fits import Fit
from multitide.study.runs._plan import Plan, make_plan
from multitide.study.runs._run_plan import Means, carry_out
from multitide.tasks import task_to_config

SEEDS = 3  # networks of every kind that groups are found by
EVERY = 10  # steps from one look ahead to the next, as in the paper
FOLDER = "groupings"
SCHEMA = 1

logger = logging.getLogger("multitide")


def check_seekable(arms: list[Arm], protocol: Protocol) -> None:
    """Raise if groups are to be found where they cannot be found honestly.

    Raises
    ------
    ParameterError
        With folds, for what chooses in one fold is tested in another.
    DataError
        If there is no validation part to choose on.
    """
    sought = [arm for arm in arms if arm.seek is not None]
    if sought and protocol.n_folds > 1:
        raise ParameterError(
            f"`cv` must be None with `arms.{sought[0].name}`, whose groups are found on the validation part: samples "
            f"that choose in one fold are tested in another; got {protocol.n_folds} folds. Give `groups` as lists."
        )
    if any(arm.seek.method == PAIRS for arm in sought if arm.seek is not None) and not len(
        protocol.only.splits[0].validation
    ):
        raise DataError(
            "`split` must have a validation part for groups to be found on it; it has none."
        )


def seek_groups(
    arm: Arm,
    protocol: Protocol,
    samples: Given,
    means: Means,
    budget: float = math.inf,
    known: Mapping[str, Fit] | None = None,
) -> tuple[Grouping | None, dict[str, Fit]]:
    """Find the groups of an arm; return them, None where the budget was too small, and the fits that were done for it.

    What was found for the same settings, data and seeds lies beside the runs and is not sought
    again.
    """
    assert arm.seek is not None
    path = (
        None if means.runs is None else means.runs.parent / FOLDER / f"{_key(arm, protocol)}.json"
    )
    found = _read(path)
    if found is not None:
        return found, {}
    asked = make_plan(_measured_arms(arm, protocol), protocol)
    plan, fits = carry_out(asked, protocol, samples, means, budget, known)
    if {name for name, _, _ in plan.runs} != {name for name, _, _ in asked.runs}:
        return None, fits
    grouping = (_by_pairs if arm.seek.method == PAIRS else _by_affinity)(
        arm.seek, protocol, plan, fits
    )
    if path is not None:
        _write(grouping, path)
    return grouping, fits


def settle(
    arms: list[Arm], protocol: Protocol, samples: Given, means: Means, budget: float
) -> tuple[list[Arm], dict[str, Grouping], dict[str, Fit]]:
    """Find the groups of all arms that have none yet; return the arms, the groupings by arm, and the fits done.

    An arm whose groups could not be found within the budget is not among them; each gets an equal
    share of it.
    """
    groupings: dict[str, Grouping] = {}
    known: dict[str, Fit] = {}
    fewer = replace(protocol, n_seeds=min(protocol.n_seeds, SEEDS))
    deadline = time.perf_counter() + budget
    sought = [arm for arm in arms if arm.seek is not None]
    for place, arm in enumerate(sought):
        logger.info("%s: first, which tasks to train together; then the study itself.", arm.name)
        share = (deadline - time.perf_counter()) / (len(sought) - place)
        found, fits = seek_groups(arm, fewer, samples, means, share, known)
        known |= fits
        if found is None:
            logger.warning("%s: `budget` is too small to find its groups.", arm.name)
            continue
        groupings[arm.name] = found
        logger.info("%s: %s", arm.name, found.advice)
    settled = [arm for arm in arms if arm.seek is None or arm.name in groupings]
    return [_with_groups(arm, groupings.get(arm.name)) for arm in settled], groupings, known


def _with_groups(arm: Arm, found: Grouping | None) -> Arm:
    if found is None:
        return arm
    return replace(arm, groups=found.answers)


def _measured_arms(arm: Arm, protocol: Protocol) -> list[Arm]:
    """Return the arms whose fits tell what tasks do to each other."""
    assert arm.seek is not None
    names = tuple(protocol.names)
    if arm.seek.method == AFFINITY:
        return [Arm("shared", arm.learner, (names,), record_every=EVERY)]
    alone = cast(MultiTaskEstimator, clone(arm.learner).set_params(**BY_NAME[ALONE]))
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    return [
        Arm(ALONE, alone, tuple((name,) for name in names)),
        *[Arm(f"{a}+{b}", arm.learner, ((a, b),)) for a, b in pairs],
    ]


def _by_pairs(seek: Seek, protocol: Protocol, plan: Plan, fits: Mapping[str, Fit]) -> Grouping:
    """Read what each task gains on the validation part by the company of each other one."""
    names = protocol.names
    gains: dict[tuple[int, int], list[float]] = {}
    alone = {
        seed: _validation_losses(plan, fits, ALONE, seed)
        for (arm, seed, _) in plan.runs
        if arm == ALONE
    }
    for arm, seed, _ in plan.runs:
        for task, loss in (
            {} if arm == ALONE else _validation_losses(plan, fits, arm, seed)
        ).items():
            (other,) = (name for name in _tasks_of(plan, fits, arm, seed) if name != task)
            place = names.index(other), names.index(task)
            gains.setdefault(place, []).append(alone[seed].get(task, np.nan) - loss)
    matrix = np.full((len(names), len(names)), np.nan)
    for place, values in gains.items():
        matrix[place] = _mean(values)
    n_seeds = max(map(len, gains.values()), default=0)
    return make_grouping(matrix, names, PAIRS, max_groups=seek.max_groups, n_seeds=n_seeds)


def _by_affinity(seek: Seek, protocol: Protocol, plan: Plan, fits: Mapping[str, Fit]) -> Grouping:
    """Average what the shared runs recorded."""
    names = protocol.names
    seen = [fit.facts["affinity"] for fit in fits.values() if fit.done and fit.key in plan.jobs]
    n = len(names)
    blank = {
        "affinity": np.full((n, n), np.nan),
        "cosines": np.full((n, n), np.nan),
        "norms": np.full(n, np.nan),
    }
    means = {
        name: _stacked_mean([run[name] for run in seen]) if seen else blank[name] for name in blank
    }
    return make_grouping(
        means["affinity"],
        names,
        AFFINITY,
        max_groups=seek.max_groups,
        n_seeds=len(seen),
        cosines=means["cosines"],
        norms=means["norms"],
    )


def _validation_losses(
    plan: Plan, fits: Mapping[str, Fit], arm: str, seed: int
) -> dict[str, float]:
    losses: dict[str, float] = {}
    for key in plan.runs[arm, seed, 0]:
        if key in fits and fits[key].done:
            losses |= fits[key].facts["validation_loss"]
    return losses


def _tasks_of(plan: Plan, fits: Mapping[str, Fit], arm: str, seed: int) -> list[str]:
    (key,) = plan.runs[arm, seed, 0]
    return list(fits[key].facts["tasks"])


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _stacked_mean(tables: list[Any]) -> np.ndarray:
    stacked = np.array(tables, dtype=float)
    known = ~np.isnan(stacked)
    with np.errstate(invalid="ignore"):
        return np.where(known, stacked, 0.0).sum(axis=0) / known.sum(axis=0)


def _key(arm: Arm, protocol: Protocol) -> str:
    """Name what decides a grouping."""
    assert arm.seek is not None
    content = {
        "schema": SCHEMA,
        "settings": arm.settings,
        "method": arm.seek.method,
        "max_groups": arm.seek.max_groups,
        "tasks": [task_to_config(task) for task in protocol.tasks],
        "n_seeds": protocol.n_seeds,
        "random_state": cast(Any, arm.learner).random_state,
        "data": protocol.only.fingerprints,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()[
        :16
    ]


def _read(path: Path | None) -> Grouping | None:
    if path is None or not path.is_file():
        return None
    try:
        return Grouping.from_config(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        logger.warning("The groups in %s cannot be read (%s); they are sought again.", path, error)
        return None


def _write(grouping: Grouping, path: Path) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, json.dumps(grouping.to_config(), indent=1, ensure_ascii=False))
    except OSError as error:
        raise StoreError(
            f"`folder` must be a place that can be written; {path.parent} is not ({error})."
        ) from error
