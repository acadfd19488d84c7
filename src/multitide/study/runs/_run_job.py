"""Running one job: train, answer the test set, and turn an error into a failed fit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd

from multitide._estimator import MultiTaskEstimator
from multitide._forgotten_fits import forgotten
from multitide._installed_versions import installed_versions
from multitide._quiet import quiet
from multitide._threads import single_thread
from multitide.data._data_sets import DataSets
from multitide.data._split_data import SplitData
from multitide.data._weights import weights_of
from multitide.errors import DataError
from multitide.fitting._decide import has_rule
from multitide.representations import BackboneEncoder, LinearHeads
from multitide.representations._vectors import Vectors
from multitide.study.design._baselines import Baseline
from multitide.study.design._mixture import Mixture
from multitide.study.design._probes import Probe
from multitide.study.design._protocol import Protocol, Question
from multitide.study.runs._fits import Fit, FitFacts
from multitide.study.runs._jobs import Job, n_training_rows
from multitide.study.runs._mixture import answer_with_mixture
from multitide.study.runs._training import answers_of, job_data, trained
from multitide.tasks import Target
from multitide.tasks._classification import ClassificationTarget
from multitide.tasks._deciding import DecidingTarget
from multitide.training._affinity import AffinityRecorder

# Answers by question, the training history, and what is known about the training.
Answered = tuple[dict[str, np.ndarray], pd.DataFrame, FitFacts]


def run_job(job: Job, protocol: Protocol, data_sets: DataSets) -> Fit:
    """Run a job with one thread; an error makes it a failed fit."""
    started = time.perf_counter()
    questions = []
    targets, n_labelled = {}, {}
    for name in job.names:
        question = protocol.question(name)
        questions.append(question)
        targets[name] = question.targets[job.fold]
        n_labelled[name] = _n_labelled(question, job)
    facts = FitFacts(
        status="done",
        reason="",
        tasks=list(job.names),
        seed=job.seed,
        fold=job.fold,
        settings=job.settings,
        n_rows=n_training_rows(protocol, job.names, job.seed, job.fold),
        n_labelled=n_labelled,
        versions=installed_versions(),
        classes=_classes(targets),
    )
    try:
        with forgotten(), single_thread(), quiet() as caught:
            data = job_data(job, protocol, data_sets)
            seen = _targets_of_seed(questions, data, targets)
            answers, history, more = _answer(job, questions, data, seen)
        more["warnings"] = sorted({str(warning.message) for warning in caught})
    # A failed arm is shown with its reason; the others go on.
    except Exception as error:
        facts["status"] = "failed"
        facts["reason"] = f"{type(error).__name__}: {error}"
        facts["seconds"] = time.perf_counter() - started
        return Fit(job.key, facts)
    facts.update(more)
    facts["seconds"] = time.perf_counter() - started
    return Fit(job.key, facts, answers, history)


def _n_labelled(question: Question, job: Job) -> dict[str, int]:
    counts = question.counts(job.fold, job.seed)
    by_side = {}
    for side, n in counts.items():
        by_side[str(side)] = int(n)
    return by_side


def _classes(targets: dict[str, Target]) -> dict[str, list[object]]:
    classes: dict[str, list[object]] = {}
    for name, target in targets.items():
        if isinstance(target, ClassificationTarget):
            classes[name] = list(target.classes)
    return classes


def _answer(
    job: Job,
    questions: Sequence[Question],
    data: list[SplitData],
    targets: dict[str, Target],
) -> Answered:
    if isinstance(job.learner, Baseline):
        return _answer_with_baseline(job.learner, data, targets)
    if isinstance(job.learner, Mixture):
        return answer_with_mixture(job.learner, job.seed, questions, data, targets)
    if isinstance(job.learner, Probe):
        return _answer_with_probe(job.learner, job, questions, data)
    return _answer_with_network(job.learner, job, questions, data, targets)


def _targets_of_seed(
    questions: Sequence[Question],
    data: Sequence[SplitData],
    targets: dict[str, Target],
) -> dict[str, Target]:
    """Return the targets as the labels that this seed sees define them."""
    by_name = {}
    for each in data:
        by_name[each.name] = each
    own_targets = {}
    for question in questions:
        target = targets[question.name]
        if question.data.draws is not None:
            training = by_name[question.data.name].training_set
            own = question.task.fit_target(
                training.y[question.task.columns],
                weights_of(training, question.task.name),
            )
            _check_classes(question.name, target, own)
            target = own
        own_targets[question.name] = target
    return own_targets


def _check_classes(name: str, known: Target, target: Target) -> None:
    wanted = list(getattr(known, "classes", []))
    classes = list(getattr(target, "classes", []))
    if classes != wanted:
        raise DataError(
            "The labels of every seed must have "
            f"the classes {wanted} of {name!r}; "
            f"got {classes}."
        )


def _answer_with_network(
    learner: MultiTaskEstimator,
    job: Job,
    questions: Sequence[Question],
    data: Sequence[SplitData],
    targets: dict[str, Target],
) -> Answered:
    if job.record_every:
        recorder = AffinityRecorder(job.record_every)
    else:
        recorder = None
    estimator, facts = trained(learner, data, [] if recorder is None else [recorder])
    if recorder is not None:
        facts["affinity"] = _affinity(recorder, list(job.names))
    test_sets = {each.name: each.test_set for each in data}
    answers = answers_of(estimator, questions, test_sets, targets)
    facts["thresholds"] = _thresholds(estimator, questions)
    return answers, estimator.history_, facts


def _thresholds(
    estimator: MultiTaskEstimator, questions: Sequence[Question]
) -> dict[str, list[float | None]]:
    """Return what the validation set has chosen for the questions whose task has a rule."""
    chosen = {}
    for question in questions:
        if not has_rule(question.task):
            continue
        target = estimator.targets_.target(question.task.name)
        if isinstance(target, DecidingTarget):
            chosen[question.name] = target.thresholds_or_none
    return chosen


def _answer_with_probe(
    probe: Probe, job: Job, questions: Sequence[Question], data: Sequence[SplitData]
) -> Answered:
    (only,) = data
    split = only.split
    trained_on = only
    if probe.source is None:
        trained_on = replace(
            only, split=replace(split, validation=split.validation[:0])
        )
    estimator, facts = trained(probe.estimator, [trained_on])
    encoder = BackboneEncoder(estimator)
    tasks = []
    for question in questions:
        tasks.append(question.task)
    labels = only.validation_set.y
    heads = LinearHeads(tasks, random_state=job.seed)
    validation = None
    if all(labels[task.columns].notna().any(axis=None) for task in tasks):
        vectors = encoder.transform(only.validation_set)
        validation = Vectors(vectors, labels, only.validation_set.weights)
    training = only.training_set
    heads.fit(
        encoder.transform(training),
        training.y,
        validation=validation,
        weights=training.weights,
    )
    return heads.decode(encoder.transform(only.test_set)), estimator.history_, facts


def _answer_with_baseline(
    baseline: Baseline, data: Sequence[SplitData], targets: dict[str, Target]
) -> Answered:
    (only,) = data
    ((name, target),) = targets.items()
    answers, facts = baseline.answer(only.samples, only.split, target)
    return (
        {name: answers},
        pd.DataFrame(),
        cast(FitFacts, facts),
    )  # it has these keys too


def _affinity(recorder: AffinityRecorder, names: list[str]) -> dict[str, list[object]]:
    """Return the means of the recorded tables, in the order of the tasks."""
    return {
        "affinity": recorder.mean_affinities(names).to_numpy().tolist(),
        "cosines": recorder.mean_cosines(names).to_numpy().tolist(),
        "norms": recorder.mean_norms(names).to_numpy().tolist(),
    }
