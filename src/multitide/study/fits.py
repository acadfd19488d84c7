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

from multitide.errors import DataError
from multitide.estimator import MultiTaskEstimator
from multitide.loop.affinity import AffinityRecorder
from multitide.loop.callbacks import Callback
from multitide.loop.training import Trainer
from multitide.representations import BackboneEncoder, LinearHeads
from multitide.samples import Samples
from multitide.splits import Split
from multitide.study.baselines import Baseline
from multitide.study.jobs import Job, teaching_rows, versions
from multitide.study.probing import Probe
from multitide.study.protocol import Protocol
from multitide.tasks import Target, labelled
from multitide.tasks.classification import ClassificationTarget


@dataclass(frozen=True)
class Fit:
    """A fit that was done, or that failed.

    Attributes
    ----------
    key : str
    facts : dict
        What is known about it, as plain values: ``status`` ("done" or "failed"), ``reason``, ``tasks``, ``seed``,
        ``fold``, ``settings``, ``classes`` (of each classification), ``random_state``, ``n_rows`` (training rows that
        teach), ``n_labelled`` (task x side), ``n_parameters``, ``n_steps``, ``seconds``, ``best_epoch``,
        ``validation_loss``, ``affinity`` (where it was recorded), ``warnings``, ``versions``.
    answers : dict of str to ndarray
        For each task its numbers (n_test,) or probabilities (n_test, n_classes) on the fold's test rows.
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


def do(job: Job, protocol: Protocol, samples: Samples) -> Fit:
    """Do a fit with one thread; an error makes it a failed one."""
    started = time.perf_counter()
    facts: dict[str, Any] = {
        "status": "done",
        "reason": "",
        "tasks": job.task_names,
        "seed": job.seed,
        "fold": job.fold,
        "settings": job.settings,
        "n_rows": teaching_rows(protocol, job.tasks, job.seed, job.fold),
        "n_labelled": _counts(job, protocol),
        "versions": versions(),
    }
    targets = {task.name: protocol.target(task, job.fold) for task in job.tasks}
    facts["classes"] = {name: list(t.classes) for name, t in targets.items() if isinstance(t, ClassificationTarget)}
    answer = next((answer for kind, answer in ANSWERS.items() if isinstance(job.learner, kind)), _answer_network)
    try:
        with single_thread(), quiet() as heard:
            seen = seen_by(job, protocol, samples)
            own = _targets_of_draw(job, protocol, targets)
            answers, history, more = answer(job, seen, protocol.splits[job.fold], own)
        more |= {"warnings": sorted({str(warning.message) for warning in heard})}
    except Exception as error:  # an arm that fails stands beside the others with its reason
        reason = f"{type(error).__name__}: {error}"
        return Fit(job.key, facts | {"status": "failed", "reason": reason, "seconds": time.perf_counter() - started})
    return Fit(job.key, facts | more | {"seconds": time.perf_counter() - started}, answers, history)


def seen_by(job: Job, protocol: Protocol, samples: Samples) -> Samples:
    """Return the samples with the labels that a job's seed sees."""
    return samples if protocol.draws is None else samples.replace(y=protocol.seen(job.seed))


def _targets_of_draw(job: Job, protocol: Protocol, targets: dict[str, Target]) -> dict[str, Target]:
    """Return the tasks as the labels that this seed sees show them; raise if these show other classes."""
    if protocol.draws is None:
        return targets
    labels = protocol.seen(job.seed).iloc[protocol.splits[job.fold].train]
    own = {task.name: task.fit_target(labels[task.columns].reset_index(drop=True)) for task in job.tasks}
    for name, target in own.items():
        wanted, found = (list(getattr(each, "classes", [])) for each in (targets[name], target))
        if found != wanted:
            raise DataError(f"The draw of labels must show the classes {wanted} of {name!r}; got {found}.")
    return own


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


def _answer_network(job: Job, samples: Samples, split: Split, targets: dict[str, Target]) -> Answer:
    recorder = AffinityRecorder(job.record_every) if job.record_every else None
    callbacks = [] if recorder is None else [recorder]
    estimator, facts = _trained(cast(MultiTaskEstimator, job.learner), samples, split, callbacks)
    if recorder is not None:
        facts["affinity"] = _affinity(recorder, job.task_names)
    test = samples[split.test]
    decoded = estimator.decode(test)
    return {name: decoded[name] for name in targets}, estimator.history_, facts


def _answer_probe(job: Job, samples: Samples, split: Split, targets: dict[str, Target]) -> Answer:
    probe = cast(Probe, job.learner)
    chosen = split if probe.source is not None else replace(split, validation=split.validation[:0])
    estimator, facts = _trained(probe.estimator, samples, chosen)
    encoder = BackboneEncoder(estimator)
    sides = [(encoder.transform(samples[rows]), samples.y.iloc[rows]) for rows in (split.train, split.validation)]
    validated = all(samples.y.iloc[split.validation][task.columns].notna().any(axis=None) for task in job.tasks)
    heads = LinearHeads(list(job.tasks), random_state=job.seed)
    heads.fit(*sides[0], validation=sides[1] if validated else None)
    return heads.decode(encoder.transform(samples[split.test])), estimator.history_, facts


def _trained(
    learner: MultiTaskEstimator, samples: Samples, split: Split, callbacks: Sequence[Callback] = ()
) -> tuple[MultiTaskEstimator, dict[str, Any]]:
    """Return a fitted copy, and what is known about its training."""
    estimator = cast(MultiTaskEstimator, clone(learner))
    watch = Watch()
    held_out = samples[split.validation] if len(split.validation) else None
    if held_out is None:
        estimator.set_params(validation=None)
    estimator.fit(samples[split.train], validation=held_out, callbacks=[watch, *callbacks])
    return estimator, {
        "random_state": estimator.random_state,
        "n_parameters": sum(parameter.numel() for parameter in estimator.model_.parameters()),
        "n_steps": watch.n_steps,
        "best_epoch": estimator.best_epoch_,
        "validation_loss": losses_at(estimator.history_, estimator.best_epoch_),
    }


def _answer_baseline(job: Job, samples: Samples, split: Split, targets: dict[str, Target]) -> Answer:
    (name, target), baseline = next(iter(targets.items())), cast(Baseline, job.learner)
    decoded, facts = baseline.answer(samples, split, target)
    return {name: decoded}, pd.DataFrame(), facts


ANSWERS: dict[type[Any], Callable[..., Answer]] = {Baseline: _answer_baseline, Probe: _answer_probe}


def _counts(job: Job, protocol: Protocol) -> dict[str, dict[str, int]]:
    counts = protocol.splits[job.fold].counts(labelled(job.tasks, protocol.seen(job.seed)))
    return {task.name: {side: int(n) for side, n in counts.loc[task.name].items()} for task in job.tasks}


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
    return {name: float(rows[name, epoch]) for name, epoch in best_epoch.items() if (name, epoch) in rows.index}
