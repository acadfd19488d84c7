"""The result of a search: its trials, the best of them, and what that one and the start reach on the test part."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from multitide._estimator import MultiTaskEstimator
from multitide.errors import StoreError
from multitide.study._archive import write_table
from multitide.tuning._sampler import importances
from multitide.tuning._settings import brief, with_settings
from multitide.tuning._space import Space
from multitide.tuning._trials import Trial

START, TUNED = "start", "tuned"


@dataclass(frozen=True)
class Tuning:
    """What :func:`multitide.tune` found.

    Attributes
    ----------
    trials : list of Trial
        In order; the first is the configuration that the search started from.
    space : Space
        What was searched.
    start : MultiTaskEstimator
        The configuration that the search started from, not fitted.
    metrics : DataFrame
        Figures of the test part of the start and of the best trial, each measured once: ``which``
        ("start", "tuned"), and the columns of :meth:`MultiTaskEstimator.evaluate`. Only the start,
        if nothing was better.
    facts : dict
        ``n_validation`` and ``n_test`` (labelled rows of each task), ``seconds``, ``n_jobs``,
        ``command``, ``seed`` and the like.
    """

    trials: list[Trial]
    space: Space
    start: MultiTaskEstimator
    metrics: pd.DataFrame
    facts: Mapping[str, Any]

    @cached_property
    def best(self) -> Trial:
        """The finished trial with the least validation loss; the earliest of equals."""
        done = [trial for trial in self.trials if trial.state == "done"]
        return min(done, key=lambda trial: (trial.loss, trial.number))

    @property
    def settings(self) -> dict[str, Any]:
        """The best trial's parameters of the estimator, as a configuration writes them; none if the start is best."""
        return brief(self.best.settings) if self.best.number else {}

    def estimator(self) -> MultiTaskEstimator:
        """Return an estimator with the best settings, not fitted."""
        return with_settings(self.start, self.best.settings)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a trial: its facts, and a column a dimension of the space."""
        rows = []
        for trial in self.trials:
            facts = {name: getattr(trial, name) for name in _COLUMNS}
            rows.append(
                facts | {d.name: _cell(trial.params.get(d.name)) for d in self.space.dimensions}
            )
        return pd.DataFrame(rows)

    @cached_property
    def importances(self) -> dict[str, float]:
        """Share of the validation loss's variance that each dimension explains; only those that every trial has."""
        return importances(self.space, self.trials)

    def best_trials(self, n: int = 10) -> pd.DataFrame:
        """Return the best finished trials, best first, with their gain over the start."""
        start = self.trials[0]
        done = sorted(
            (t for t in self.trials if t.state == "done"),
            key=lambda trial: (trial.loss, trial.number),
        )
        return pd.DataFrame(
            [
                {
                    "trial": trial.number,
                    "loss": trial.loss,
                    "gain": start.loss - trial.loss,
                    "changes": changes(trial, start),
                    "parameters": trial.n_parameters,
                    "epochs": trial.n_epochs,
                    "seconds": trial.seconds,
                }
                for trial in done[:n]
            ]
        )

    def test_losses(self) -> dict[str, float]:
        """Return the mean over tasks of the test loss, in units of the trivial loss, of the start and of the tuned."""
        losses = self.metrics[self.metrics["metric"] == "loss"]
        return {
            str(which): float(found["value"].mean())
            for which, found in losses.groupby("which", sort=False)
        }

    def in_words(self) -> str:
        """Say what the search is worth, and what it is not."""
        counts = pd.Series([trial.state for trial in self.trials]).value_counts()
        n, n_done = len(self.trials), int(counts["done"])
        fewest = min(self.facts["n_validation"].values())
        start, best, test = self.trials[0], self.best, self.test_losses()
        if not best.number:
            return (
                f"None of {n - 1} trials had a lower validation loss than the start, {start.loss:.4f}; it is kept. "
                f"On the test part its loss is {test[START]:.4f}."
            )
        gain, promised = test[START] - test[TUNED], start.loss - best.loss
        return (
            f"Trial {best.number} has the lowest validation loss of {n_done} that were trained to their end: "
            f"{best.loss:.4f}, the start {start.loss:.4f}. It was chosen by this figure (of at least {fewest} labelled "
            f"rows a task), which flatters it: the more trials, the more. The test part took no part in the choice "
            f"and was measured once for both: {test[TUNED]:.4f}, the start {test[START]:.4f}. So a gain of "
            f"{promised:+.4f} on validation is one of {gain:+.4f} on test, of one network each, with one seed."
        )

    @property
    def headline(self) -> str:
        """One line about the best configuration."""
        if not self.best.number:
            return f"The start: none of {len(self.trials) - 1} other trials had a lower validation loss."
        return (
            f"Trial {self.best.number} is the best of {len(self.trials)}: validation loss {self.best.loss:.4f}, "
            f"that of the start {self.trials[0].loss:.4f} (in units of the trivial loss)."
        )

    def save(self, folder: str | Path) -> Path:
        """Write ``trials.parquet`` and ``metrics.parquet``, for others to read.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_table(self.table, folder / "trials.parquet")
            write_table(self.metrics, folder / "metrics.parquet")
        except OSError as error:
            raise StoreError(
                f"`folder` must be a place that can be written; got {str(folder)!r} ({error})."
            ) from error
        return folder

    def __str__(self) -> str:
        return f"{self.best_trials().to_string(index=False)}\n\n{self.in_words()}"


_COLUMNS = [
    f.name
    for f in dataclasses.fields(Trial)
    if f.name not in ("params", "settings", "losses", "curve")
]


def changes(trial: Trial, start: Trial) -> str:
    """Say where a trial's values differ from the start's."""
    kept = {
        name: value
        for name, value in trial.params.items()
        if start.params.get(name, _ABSENT) != value
    }
    return ", ".join(f"{name} = {_short(value)}" for name, value in kept.items()) or "nothing"


_ABSENT = object()


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else str(value)


def _cell(value: Any) -> Any:
    """Return a value as a cell of a table whose columns have one type each."""
    return value if isinstance(value, (int, float)) or value is None else str(value)
