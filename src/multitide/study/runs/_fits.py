"""One fit of a study: what is known about it, and its answers on the test set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from multitide.study.design._baselines import BaselineFacts


class FitFacts(BaselineFacts, total=False):
    """What is known about a fit, as plain values that are stored as JSON.

    Those of a baseline are in :class:`BaselineFacts`.

    Attributes
    ----------
    status : {"done", "failed"}
    reason : str
        Why it failed; "" if it is done.
    tasks : list of str
        The questions: tasks, or "task @ data set" if there are several data sets.
    seed, fold : int
    settings : dict
        The settings of the learner.
    classes : dict of str to list
        The classes of each classification.
    random_state : int
        The seed of the network.
    n_rows : int
        Number of training rows with a label.
    n_labelled : dict of str to dict of str to int
        Number of labelled rows by question and set.
    n_parameters, n_steps : int
        Of the network, and of its training.
    diverged : str
        Why training has stopped before its end; "" if it has not. The best epoch before is used.
    seconds : float
        How long the fit took.
    best_epoch : dict of str to int
    validation_loss : dict of str to float
        By task, at its best epoch.
    weights : dict of str to dict of str to float
        By question, the weights of the members of an ensemble.
    thresholds : dict of str to list
        By question with a rule, the thresholds that its validation set has chosen; None: 0.5.
    affinity : dict of str to list
        Affinities, cosines and gradient norms, if they were recorded.
    warnings : list of str
    versions : dict of str to str
        Versions of the packages.
    """

    status: Literal["done", "failed"]
    reason: str
    tasks: list[str]
    seed: int
    fold: int
    settings: dict[str, Any]
    classes: dict[str, list[Any]]
    random_state: int | None
    n_rows: int
    n_labelled: dict[str, dict[str, int]]
    n_parameters: int
    n_steps: int
    diverged: str
    seconds: float
    best_epoch: dict[str, int]
    validation_loss: dict[str, float]
    weights: dict[str, dict[str, float]]
    thresholds: dict[str, list[float | None]]
    affinity: dict[str, list[Any]]
    warnings: list[str]
    versions: dict[str, str]


@dataclass(frozen=True)
class Fit:
    """A fit that is done, or that failed.

    Attributes
    ----------
    key : str
        The key of its job.
    facts : FitFacts
    answers : dict of str to ndarray
        For each question numbers (n_test,) or probabilities (n_test, n_classes) on the fold's test
        rows.
    history : DataFrame
        The training history; empty for a baseline.
    """

    key: str
    facts: FitFacts
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    history: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def done(self) -> bool:
        """Whether it has answers."""
        return self.facts["status"] == "done"
