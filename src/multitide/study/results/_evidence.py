"""The predictions of all runs on the test set, and their losses."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from multitide.study.design._protocol import Protocol
from multitide.study.results._metric_values import FoldAnswers, encode_labels
from multitide.study.runs._fits import Fit
from multitide.study.runs._plan import RunName
from multitide.tasks import Target
from multitide.tasks._deciding import DecidingTarget


@dataclass(frozen=True)
class Evidence:
    """What all metrics and gains of a study are computed from.

    Attributes
    ----------
    protocol : Protocol
    run_keys : dict of (arm, seed, fold) to list of str
        The keys of the fits of each run.
    fits : dict of str to Fit
        By key.
    tasks_of : dict of str to list of str
        For each arm, the reference first, the names of its questions; with one data set these are
        its tasks.
    """

    protocol: Protocol
    run_keys: Mapping[RunName, list[str]]
    fits: Mapping[str, Fit]
    tasks_of: Mapping[str, list[str]]
    _cached_losses: dict[tuple[str, str, int], np.ndarray] = field(
        default_factory=dict, repr=False
    )

    @cached_property
    def targets(self) -> dict[tuple[str, int], Target]:
        """The target of each question and fold, fitted to the training labels of the fold."""
        targets = {}
        for question in self.protocol.questions:
            for fold in self._folds:
                targets[question.name, fold] = question.targets[fold]
        return targets

    def of(self, arms: Collection[str]) -> Evidence:
        """Return the evidence of some arms; the first of them is the reference."""
        run_keys = {}
        for name, keys in self.run_keys.items():
            if name[0] in arms:
                run_keys[name] = keys
        fits: dict[str, Fit] = {}
        for keys in run_keys.values():
            for key in keys:
                if key in self.fits:
                    fits[key] = self.fits[key]
        tasks_of = {}
        for arm in arms:
            tasks_of[arm] = self.tasks_of[arm]
        return replace(self, run_keys=run_keys, fits=fits, tasks_of=tasks_of)

    @property
    def arm_names(self) -> list[str]:
        """The arms, the reference first."""
        return list(self.tasks_of)

    @property
    def reference(self) -> str:
        """The arm that all others are compared with."""
        return self.arm_names[0]

    @property
    def _folds(self) -> range:
        return range(self.protocol.n_folds)

    def fit(self, arm: str, task: str, seed: int, fold: int) -> Fit | None:
        """Return the fit that predicts a task in a run.

        None if it is missing or failed, or if the arm leaves the task out.
        """
        for key in self.run_keys.get((arm, seed, fold), []):
            fit = self.fits.get(key)
            if fit is not None and task in fit.answers:
                return fit
        return None

    def seeds(self, arm: str, task: str) -> list[int]:
        """Return the seeds with which the arm predicts the task on every fold."""
        complete = []
        for seed in dict.fromkeys(seed for _, seed, _ in self.run_keys):
            fits = []
            for fold in self._folds:
                fits.append(self.fit(arm, task, seed, fold))
            if None not in fits:
                complete.append(seed)
        return complete

    def answers(self, arm: str, task: str, seed: int, fold: int) -> np.ndarray:
        """Return the predictions for a fold's test samples.

        Numbers (n_test,), or probabilities (n_test, n_classes).

        Raises
        ------
        KeyError
            If there are none; see :meth:`seeds`.
        """
        fit = self.fit(arm, task, seed, fold)
        if fit is None:
            raise KeyError((arm, task, seed, fold))
        return fit.answers[task]

    def losses(self, arm: str, task: str, seed: int) -> np.ndarray:
        """Return the loss of each test sample, in units of its fold's trivial loss, (n_test,).

        NaN without a label.
        """
        name = (arm, task, seed)
        if name not in self._cached_losses:
            question = self.protocol.question(task)
            parts = []
            for fold in self._folds:
                answers = self.answers(arm, task, seed, fold)
                target = self.targets[task, fold]
                parts.append(target.row_losses(question.labels(fold), answers))
            self._cached_losses[name] = np.concatenate(parts)
        return self._cached_losses[name]

    def weights(self, task: str) -> np.ndarray | None:
        """Return how much each test sample counts, (n_test,); None if all count alike."""
        parts = []
        for fold in self._folds:
            own = self.protocol.question(task).weights(fold)
            if own is not None:
                parts.append(own)
        return np.concatenate(parts) if parts else None

    def labelled(self, task: str) -> np.ndarray:
        """Return which test samples have a label of the task, bool (n_test,)."""
        return np.concatenate([self._labels(task, fold)[1] for fold in self._folds])

    def measured(self, arm: str, task: str, seed: int) -> list[FoldAnswers]:
        """Return the labels and predictions of the labelled test samples of each fold."""
        folds = []
        for fold in self._folds:
            labels, known = self._labels(task, fold)
            answers = self.answers(arm, task, seed, fold)[known]
            weights = self.protocol.question(task).weights(fold)
            if weights is not None:
                weights = weights[known]
            target = self._deciding(arm, task, seed, fold)
            written = target.written(self.protocol.question(task).labels(fold))[known]
            folds.append(FoldAnswers(target, labels[known], answers, weights, written))
        return folds

    def _deciding(self, arm: str, task: str, seed: int, fold: int) -> Target:
        """Return the target of a fold with the thresholds that the fit of an arm has chosen."""
        target = self.targets[task, fold]
        fit = self.fit(arm, task, seed, fold)
        chosen = fit.facts.get("thresholds", {}).get(task) if fit is not None else None
        if chosen is not None and isinstance(target, DecidingTarget):
            target = copy.deepcopy(target)
            target.set_thresholds(chosen)
        return target

    def diverged(self) -> list[str]:
        """Return a sentence for every arm with fits whose training diverged."""
        reasons: dict[str, list[str]] = {}
        for (arm, _, _), keys in self.run_keys.items():
            for key in keys:
                fit = self.fits.get(key)
                if fit is not None and fit.done:
                    reason = fit.facts.get("diverged", "")
                    reasons.setdefault(arm, []).append(reason)
        sentences = []
        for arm, each in reasons.items():
            diverged = [reason for reason in each if reason]
            if diverged:
                sentences.append(
                    f"{len(diverged)} of {len(each)} fits of the arm {arm!r} diverged; the best "
                    f"epoch before is used. {diverged[0]}"
                )
        return sentences

    def failures(self, arm: str) -> list[str]:
        """Return why fits of an arm failed, each reason once."""
        reasons: dict[str, None] = {}
        for (name, _, _), keys in self.run_keys.items():
            if name != arm:
                continue
            for key in keys:
                if key in self.fits and not self.fits[key].done:
                    reasons[str(self.fits[key].facts["reason"])] = None
        return list(reasons)

    def _labels(self, task: str, fold: int) -> tuple[np.ndarray, np.ndarray]:
        labels: pd.DataFrame = self.protocol.question(task).labels(fold)
        return encode_labels(self.targets[task, fold], labels)
