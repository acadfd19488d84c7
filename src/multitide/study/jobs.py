"""One job: a group of tasks to be learned together with one seed on one fold, and the key that names it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sklearn.base import clone

from multitide.estimator import MultiTaskEstimator
from multitide.recipe import make_part, resolve_batch_size
from multitide.store import installed_versions
from multitide.study.arms import Arm
from multitide.study.baselines import Baseline
from multitide.study.protocol import Protocol
from multitide.tasks import Task, task_to_config
from multitide.training import Training

SCHEMA = 1


@dataclass(frozen=True)
class Job:
    """A fit that is to be done.

    Attributes
    ----------
    learner : MultiTaskEstimator or Baseline
        Not fitted, with the budget and the seed of this fit.
    tasks : tuple of Task
        Learned together.
    seed : int
        Number of the seed, from 0.
    fold : int
    key : str
        A hash of everything that decides the result: two jobs of one key are one fit.
    settings : dict
        The learner as plain values.
    """

    learner: MultiTaskEstimator | Baseline
    tasks: tuple[Task, ...]
    seed: int
    fold: int
    key: str
    settings: dict[str, Any]

    @property
    def task_names(self) -> list[str]:
        """Names of its tasks."""
        return [task.name for task in self.tasks]


def make_job(arm: Arm, group: tuple[str, ...], protocol: Protocol, seed: int, fold: int) -> Job:
    """Prepare one fit of an arm: its tasks, its seed, and as many optimiser steps as every other arm may take."""
    by_name = {task.name: task for task in protocol.tasks}
    tasks = tuple(by_name[name] for name in group)
    settings = dict(arm.settings)
    learner = arm.learner
    random_state = None
    if isinstance(learner, MultiTaskEstimator):
        random_state = (learner.random_state or 0) + seed
        learner = with_budget(learner, protocol, tasks, fold)
        learner.set_params(tasks=list(tasks), random_state=random_state, verbose=0)
        settings |= {"max_epochs": learner.max_epochs, "patience": _patience(learner)}
        if len(tasks) == 1 and _name(settings["sharing"]) in ("hard", "none"):
            settings["sharing"] = {"name": "none"}  # with a single task the two are one
    key = _key(settings, tasks, random_state, protocol.fingerprints[fold])
    return Job(learner, tasks, seed, fold, key, settings)


def with_budget(
    learner: MultiTaskEstimator, protocol: Protocol, tasks: tuple[Task, ...], fold: int
) -> MultiTaskEstimator:
    """Return a copy whose epochs and patience make as many optimiser steps as an epoch over all labelled rows would.

    A task alone has fewer rows, so its epochs are shorter; with equally many of them it would be trained less, and what
    is due to more steps would be put down to sharing.
    """
    copy = cast(MultiTaskEstimator, clone(learner))
    everything, own = (teaching_rows(protocol, of, fold) for of in (tuple(protocol.tasks), tasks))
    size = resolve_batch_size(copy.batch_size, everything)
    longer = math.ceil(everything / size) / max(1, math.ceil(own / size))
    copy.set_params(batch_size=size)
    copy.set_params(max_epochs=max(1, round(copy.max_epochs * longer)))
    patience = _patience(copy)
    if patience is not None and longer != 1:
        copy.set_params(training__patience=max(1, round(patience * longer)))
    return copy


def teaching_rows(protocol: Protocol, tasks: tuple[Task, ...], fold: int) -> int:
    """Return the number of training rows that have a label of any of these tasks."""
    columns = [column for task in tasks for column in task.columns]
    return int(protocol.y.iloc[protocol.splits[fold].train][columns].notna().any(axis=1).sum())


@cache
def versions() -> dict[str, str]:
    """Return the versions of the packages that decide a result; looking them up takes a while."""
    return installed_versions()


def _name(part: Any) -> str:
    return str(part["name"]) if isinstance(part, dict) else ""


def _patience(learner: MultiTaskEstimator) -> int | None:
    return cast(Training, make_part("training", learner.training)).patience


def _key(settings: dict[str, Any], tasks: tuple[Task, ...], random_state: int | None, data: str) -> str:
    content = {
        "schema": SCHEMA,
        "settings": settings,
        "tasks": [task_to_config(task) for task in tasks],
        "random_state": random_state,
        "data": data,
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()[:16]
