"""The answers of an arm that is an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from multitide.data._recordings import recordings_of_rows
from multitide.data._split_data import SplitData
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
    test_sets = {each.name: each.test_set for each in data}
    held_out_sets = {}
    for each in data:
        if len(each.split.validation):
            held_out_sets[each.name] = each.validation_set
    on_test: list[Answers] = []
    on_validation: list[Answers] = []
    histories: list[pd.DataFrame] = []
    totals = FitFacts(n_parameters=0, n_steps=0, diverged="")
    for name, learner in mixture.members.items():
        estimator, facts = trained(learner, data)
        on_test.append(answers_of(estimator, questions, test_sets, targets))
        if held_out_sets:
            asked = [each for each in questions if each.data.name in held_out_sets]
            on_validation.append(answers_of(estimator, asked, held_out_sets, targets))
        histories.append(estimator.history_.assign(member=name))
        totals["n_parameters"] += facts["n_parameters"]
        totals["n_steps"] += facts["n_steps"]
        if facts["diverged"]:
            totals["diverged"] = f"{name}: {facts['diverged']}"
    answers = {}
    totals["validation_loss"] = {}
    totals["weights"] = {}
    for question in questions:
        name = question.name
        parts = _held_out(question, data, targets[name], on_validation)
        weights = [1 / len(mixture.members)] * len(mixture.members)
        if parts:
            weights, totals["validation_loss"][name] = shares_of_fits(parts, seed)
        totals["weights"][name] = dict(zip(mixture.members, weights, strict=True))
        answers[name] = _mean([each[name] for each in on_test], weights)
    return answers, pd.concat(histories, ignore_index=True), totals


def _held_out(
    question: Question,
    data: Sequence[SplitData],
    target: Target,
    on_validation: Sequence[Answers],
) -> list[HeldOut]:
    """Return what each member predicts for labelled validation rows; empty without any."""
    (own,) = [each for each in data if each.name == question.data.name]
    labels = own.validation_set.y[question.task.columns]
    truth = target.truth(labels)
    labelled = ~np.isnan(target.decoded_losses(truth, target.constant(len(truth))))
    if not labelled.any():
        return []
    recordings = recordings_of_rows(own.validation_set, np.flatnonzero(labelled))
    parts = []
    for answers in on_validation:
        decoded = answers[question.name][labelled]
        parts.append(HeldOut(target, truth[labelled], recordings, decoded))
    return parts


def _mean(values: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    mean = np.zeros(values[0].shape)
    for weight, each in zip(weights, values, strict=True):
        mean += weight * each
    return mean
