"""One fit: what a job became, its answers for the test part among it."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from multitide._estimator import MultiTaskEstimator
from multitide.data._samples import Samples
from multitide.data._splits import Split
from multitide.errors import DataError
from multitide.representations import BackboneEncoder, LinearHeads
from multitide.study.design._baselines import Baseline
from multitide.study.design._probes import Probe
from multitide.study.design._protocol import Given, Protocol, Question, samples_of
from multitide.study.runs._jobs import Job, teaching_rows, versions
from multitide.tasks import Target
from multitide.tasks._classification import ClassificationTarget
from multitide.training._affinity import AffinityRecorder
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer


@dataclass(frozen=True)
class Fit:
    """A fit that was done, or that failed.

    Attributes
    ----------
    key : str
    facts : dict
        What is known about it, as plain values: ``status`` ("done" or "failed"), ``reason``,
        ``tasks`` (the questions, "task @ data set" where there are several), ``seed``, ``fold``,
        ``settings``, ``classes`` (of each classification), ``random_state``, ``n_rows`` (training
        rows that teach), ``n_labelled`` (question x side), ``n_parameters``, ``n_steps``,
        ``seconds``, ``best_epoch``, ``validation_loss``, ``affinity`` (where it was recorded),
        ``warnings``, ``versions``.
    answers : dict of str to ndarray
        For each question its numbers (n_test,) or probabilities (n_test, n_classes) on the fold's
        test rows.
    history : DataFrame
        The training history; empty for a baseline.
    """

    key: str
    facts: dict[str, Any]
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def done(self) -> bool:
        """Whether it has answers."""
        return bool(self.facts["status"] == "done")


class Watch(Callback):
    """Counts optimiser steps, and lets Ctrl-C end the study and not only one fit."""

    def __init__(self) -> None:
        self.n_steps = 0

    def on_step_end(self, trainer: Trainer) -> None:
        """Count."""
        self.n_steps += 1

    def on_train_end(self, trainer: Trainer) -> None:
        """Go on interrupting where a trainer by itself would keep its best epoch."""
        if not trainer.stop and sys.exc_info()[0] is None:
            raise KeyboardInterrupt


def do(job: Job, protocol: Protocol, samples: Given) -> Fit:
    """Do a fit with one thread; an error makes it a failed one."""
    started = time.perf_counter()
    facts: dict[str, Any] = {
        "status": "done",
        "reason": "",
        "tasks": list(job.names),
        "seed": job.seed,
        "fold": job.fold,
        "settings": job.settings,
        "n_rows": teaching_rows(protocol, job.names, job.seed, job.fold),
        "n_labelled": _counts(job, protocol),
        "versions": versions(),
    }
    targets = {name: protocol.question(name).target(job.fold) for name in job.names}
    facts["classes"] = {
        name: list(t.classes) for name, t in targets.items() if isinstance(t, ClassificationTarget)
    }
    answer = next(
        (answer for kind, answer in ANSWERS.items() if isinstance(job.learner, kind)),
        _answer_network,
    )
    try:
        with single_thread(), quiet() as heard:
            seen = sides(job, protocol, samples)
            own = targets if protocol.data[0].draws is None else _targets_of_draw(seen, targets)
            answers, history, more = answer(job, seen, own)
        more |= {"warnings": sorted({str(warning.message) for warning in heard})}
    except Exception as error:  # an arm that fails stands beside the others with its reason
        reason = f"{type(error).__name__}: {error}"
        return Fit(
            job.key,
            facts
            | {"status": "failed", "reason": reason, "seconds": time.perf_counter() - started},
        )
    return Fit(job.key, facts | more | {"seconds": time.perf_counter() - started}, answers, history)


@dataclass(frozen=True)
class Side:
    """A data set as a job sees it.

    Attributes
    ----------
    name : str
        Of the data set.
    questions : list of Question
        What is learned of it.
    samples : Samples
        All of them, with the labels of these questions and no others.
    split : Split
    """

    name: str
    questions: list[Question]
    samples: Samples
    split: Split


def sides(job: Job, protocol: Protocol, samples: Given) -> list[Side]:
    """Return the data sets of a job."""
    found = []
    for data, questions in protocol.by_data(job.names):
        own = samples_of(samples, data)
        columns = [column for question in questions for column in question.task.columns]
        y = own.y if data.draws is None else data.seen(job.seed)
        found.append(Side(data.name, questions, own.replace(y=y[columns]), data.splits[job.fold]))
    return found


def _targets_of_draw(seen: Sequence[Side], targets: dict[str, Target]) -> dict[str, Target]:
    """Return the tasks as the labels that this seed sees show them; raise if these show other classes."""
    own: dict[str, Target] = {}
    for side in seen:
        for question in side.questions:
            labels = side.samples.y.iloc[side.split.train][question.task.columns]
            own[question.name] = question.task.fit_target(labels.reset_index(drop=True))
    for name, target in own.items():
        wanted, found = (list(getattr(each, "classes", [])) for each in (targets[name], target))
        if found != wanted:
            raise DataError(
                f"The draw of labels must show the classes {wanted} of {name!r}; got {found}."
            )
    return {name: own[name] for name in targets}


@contextmanager
def single_thread() -> Iterator[None]:
    """Use one thread: two round differently, and processes that share cores slow each other down."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def quiet() -> Iterator[list[warnings.WarningMessage]]:
    """Collect what is warned of, and log nothing: the same would be said for every fit."""
    logger = logging.getLogger("multitide")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            yield heard
    finally:
        logger.setLevel(level)


Answer = tuple[dict[str, np.ndarray], pd.DataFrame, dict[str, Any]]


def _answer_network(job: Job, seen: list[Side], targets: dict[str, Target]) -> Answer:
    recorder = AffinityRecorder(job.record_every) if job.record_every else None
    callbacks = [] if recorder is None else [recorder]
    estimator, facts = _trained(cast(MultiTaskEstimator, job.learner), seen, callbacks)
    if recorder is not None:
        facts["affinity"] = _affinity(recorder, list(job.names))
    decoded = estimator.decode(_plain({side.name: side.samples[side.split.test] for side in seen}))
    if len(seen) == 1:
        return (
            {question.name: decoded[question.task.name] for question in seen[0].questions},
            estimator.history_,
            facts,
        )
    found = {
        question.name: (side.name, question.task.name)
        for side in seen
        for question in side.questions
    }
    answers = {name: decoded[data][task] for name, (data, task) in found.items()}
    for name, target in targets.items():
        if isinstance(target, ClassificationTarget):
            answers[name] = _own_classes(answers[name], estimator.classes_[found[name][1]], target)
    return answers, estimator.history_, facts


def _own_classes(
    probabilities: np.ndarray, classes: list[Any], target: ClassificationTarget
) -> np.ndarray:
    """Return the probabilities of the classes that a data set's own training rows show, (n_test, n_classes)."""
    return (
        pd.DataFrame(probabilities, columns=classes)
        .reindex(columns=target.classes, fill_value=0.0)
        .to_numpy()
    )


def _answer_probe(job: Job, seen: list[Side], targets: dict[str, Target]) -> Answer:
    (side,), probe = seen, cast(Probe, job.learner)
    samples, split, tasks = side.samples, side.split, [question.task for question in side.questions]
    chosen = split if probe.source is not None else replace(split, validation=split.validation[:0])
    estimator, facts = _trained(probe.estimator, [replace(side, split=chosen)])
    encoder = BackboneEncoder(estimator)
    parts = [
        (encoder.transform(samples[rows]), samples.y.iloc[rows])
        for rows in (split.train, split.validation)
    ]
    validated = all(
        samples.y.iloc[split.validation][task.columns].notna().any(axis=None) for task in tasks
    )
    heads = LinearHeads(tasks, random_state=job.seed)
    heads.fit(*parts[0], validation=parts[1] if validated else None)
    return heads.decode(encoder.transform(samples[split.test])), estimator.history_, facts


def _trained(
    learner: MultiTaskEstimator, seen: Sequence[Side], callbacks: Sequence[Callback] = ()
) -> tuple[MultiTaskEstimator, dict[str, Any]]:
    """Return a fitted copy, and what is known about its training."""
    watch = Watch()
    estimator = learn(learner, seen, [watch, *callbacks])
    return estimator, {
        "random_state": estimator.random_state,
        "n_parameters": sum(parameter.numel() for parameter in estimator.model_.parameters()),
        "n_steps": watch.n_steps,
        "best_epoch": estimator.best_epoch_,
        "validation_loss": losses_at(estimator.history_, estimator.best_epoch_),
    }


def learn(
    learner: MultiTaskEstimator, seen: Sequence[Side], callbacks: Sequence[Callback]
) -> MultiTaskEstimator:
    """Return a copy that has learned from the training parts; the validation parts choose its epoch."""
    estimator = cast(MultiTaskEstimator, clone(learner))
    held_out = {
        side.name: side.samples[side.split.validation]
        for side in seen
        if len(side.split.validation)
    }
    if len(held_out) < len(seen):
        estimator.set_params(validation=None)
    train = {side.name: side.samples[side.split.train] for side in seen}
    return estimator.fit(
        _plain(train), validation=_plain(held_out) if held_out else None, callbacks=callbacks
    )


def _plain(parts: dict[str, Samples]) -> Any:
    """Return what an estimator takes: a data set by itself needs no name."""
    return parts if len(parts) > 1 else next(iter(parts.values()))


def _answer_baseline(job: Job, seen: list[Side], targets: dict[str, Target]) -> Answer:
    (name, target), baseline = next(iter(targets.items())), cast(Baseline, job.learner)
    decoded, facts = baseline.answer(seen[0].samples, seen[0].split, target)
    return {name: decoded}, pd.DataFrame(), facts


ANSWERS: dict[type[Any], Callable[..., Answer]] = {Baseline: _answer_baseline, Probe: _answer_probe}


def _counts(job: Job, protocol: Protocol) -> dict[str, dict[str, int]]:
    """Return how many labelled rows of each question are on each side."""
    counts = {name: protocol.question(name).counts(job.fold, job.seed) for name in job.names}
    return {
        name: {str(side): int(n) for side, n in found.items()} for name, found in counts.items()
    }


def _affinity(recorder: AffinityRecorder, names: list[str]) -> dict[str, Any]:
    """Return the means of what was recorded, in the order of the tasks."""
    tables = {
        "affinity": recorder.mean_affinities(names),
        "cosines": recorder.mean_cosines(names),
        "norms": recorder.mean_norms(names),
    }
    return {name: table.to_numpy().tolist() for name, table in tables.items()}


def losses_at(history: pd.DataFrame, best_epoch: dict[str, int]) -> dict[str, float]:
    """Return each task's validation loss at the epoch that answers it; empty without validation."""
    rows = history[history["side"] == "validation"].set_index(["task", "epoch"])["loss"]
    return {
        name: float(rows[name, epoch])
        for name, epoch in best_epoch.items()
        if (name, epoch) in rows.index
    }
