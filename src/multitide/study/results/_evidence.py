"""The answers of all runs on the test part, and the losses that they cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from multitide.study.design._protocol import Protocol
from multitide.study.runs._fits import Fit
from multitide.study.runs._plan import RunName
from multitide.tasks import Target
from multitide.tasks._metrics import log_losses


@dataclass(frozen=True)
class Evidence:
    """What figures and gains are computed from.

    Attributes
    ----------
    protocol : Protocol
    run_keys : dict of (arm, seed, fold) to list of str
        The fits that answer each run.
    fits : dict of str to Fit
        By key.
    asked : dict of str to list of str
        The questions that each arm is to answer, tasks where there is one data set; the reference
        arm first.
    answers_of : dict of str to list of list of str
        For an arm in which a task is learned in several groups: the tasks that each group's fit
        answers.
    """

    protocol: Protocol
    run_keys: Mapping[RunName, list[str]]
    fits: Mapping[str, Fit]
    asked: Mapping[str, list[str]]
    answers_of: Mapping[str, list[list[str]]] = field(default_factory=dict)
    _known_losses: dict[tuple[str, str, int], np.ndarray] = field(default_factory=dict, repr=False)

    @cached_property
    def targets(self) -> dict[tuple[str, int], Target]:
        """Each question's task as each fold's training rows show it, by question and fold."""
        folds = range(self.protocol.n_folds)
        return {
            (asked.name, fold): asked.target(fold)
            for asked in self.protocol.questions
            for fold in folds
        }

    def of(self, arms: Collection[str]) -> Evidence:
        """Return what belongs to some arms; the first of them is the reference."""
        run_keys = {name: keys for name, keys in self.run_keys.items() if name[0] in arms}
        needed = {key for keys in run_keys.values() for key in keys}
        fits = {key: fit for key, fit in self.fits.items() if key in needed}
        return replace(
            self, run_keys=run_keys, fits=fits, asked={arm: self.asked[arm] for arm in arms}
        )

    @property
    def arm_names(self) -> list[str]:
        """The arms, the reference first."""
        return list(self.asked)

    @property
    def reference(self) -> str:
        """The arm that others are compared with."""
        return next(iter(self.asked))

    def fit(self, arm: str, task: str, seed: int, fold: int) -> Fit | None:
        """Return the fit that answers a task, or None where it is missing or failed, or the arm leaves the task out."""
        keys = self.run_keys.get((arm, seed, fold), [])
        if arm in self.answers_of:
            keys = [
                key for key, tasks in zip(keys, self.answers_of[arm], strict=True) if task in tasks
            ]
        found = (self.fits.get(key) for key in keys)
        return next((fit for fit in found if fit is not None and task in fit.answers), None)

    def seeds(self, arm: str, task: str) -> list[int]:
        """Return the seeds for which the arm answers the task on every fold."""
        seeds = dict.fromkeys(seed for _, seed, _ in self.run_keys)
        folds = range(self.protocol.n_folds)
        return [seed for seed in seeds if all(self.fit(arm, task, seed, fold) for fold in folds)]

    def answers(self, arm: str, task: str, seed: int, fold: int) -> np.ndarray:
        """Return numbers (n_test,) or probabilities (n_test, n_classes) on a fold's test rows."""
        fit = self.fit(arm, task, seed, fold)
        assert fit is not None, "ask `seeds` first"
        return fit.answers[task]

    def losses(self, arm: str, task: str, seed: int) -> np.ndarray:
        """Return each test row's loss in units of its fold's trivial loss, (n_test,); NaN without a label."""
        name = (arm, task, seed)
        if name not in self._known_losses:
            asked, folds = self.protocol.question(task), range(self.protocol.n_folds)
            parts = [
                self.targets[task, f].row_losses(asked.labels(f), self.answers(*name, f))
                for f in folds
            ]
            self._known_losses[name] = np.concatenate(parts)
        return self._known_losses[name]

    def labelled(self, task: str) -> np.ndarray:
        """Return which test rows have a label of the task, bool (n_test,)."""
        return np.concatenate([known for _, known in self._coded(task)])

    def measured(self, arm: str, task: str, seed: int) -> Measured:
        """Return labels and answers of the labelled test rows of each fold."""
        return [
            (self.targets[task, fold], codes[known], self.answers(arm, task, seed, fold)[known])
            for fold, (codes, known) in enumerate(self._coded(task))
        ]

    def _coded(self, task: str) -> list[tuple[np.ndarray, np.ndarray]]:
        asked, folds = self.protocol.question(task), range(self.protocol.n_folds)
        return [coded(self.targets[task, fold], asked.labels(fold)) for fold in folds]

    def failures(self, arm: str) -> list[str]:
        """Return why fits of an arm failed, each reason once."""
        keys = {
            key: None for (name, _, _), keys in self.run_keys.items() if name == arm for key in keys
        }
        fits = [self.fits[key] for key in keys if key in self.fits]
        return list(dict.fromkeys(str(fit.facts["reason"]) for fit in fits if not fit.done))


def make_evidence(
    protocol: Protocol,
    run_keys: Mapping[RunName, list[str]],
    fits: Mapping[str, Fit],
    settings: Mapping[str, Mapping[str, Any]],
) -> Evidence:
    """Gather the evidence of arms that are described as in ``comparison.settings``."""
    answers_of = {arm: spec["answers"] for arm, spec in settings.items() if "answers" in spec}
    asked = {
        arm: [t for group in answers_of.get(arm, spec["groups"]) for t in group]
        for arm, spec in settings.items()
    }
    return Evidence(protocol, run_keys, fits, asked, answers_of)


# Of each fold its target, and labels (positions of classes, or numbers) and answers (probabilities,
# or numbers) of its labelled rows.
Measured = list[tuple[Target, np.ndarray, np.ndarray]]


# Figures that are the mean of something that each row has by itself, where a row has one label.
ROW_MEANS = ("accuracy", "log_loss", "mae")


def coded(target: Target, labels: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as `Target.figures` takes them, and which rows have one, (n_rows,)."""
    truth = target.truth(labels)
    if truth.ndim > 1:
        return truth, ~np.isnan(truth).all(axis=1)
    return truth, truth >= 0 if truth.dtype.kind == "i" else ~np.isnan(truth)


def is_row_mean(metric: str, measured: Measured) -> bool:
    """Say whether a figure is the mean of something that each row has by itself."""
    return metric in ROW_MEANS and all(truth.ndim == 1 for _, truth, _ in measured)


def row_values(metric: str, measured: Measured) -> np.ndarray:
    """Return what each row adds to a figure of `ROW_MEANS`, (n_rows,)."""
    of_fold = {
        "accuracy": lambda labels, answers: (answers.argmax(axis=1) == labels).astype(float),
        "log_loss": log_losses,
        "mae": lambda labels, answers: np.abs(answers - labels),
    }[metric]
    return np.concatenate(
        [of_fold(truth, target.point(answers)) for target, truth, answers in measured]
    )


def figure(metric: str, measured: Measured, mask: np.ndarray) -> float:
    """Return a figure of some rows: of each fold, joined by their rows; a fold that does not define it is left out.

    Parameters
    ----------
    metric : str
    measured : list of (target, labels, answers)
        One a fold.
    mask : ndarray of bool, shape (n_rows,)
        Which rows count, over all folds.
    """
    masks = np.split(mask, np.cumsum([len(truth) for _, truth, _ in measured])[:-1])
    values, weights = [], []
    for (target, truth, answers), rows in zip(measured, masks, strict=True):
        value = target.figures(truth[rows], answers[rows])[metric]
        if not np.isnan(value):
            values.append(value)
            weights.append(rows.sum())
    return float(np.average(values, weights=weights)) if values else float("nan")
