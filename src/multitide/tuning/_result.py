"""The result of a search: its trials, the best of them, and its metrics on the test set."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from multitide._checks import as_path
from multitide._claim_folder import claim_folder
from multitide._estimator import MultiTaskEstimator
from multitide._folder_kinds import SEARCH_FORMAT
from multitide._result_folder import writable
from multitide.data._write_table import write_table
from multitide.tuning._sampler import importances
from multitide.tuning._settings import Settings, brief, with_settings
from multitide.tuning._space import Space
from multitide.tuning._trials import Trial

START, TUNED = "start", "tuned"
NOT_IN_TABLE = ("params", "settings", "losses", "curve")


@dataclass(frozen=True, repr=False)
class Tuning:
    """The result of :func:`multitide.tune`.

    Attributes
    ----------
    trials : list of Trial
        In order; the first is the configuration that the search started from.
    space : Space
        The searched parameters and their ranges.
    start : MultiTaskEstimator
        The configuration that the search started from, not fitted.
    metrics : DataFrame
        Metrics on the test set of the start and of the best trial, each measured once: ``which``
        ("start", "tuned"), and the columns of :meth:`MultiTaskEstimator.evaluate`. Only the start,
        if no trial was better.
    facts : dict
        ``n_validation`` and ``n_test`` (labelled samples per task), ``seconds``, ``n_jobs``,
        ``command`` and others.
    """

    trials: list[Trial]
    space: Space
    start: MultiTaskEstimator
    metrics: pd.DataFrame
    facts: Mapping[str, Any]

    @cached_property
    def done(self) -> list[Trial]:
        """The trials that were trained to the end, best first; equals by number."""
        done = [trial for trial in self.trials if trial.state == "done"]
        return sorted(done, key=lambda trial: (trial.loss, trial.number))

    @property
    def best(self) -> Trial:
        """The trial with the lowest validation loss."""
        return self.done[0]

    @property
    def settings(self) -> Settings:
        """The best trial's settings, as a configuration writes them; empty if the start is best."""
        if self.best.number:
            return brief(self.best.settings)
        return {}

    def estimator(self) -> MultiTaskEstimator:
        """Return an estimator with the best settings, not fitted."""
        return with_settings(self.start, self.best.settings)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per trial, with its result and a column per dimension of the space."""
        columns = []
        for field in dataclasses.fields(Trial):
            columns.append(field.name)
        rows = []
        for trial in self.trials:
            row = {}
            for name in columns:
                if name not in NOT_IN_TABLE:
                    row[name] = getattr(trial, name)
            for name in self.space.ranges:
                row[name] = _cell(trial.params.get(name))
            rows.append(row)
        return pd.DataFrame(rows)

    @cached_property
    def importances(self) -> dict[str, float]:
        """Share of the validation loss's variance that each dimension explains.

        Only dimensions that every finished trial has; empty with fewer than ten of those.
        """
        return importances(self.space, self.trials)

    def best_trials(self, n: int = 10) -> pd.DataFrame:
        """Return the best finished trials, best first, with their gain over the start."""
        start = self.trials[0]
        rows = []
        for trial in self.done[:n]:
            rows.append(
                {
                    "trial": trial.number,
                    "loss": trial.loss,
                    "gain": start.loss - trial.loss,
                    "changes": changes(trial, start),
                    "parameters": trial.n_parameters,
                    "epochs": trial.n_epochs,
                    "seconds": trial.seconds,
                }
            )
        return pd.DataFrame(rows)

    def test_losses(self) -> dict[str, float]:
        """Return the test loss of "start" and "tuned", mean over tasks, over the trivial loss."""
        losses = self.metrics[self.metrics["metric"] == "loss"]
        means = losses.groupby("which", sort=False)["value"].mean()
        by_which = {}
        for which, mean in means.items():
            by_which[str(which)] = float(mean)
        return by_which

    def in_words(self) -> str:
        """Describe the result, and how far it can be trusted."""
        start, best, test = self.trials[0], self.best, self.test_losses()
        if not best.number:
            return (
                f"None of {len(self.trials) - 1} trials had "
                "a lower validation loss than the start "
                f"({start.loss:.4f}), so the start is kept. "
                f"Its loss on the test set is {test[START]:.4f}."
            )
        fewest = min(self.facts["n_validation"].values())
        promised, gain = start.loss - best.loss, test[START] - test[TUNED]
        return (
            f"Trial {best.number} has the lowest validation loss of "
            f"{len(self.done)} trials that were trained to the end: "
            f"{best.loss:.4f} (start: {start.loss:.4f}). "
            f"This loss, of at least {fewest} labelled samples per "
            "task, is optimistic because the trial was chosen by it; "
            "more trials make it more optimistic. "
            "The test set played no role in the "
            "choice and was used once for both: "
            f"{test[TUNED]:.4f} (start: {test[START]:.4f}). "
            f"The gain is {promised:+.4f} on the validation "
            f"set and {gain:+.4f} on the test set, measured "
            "with one network and one seed each."
        )

    @property
    def headline(self) -> str:
        """One line about the best configuration."""
        start, best, n = self.trials[0], self.best, len(self.trials)
        if not best.number:
            return (
                f"The start: none of {n - 1} other trials had a lower validation loss."
            )
        return (
            f"Trial {best.number} is the best of {n}: "
            f"validation loss {best.loss:.4f}, start "
            f"{start.loss:.4f} (in units of the trivial loss)."
        )

    def save(self, folder: str | Path) -> Path:
        """Write ``trials.parquet`` and ``metrics.parquet``.

        Raises
        ------
        StoreError
            If the folder holds anything but a search, or cannot be written.
        """
        folder = as_path("folder", folder)
        claim_folder(folder, SEARCH_FORMAT)
        with writable(folder):
            write_table(self.table, folder / "trials.parquet")
            write_table(self.metrics, folder / "metrics.parquet")
        return folder

    def __repr__(self) -> str:
        """Return the headline; ``print`` shows the best trials."""
        return f"<Tuning: {self.headline}>"

    def __str__(self) -> str:
        return f"{self.best_trials().to_string(index=False)}\n\n{self.in_words()}"


def changes(trial: Trial, start: Trial) -> str:
    """Describe where a trial's values differ from the start's."""
    parts = []
    for name, value in trial.params.items():
        if name in start.params and start.params[name] == value:
            continue
        if isinstance(value, float):
            short = f"{value:.3g}"
        else:
            short = str(value)
        parts.append(f"{name} = {short}")
    return ", ".join(parts) or "nothing"


def _cell(value: object) -> object:
    """Return a value as a cell of a table whose columns have one type each."""
    if value is None or isinstance(value, int | float):
        return value
    return str(value)
