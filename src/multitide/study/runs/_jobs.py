"""Jobs: questions that one learner is trained on together, with one seed on one fold."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from typing import cast

from sklearn.base import clone

from multitide._estimator import MultiTaskEstimator
from multitide._installed_versions import installed_versions
from multitide._registries import part_to_config
from multitide.fitting._recipe import make_part
from multitide.fitting._training_length import resolve_batch_size, resolve_max_epochs
from multitide.sharing import SHARINGS, Hard, NoSharing
from multitide.study.design._arms import Arm, Settings
from multitide.study.design._baselines import Baseline
from multitide.study.design._mixture import Mixture
from multitide.study.design._probes import Probe
from multitide.study.design._protocol import Protocol
from multitide.tasks import Task, label_names, task_to_config
from multitide.training._settings import Training

SCHEMA = 2


@dataclass(frozen=True)
class Job:
    """A fit that is to be run.

    Attributes
    ----------
    learner : MultiTaskEstimator, Baseline, Probe or Mixture
        Not fitted, with the number of epochs and the seed of this fit.
    names : tuple of str
        The questions that it is trained on together.
    seed : int
        Number of the seed, from 0.
    fold : int
    key : str
        A hash of everything that decides the result: two jobs with the same key are one fit.
    settings : dict
        The learner as plain values.
    record_every : int
        Number of steps between two records of the tasks' affinity; 0 records nothing.
    """

    learner: MultiTaskEstimator | Baseline | Probe | Mixture
    names: tuple[str, ...]
    seed: int
    fold: int
    key: str
    settings: Settings
    record_every: int = 0


def make_job(
    arm: Arm, group: tuple[str, ...], protocol: Protocol, seed: int, fold: int
) -> Job:
    """Prepare one fit of an arm, with as many optimiser steps as every other arm may take."""
    settings = arm.settings
    learner = arm.learner
    random_state = None
    if isinstance(learner, Probe):
        estimator = _prepare(
            learner.estimator, protocol, learner.trained_on(group), seed, fold
        )
        learner = replace(learner, estimator=estimator)
        random_state = estimator.random_state
        settings |= _length(estimator)
    elif isinstance(learner, Mixture):
        members = {}
        for name, member in learner.members.items():
            members[name] = _prepare(member, protocol, group, seed, fold)
            settings["members"][name] |= _length(members[name])
        learner = Mixture(members)
        random_state = seed
    elif isinstance(learner, MultiTaskEstimator):
        learner = _prepare(learner, protocol, group, seed, fold)
        random_state = learner.random_state
        settings |= _length(learner)
        if len(group) == 1:
            settings |= {
                "sharing": _of_one_task(settings["sharing"]),
                "aggregator": None,
            }
    if arm.record_every:
        # The answers are the same, but only such a fit contains the affinities.
        settings |= {"record_every": arm.record_every}
    key = _key(settings, protocol, group, random_state, seed, fold)
    return Job(learner, group, seed, fold, key, settings, arm.record_every)


def with_equal_steps(
    learner: MultiTaskEstimator,
    protocol: Protocol,
    names: tuple[str, ...],
    seed: int,
    fold: int,
) -> MultiTaskEstimator:
    """Return a copy that may take as many optimiser steps as a network for all questions.

    A single task, or a single data set, has fewer rows and therefore shorter epochs. With the same
    number of epochs it would be trained less, and the effect would be attributed to sharing. So its
    maximum number of epochs and its patience grow by the same factor.
    """
    copy: MultiTaskEstimator = clone(learner)
    all_steps = steps_per_epoch(copy, protocol, tuple(protocol.names), seed, fold)
    factor = all_steps / steps_per_epoch(copy, protocol, names, seed, fold)
    n_rows = n_training_rows(protocol, tuple(protocol.names), seed, fold)
    epochs = resolve_max_epochs(copy.max_epochs, copy.batch_size, n_rows)
    copy.set_params(max_epochs=max(1, round(epochs * factor)))
    patience = _patience(copy)
    if isinstance(patience, int) and factor != 1:
        copy.set_params(training__patience=max(1, round(patience * factor)))
    return copy


def steps_per_epoch(
    learner: MultiTaskEstimator,
    protocol: Protocol,
    names: tuple[str, ...],
    seed: int,
    fold: int,
) -> int:
    """Return the number of optimiser steps per epoch over the labelled rows of these questions."""
    n_rows = n_training_rows(protocol, names, seed, fold)
    return max(1, math.ceil(n_rows / resolve_batch_size(learner.batch_size, n_rows)))


def n_training_rows(
    protocol: Protocol, names: tuple[str, ...], seed: int, fold: int
) -> int:
    """Return the number of training rows with a label of any of these questions."""
    n_rows = 0
    for data, questions in protocol.by_data(names):
        columns = label_names(question.task for question in questions)
        n_rows += data.n_training_rows(columns, seed, fold)
    return n_rows


def tasks_of(protocol: Protocol, names: tuple[str, ...]) -> list[Task]:
    """Return the tasks of some questions, each once."""
    questions = []
    for name in names:
        questions.append(protocol.question(name))
    tasks = {}
    for question in questions:
        tasks[question.task.name] = question.task
    return list(tasks.values())


def _prepare(
    learner: MultiTaskEstimator,
    protocol: Protocol,
    names: tuple[str, ...],
    seed: int,
    fold: int,
) -> MultiTaskEstimator:
    """Return a copy with its tasks, its seed and its number of epochs."""
    copy = with_equal_steps(learner, protocol, names, seed, fold)
    first_seed = learner.random_state or 0
    copy.set_params(
        tasks=tasks_of(protocol, names), random_state=first_seed + seed, verbose=0
    )
    return copy


def _length(learner: MultiTaskEstimator) -> Settings:
    return {"max_epochs": learner.max_epochs, "patience": _patience(learner)}


def _patience(learner: MultiTaskEstimator) -> int | str | None:
    return cast(Training, make_part("training", learner.training)).patience


def _of_one_task(sharing: object) -> object:  # a plain value of the settings
    """Return the sharing of a single task: hard sharing with no other task is none."""
    if not isinstance(sharing, dict) or sharing["name"] != "hard":
        return sharing
    head_units = sharing["head_units"]
    if sharing != part_to_config(SHARINGS, Hard(head_units=head_units)):
        return sharing
    return part_to_config(SHARINGS, NoSharing(head_units=head_units))


def _key(
    settings: Settings,
    protocol: Protocol,
    group: tuple[str, ...],
    random_state: int | None,
    seed: int,
    fold: int,
) -> str:
    questions = []
    for name in group:
        questions.append(protocol.question(name))
    content = {
        "schema": SCHEMA,
        "settings": settings,
        "tasks": list(map(task_to_config, tasks_of(protocol, group))),
        "random_state": random_state,
        # With names, since the same task differs between data sets, and their order matters.
        "data": [[each.name, each.data.fingerprint(seed, fold)] for each in questions],
        "versions": installed_versions(),
    }
    text = json.dumps(content, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
