"""One job: questions to be learned together with one seed on one fold, and the key that names it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator
from multitide._registries import part_to_config
from multitide.fitting._recipe import make_part, resolve_batch_size
from multitide.model._store import installed_versions
from multitide.sharing import SHARINGS, Hard, NoSharing
from multitide.study.design._arms import Arm
from multitide.study.design._baselines import Baseline
from multitide.study.design._probes import Probe
from multitide.study.design._protocol import Protocol
from multitide.tasks import Task, task_to_config
from multitide.training._settings import Training

SCHEMA = 1


@dataclass(frozen=True)
class Job:
    """A fit that is to be done.

    Attributes
    ----------
    learner : MultiTaskEstimator, Baseline or Probe
        Not fitted, with the budget and the seed of this fit.
    names : tuple of str
        The questions that are learned together.
    seed : int
        Number of the seed, from 0.
    fold : int
    key : str
        A hash of everything that decides the result: two jobs of one key are one fit.
    settings : dict
        The learner as plain values.
    record_every : int
        Steps from one record of the tasks' affinity to the next; 0: none is kept.
    """

    learner: MultiTaskEstimator | Baseline | Probe
    names: tuple[str, ...]
    seed: int
    fold: int
    key: str
    settings: dict[str, Any]
    record_every: int = 0


def make_job(arm: Arm, group: tuple[str, ...], protocol: Protocol, seed: int, fold: int) -> Job:
    """Prepare one fit of an arm: its questions, its seed, and as many optimiser steps as every other arm may take."""
    settings = arm.settings
    learner = arm.learner
    random_state = None
    if isinstance(learner, Probe):
        estimator = _ready(learner.estimator, protocol, learner.learned(group), seed, fold)
        learner, random_state = replace(learner, estimator=estimator), estimator.random_state
        settings |= {"max_epochs": estimator.max_epochs, "patience": _patience(estimator)}
    elif isinstance(learner, MultiTaskEstimator):
        learner = _ready(learner, protocol, group, seed, fold)
        random_state = learner.random_state
        settings |= {"max_epochs": learner.max_epochs, "patience": _patience(learner)}
        if len(group) == 1:
            settings |= {"sharing": _of_one_task(settings["sharing"]), "aggregator": None}
    if arm.record_every:  # the answers are the same, but such a fit knows more
        settings |= {"record_every": arm.record_every}
    key = _key(settings, protocol, group, random_state, seed, fold)
    return Job(learner, group, seed, fold, key, settings, arm.record_every)


def _ready(
    learner: MultiTaskEstimator, protocol: Protocol, names: tuple[str, ...], seed: int, fold: int
) -> MultiTaskEstimator:
    """Return a copy with its tasks, its seed and its budget."""
    ready = with_budget(learner, protocol, names, seed, fold)
    tasks = tasks_of(protocol, names)
    return ready.set_params(tasks=tasks, random_state=(learner.random_state or 0) + seed, verbose=0)


def with_budget(
    learner: MultiTaskEstimator, protocol: Protocol, names: tuple[str, ...], seed: int, fold: int
) -> MultiTaskEstimator:
    """Return a copy whose epochs and patience make as many optimiser steps as an epoch over all labelled rows would.

    A task alone, or a data set alone, has fewer rows, so its epochs are shorter; with equally many
    of them it would be trained less, and what is due to more steps would be put down to sharing.
    """
    copy = cast(MultiTaskEstimator, clone(learner))
    of_all = steps_an_epoch(copy, protocol, tuple(protocol.names), seed, fold)
    longer = of_all / steps_an_epoch(copy, protocol, names, seed, fold)
    copy.set_params(max_epochs=max(1, round(copy.max_epochs * longer)))
    patience = _patience(copy)
    if patience is not None and longer != 1:
        copy.set_params(training__patience=max(1, round(patience * longer)))
    return copy


def steps_an_epoch(
    learner: MultiTaskEstimator, protocol: Protocol, names: tuple[str, ...], seed: int, fold: int
) -> int:
    """Return the number of optimiser steps that an epoch over the labelled rows of these questions has."""
    n_rows = teaching_rows(protocol, names, seed, fold)
    return max(1, math.ceil(n_rows / resolve_batch_size(learner.batch_size, n_rows)))


def teaching_rows(protocol: Protocol, names: tuple[str, ...], seed: int, fold: int) -> int:
    """Return the number of training rows that have a label of any of these questions, over all data sets."""
    n_rows = 0
    for data, questions in protocol.by_data(names):
        columns = [column for question in questions for column in question.task.columns]
        n_rows += int(
            data.seen(seed).iloc[data.splits[fold].train][columns].notna().any(axis=1).sum()
        )
    return n_rows


def tasks_of(protocol: Protocol, names: tuple[str, ...]) -> list[Task]:
    """Return the tasks of some questions, each once."""
    return list(
        {question.task.name: question.task for question in map(protocol.question, names)}.values()
    )


@cache
def versions() -> dict[str, str]:
    """Return the versions of the packages that decide a result; looking them up takes a while."""
    return installed_versions()


def _of_one_task(sharing: Any) -> Any:
    """Return how a single task is learned, so that hard sharing with itself is known to be none."""
    if not isinstance(sharing, dict) or sharing["name"] != "hard":
        return sharing
    plain, none = (
        part_to_config(SHARINGS, kind(head_units=sharing["head_units"]))
        for kind in (Hard, NoSharing)
    )
    return none if sharing == plain else sharing


def _patience(learner: MultiTaskEstimator) -> int | None:
    return cast(Training, make_part("training", learner.training)).patience


def _key(
    settings: dict[str, Any],
    protocol: Protocol,
    group: tuple[str, ...],
    random_state: int | None,
    seed: int,
    fold: int,
) -> str:
    asked = [protocol.question(name) for name in group]
    data: Any = asked[0].data.fingerprint(seed, fold)
    if (
        len(protocol.data) > 1
    ):  # the same task is another one elsewhere, and the order of data sets decides
        data = [(question.name, question.data.fingerprint(seed, fold)) for question in asked]
    content = {
        "schema": SCHEMA,
        "settings": settings,
        "tasks": [task_to_config(task) for task in tasks_of(protocol, group)],
        "random_state": random_state,
        "data": data,
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()[
        :16
    ]
