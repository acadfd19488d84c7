"""The answers of an arm that is an ensemble."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from multitide._estimator import MultiTaskEstimator
from multitide.data._recordings import recordings_of_rows
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.data._weights import weights_of
from multitide.fitting._decide import decide
from multitide.fitting._held_out import HeldOut, shares_of_fits
from multitide.study.design._mixture import Mixture
from multitide.study.design._protocol import Question
from multitide.study.runs._fits import FitFacts
from multitide.study.runs._training import answers_of, trained
from multitide.tasks import Target

Answers = dict[str, np.ndarray]


def answer_with_mixture(
    mixture: Mixture,
    seed: int,
    questions: Sequence[Question],
    data: Sequence[SplitData],
    targets: Mapping[str, Target],
) -> tuple[Answers, pd.DataFrame, FitFacts]:
    """Train all members, weight them on the validation sets, and answer the test sets.

    Parameters
    ----------
    mixture : Mixture
        The members, with the numbers of epochs and the seeds of this fit.
    seed : int
        Seed of the choice of weights.
    questions, data, targets
        As in ``run_job``.
    """
    members, totals = _train_members(mixture, data)
    on_test = []
    for estimator in members:
        on_test.append(answers_of(estimator, questions, _test_sets(data), targets))
    answers = {}
    totals["validation_loss"], totals["weights"] = {}, {}
    totals["thresholds"] = {}
    for question in questions:
        name = question.name
        weights = [1 / len(members)] * len(members)
        parts = _held_out(members, question, data, targets)
        if parts:
            weights, totals["validation_loss"][name] = shares_of_fits(parts, seed)
            if thresholds := _thresholds(parts, weights):
                totals["thresholds"][name] = thresholds
        totals["weights"][name] = dict(zip(mixture.members, weights, strict=True))
        answers[name] = _mean([each[name] for each in on_test], weights)
    histories = []
    for name, estimator in zip(mixture.members, members, strict=True):
        histories.append(estimator.history_.assign(member=name))
    return answers, pd.concat(histories, ignore_index=True), totals


def _train_members(
    mixture: Mixture, data: Sequence[SplitData]
) -> tuple[list[MultiTaskEstimator], FitFacts]:
    """Return the fitted members, and the sums of their facts."""
    members = []
    totals = FitFacts(n_parameters=0, n_steps=0, diverged="")
    for name, learner in mixture.members.items():
        estimator, facts = trained(learner, data)
        members.append(estimator)
        totals["n_parameters"] += facts["n_parameters"]
        totals["n_steps"] += facts["n_steps"]
        if facts["diverged"]:
            totals["diverged"] = f"{name}: {facts['diverged']}"
    return members, totals


def _test_sets(data: Sequence[SplitData]) -> dict[str, Samples]:
    return {each.name: each.test_set for each in data}


def _held_out(
    members: Sequence[MultiTaskEstimator],
    question: Question,
    data: Sequence[SplitData],
    targets: Mapping[str, Target],
) -> list[HeldOut]:
    """Return what each member predicts for labelled validation rows; empty without any."""
    (own,) = [each for each in data if each.name == question.data.name]
    target, held_out = targets[question.name], own.validation_set
    truth = target.truth(held_out.y[question.task.columns])
    labelled = ~np.isnan(target.decoded_losses(truth, target.constant(len(truth))))
    if not labelled.any():
        return []
    recordings = recordings_of_rows(held_out, np.flatnonzero(labelled))
    weights = weights_of(held_out, question.task.name)
    if weights is not None:
        weights = weights[labelled]
    parts = []
    for estimator in members:
        answers = answers_of(estimator, [question], {own.name: held_out}, targets)
        decoded = answers[question.name][labelled]
        parts.append(HeldOut(target, truth[labelled], recordings, decoded, weights))
    return parts


def _thresholds(
    parts: Sequence[HeldOut], weights: Sequence[float]
) -> list[float | None]:
    """Return what the validation rows choose for the mean of the members; empty without a rule."""
    decoded = _mean([part.decoded for part in parts], weights)
    target = copy.deepcopy(parts[0].target)
    decisions = decide(target, parts[0].truth, decoded, parts[0].weights)
    return [decision["threshold"] for decision in decisions]


def _mean(values: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    mean = np.zeros(values[0].shape)
    for weight, each in zip(weights, values, strict=True):
        mean += weight * each
    return mean
