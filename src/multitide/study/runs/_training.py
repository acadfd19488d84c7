"""Training one network of a study: its data and its answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from multitide._count_values import count_values
from multitide._estimator import MultiTaskEstimator
from multitide._train import train, weighed_for
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.study.design._protocol import Protocol, Question
from multitide.study.runs._fits import FitFacts
from multitide.study.runs._jobs import Job
from multitide.tasks import (
    ClassificationTarget,
    Target,
    label_names,
)
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer


class StepCounter(Callback):
    """Counts optimiser steps, and lets Ctrl-C end the study instead of one fit."""

    def __init__(self) -> None:
        self.n_steps = 0
        self.diverged = ""

    def on_step_end(self, trainer: Trainer) -> None:
        """Count the step."""
        self.n_steps += 1

    def on_train_end(self, trainer: Trainer) -> None:
        """Raise the interrupt again, after which a trainer would keep its best epoch."""
        self.diverged = trainer.diverged or self.diverged
        if not trainer.stop and sys.exc_info()[0] is None:
            raise KeyboardInterrupt


def job_data(job: Job, protocol: Protocol, data_sets: DataSets) -> list[SplitData]:
    """Return the data sets of a job, with the labels of its questions only."""
    split_data = []
    for data, questions in protocol.by_data(job.names):
        columns = label_names(question.task for question in questions)
        samples = data_sets[data.name]
        if data.draws is None:
            labels = samples.y
        else:
            labels = data.labels_for(job.seed)
        tasks = [question.task for question in questions]
        samples = weighed_for(samples.replace(y=labels[columns]), tasks)
        split_data.append(SplitData(data.name, samples, data.splits[job.fold]))
    return split_data


def trained(
    learner: MultiTaskEstimator,
    data: Sequence[SplitData],
    callbacks: Sequence[Callback] = (),
) -> tuple[MultiTaskEstimator, FitFacts]:
    """Return a fitted copy, and what is known about its training."""
    counter = StepCounter()
    estimator = train(learner, data, [counter, *callbacks])
    facts = FitFacts(
        random_state=estimator.random_state,
        n_parameters=count_values(estimator.model_.parameters()),
        n_steps=counter.n_steps,
        diverged=counter.diverged,
        best_epoch=estimator.best_epoch_,
        validation_loss=losses_at(estimator.history_, estimator.best_epoch_),
    )
    return estimator, facts


def answers_of(
    estimator: MultiTaskEstimator,
    questions: Sequence[Question],
    sets: Mapping[str, Samples],
    targets: Mapping[str, Target],
) -> dict[str, np.ndarray]:
    """Return the answers to each question on some samples of its data set.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        Fitted.
    questions : sequence of Question
        The questions.
    sets : dict of str to Samples
        By data set.
    targets : dict of str to Target
        The target of each question; its classes are the columns of probabilities.
    """
    data_sets = DataSets(sets)
    if data_sets.named:
        decoded = estimator.decode(data_sets)
    else:
        only = data_sets.UNNAMED
        decoded = {only: estimator.decode(data_sets[only])}
    answers = {}
    for question in questions:
        values = decoded[question.data.name][question.task.name]
        target = targets[question.name]
        if isinstance(target, ClassificationTarget):
            known = estimator.classes_[question.task.name]
            values = _select_classes(values, known, list(target.classes))
        answers[question.name] = values
    return answers


def _select_classes(
    probabilities: np.ndarray, known: Sequence[object], wanted: Sequence[object]
) -> np.ndarray:
    """Return the probabilities of the classes of one data set, (n_samples, n_classes).

    A network that was trained on several data sets may know more classes.
    """
    if known == wanted:
        return probabilities
    table = pd.DataFrame(probabilities, columns=known)
    selected: np.ndarray = table.reindex(columns=wanted, fill_value=0.0).to_numpy()
    return selected


def losses_at(history: pd.DataFrame, best_epoch: dict[str, int]) -> dict[str, float]:
    """Return each task's validation loss at its best epoch; empty without a validation set."""
    rows = history[history["side"] == "validation"].set_index(["task", "epoch"])["loss"]
    losses = {}
    for task, epoch in best_epoch.items():
        if (task, epoch) in rows.index:
            losses[task] = float(rows[task, epoch])
    return losses
