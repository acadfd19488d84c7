"""The result of a study: metrics, gains and verdicts, computed from its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from multitide._checks import as_path, check_choice
from multitide._notebook import note, panel, table
from multitide.study import _archive as archive
from multitide.study.conditions._conditions import Conditions
from multitide.study.design._protocol import Question
from multitide.study.grouping._grouping import Grouping
from multitide.study.results._check_run import check_predicted, check_run
from multitide.study.results._evidence import Evidence
from multitide.study.results._gains import gain_rows, mean_gain_rows, metric_gain_rows
from multitide.study.results._scores import score_runs, summarise
from multitide.study.results._tables import (
    LOSS_TITLE,
    advice_sentences,
    aligned,
    gain_table,
    gain_title,
    loss_table,
)
from multitide.study.results._verdicts import MARGIN
from multitide.study.runs._run_facts import run_facts
from multitide.tasks import Task, task_names
from multitide.tasks._own_metric import Function, Metric

EFFORT = (
    "n_rows",
    "n_labelled_train",
    "n_labelled_validation",
    "n_parameters",
    "n_steps",
    "seconds",
)


@dataclass(frozen=True, repr=False)
class Comparison:
    """Which tasks gain from which arm, and how certain that is; made by :func:`multitide.compare`.

    Attributes
    ----------
    evidence : Evidence
        Protocol, runs and their predictions; everything else is computed from them.
    settings : dict of str to dict
        For each arm, the reference first, its ``groups`` of tasks and its ``settings`` as plain
        values.
    margin : float
        Smaller gains do not matter, in units of the trivial loss (the loss of the best constant).
    confidence : float
        Coverage of the intervals.
    facts : dict
        ``command`` that was typed, ``versions``, ``fingerprint`` of the data, ``n_samples``,
        ``seconds``, ``n_jobs`` and the like.
    groupings : dict of str to Grouping
        For each arm whose groups were found: the effects that they are based on.
    conditions : Conditions or None
        Whether the conditions hold under which sharing is said to help, if they were checked.
    """

    evidence: Evidence
    settings: Mapping[str, dict[str, Any]]
    margin: float = MARGIN
    confidence: float = 0.95
    facts: Mapping[str, Any] | None = None
    groupings: Mapping[str, Grouping] = field(default_factory=dict)
    conditions: Conditions | None = None

    # -- the design --------------------------------------------------------------------------------

    @property
    def tasks(self) -> list[Task]:
        """The tasks with their kinds."""
        return self.evidence.protocol.tasks

    @property
    def questions(self) -> list[Question]:
        """What is judged separately: the tasks, or "task @ data set" with several data sets."""
        return self.evidence.protocol.questions

    @property
    def arms(self) -> list[str]:
        """Names of the arms, the reference first."""
        return self.evidence.arm_names

    @property
    def reference(self) -> str:
        """The arm that all others are compared with."""
        return self.evidence.reference

    @property
    def baselines(self) -> list[str]:
        """The arms that are not networks."""
        names = []
        for arm in self.arms:
            if "baseline" in self.settings[arm]["settings"]:
                names.append(arm)
        return names

    @property
    def test(self) -> pd.DataFrame:
        """One row per test sample.

        Columns: ``row`` (number of the sample), ``fold``, ``group``, ``series`` and, if known,
        ``time``. With several data sets ``data`` comes first; rows and groups are numbered
        separately in each.
        """
        data = self.evidence.protocol.data
        if len(data) == 1:
            return data[0].test
        joined = pd.concat(
            [each.test.assign(data=each.name) for each in data], ignore_index=True
        )
        return joined[["data", *joined.columns.drop("data")]]

    @property
    def counts(self) -> pd.DataFrame:
        """Labelled samples: one row per fold and question, one column per set."""
        rows = []
        for fold in range(self.evidence.protocol.n_folds):
            for question in self.questions:
                rows.append(
                    {"task": question.name, **question.counts(fold), "fold": fold}
                )
        return pd.DataFrame(rows)

    @property
    def left_out(self) -> str:
        """What the budget left out, in words; "" if nothing."""
        return str((self.facts or {}).get("left_out", ""))

    # -- the results -------------------------------------------------------------------------------

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Every metric of every run on every fold.

        See :func:`multitide.study.results._scores.score_runs`.
        """
        return score_runs(self.evidence)

    @cached_property
    def figures(self) -> pd.DataFrame:
        """The metrics: one row per arm, task and metric.

        Columns: ``mean`` and ``sd`` (standard deviation) over seeds, ``trivial`` (the metric of the
        best constant), ``n_labelled``, ``n_seeds``, ``higher_is_better``.
        """
        return summarise(self.scores)

    @cached_property
    def gains(self) -> pd.DataFrame:
        """One row per task and arm: the gain over the reference, its interval and its verdict.

        Gains are in units of the trivial loss. See
        :func:`multitide.study.results._gains.gain_rows`.
        """
        return gain_rows(self.evidence, self.margin, self.confidence, self.baselines)

    @cached_property
    def mean_gains(self) -> pd.DataFrame:
        """One row per arm that has all tasks: the mean gain over tasks, and the mean rank."""
        return mean_gain_rows(
            self.evidence, self.margin, self.confidence, self.baselines
        )

    def against(self, reference: str) -> Comparison:
        """Return the same runs judged against another arm.

        Nothing is trained again.

        Parameters
        ----------
        reference : str
            One of :attr:`arms`. The present reference becomes an arm like the others.

        Returns
        -------
        Comparison
            What :func:`multitide.compare` returns with this ``reference``. p values are adjusted
            within each of the two comparisons.

        Raises
        ------
        ParameterError
            If the study has no such arm.
        """
        check_choice("reference", reference, self.arms)
        arms = sorted(self.arms, key=lambda arm: arm != reference)
        settings = {arm: self.settings[arm] for arm in arms}
        return replace(self, evidence=self.evidence.of(arms), settings=settings)

    def gains_in(
        self, metric: str | Metric | Function, task: str | None = None
    ) -> pd.DataFrame:
        """Return the gains in another metric, signed so that + is better.

        Parameters
        ----------
        metric : str, callable or Metric
            ``"accuracy"``, ``"rmse"``, ``"r2"``, ..., or one of your own, as in ``evaluate``.
            For metrics that are not a mean over samples, the variance over groups is a jackknife
            estimate, which takes longer.
        task : str, optional
            Only this one; needed for a metric of your own.
        """
        return metric_gain_rows(self.evidence, metric, self.confidence, task)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per fit of a run: its arm, seed, fold and tasks, its cost and its best epoch."""
        rows = []
        for (arm, seed, fold), keys in self.evidence.run_keys.items():
            for key in keys:
                place = {"arm": arm, "seed": seed, "fold": fold, "key": key}
                fit = self.evidence.fits.get(key)
                facts: Mapping[str, object] = {"status": "not run"}
                if fit is not None:
                    facts = fit.facts
                rows.append(place | run_facts(facts))
        return pd.DataFrame(rows)

    @cached_property
    def effort(self) -> pd.DataFrame:
        """One row per arm and task: labels and cost of its fits, mean over seeds and folds."""
        fits = self.runs[self.runs["status"] == "done"].explode(
            "tasks", ignore_index=True
        )
        for side in ("train", "validation"):
            counts = []
            for key, task in zip(fits["key"], fits["tasks"], strict=True):
                counts.append(self.evidence.fits[key].facts["n_labelled"][task][side])
            fits[f"n_labelled_{side}"] = counts
        means = fits.groupby(["arm", "tasks"], sort=False)[list(EFFORT)].mean()
        return means.reset_index().rename(columns={"tasks": "task"})

    def predictions(
        self, arm: str, task: str, seed: int = 0, fold: int = 0
    ) -> pd.DataFrame:
        """Return the predictions of one run for a fold's test samples.

        Returns
        -------
        DataFrame
            ``row`` (number of the sample), ``label``, ``predicted``, and for a classification one
            column of probabilities per class, named after the class. For a task with several
            columns, ``label COLUMN`` and ``predicted COLUMN`` of each.
        """
        check_predicted(self.evidence, arm, task, seed, fold)
        question = self.evidence.protocol.question(task)
        target = self.evidence.targets[task, fold]
        answers = self.evidence.answers(arm, task, seed, fold)
        rows = pd.DataFrame({"row": question.data.splits[fold].test})
        labels, predicted = question.labels(fold), target.to_frame(answers)
        columns = question.task.columns
        if len(columns) > 1:
            labels, predicted = (
                labels.add_prefix("label "),
                predicted.add_prefix("predicted "),
            )
            return pd.concat([rows, labels, predicted], axis=1)
        rows["label"] = labels[columns[0]]
        rows["predicted"] = predicted[columns[0]]
        classes = getattr(target, "classes", [])
        if not len(classes):
            return rows
        return pd.concat([rows, pd.DataFrame(answers, columns=classes)], axis=1)

    def history(self, arm: str, seed: int = 0, fold: int = 0) -> pd.DataFrame:
        """Return the training history of one run, with all its fits."""
        check_run(self.evidence, arm, seed, fold)
        fits = []
        for key in self.evidence.run_keys[arm, seed, fold]:
            fits.append(self.evidence.fits.get(key))
        tables = []
        for fit in fits:
            if fit is not None and len(fit.history):
                tables.append(fit.history)
        if tables:
            return pd.concat(tables, ignore_index=True)
        return pd.DataFrame()

    def results(self) -> pd.DataFrame:
        """Return metrics and gains in one table: one row per arm, task and metric.

        Gains stand in the rows of the metric "loss".
        """
        gains = self.gains.drop(columns=["n_seeds", "n_labelled"])
        gains = gains.assign(metric="loss", margin=self.margin)
        return self.figures.merge(
            gains, how="outer", on=["arm", "task", "metric"], sort=False
        )

    def __repr__(self) -> str:
        """Return the sizes; ``print`` shows gains and losses."""
        tasks = ", ".join(task_names(self.tasks))
        n_runs = len(self.runs)
        return (
            f"<Comparison: arms {', '.join(self.arms)}; tasks {tasks}; {n_runs} runs>"
        )

    def __str__(self) -> str:
        gains = gain_table(self.gains, self.mean_gains, self.margin)
        parts = [f"{gain_title(self.reference, self.confidence)}:", aligned(gains)]
        if notes := self._notes():
            parts.append("\n".join(notes))
        parts += [f"{LOSS_TITLE}:", aligned(loss_table(self.figures))]
        if self.conditions is not None:
            parts.append(str(self.conditions))
        if self.left_out:
            parts.append(self.left_out)
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        """Return what notebooks show: the same tables and sentences as ``print``."""
        gains = gain_table(self.gains, self.mean_gains, self.margin).to_dict("records")
        losses = loss_table(self.figures).to_dict("records")
        notes = self._notes()
        if self.left_out:
            notes.append(self.left_out)
        title = gain_title(self.reference, self.confidence)
        shown = panel(title, table(gains), *map(note, notes), table(losses, LOSS_TITLE))
        if self.conditions is None:
            return shown
        return shown + self.conditions._repr_html_()

    def _notes(self) -> list[str]:
        """Return what would give a verdict, which groups were found, and what diverged."""
        groups = []
        for arm, grouping in self.groupings.items():
            groups.append(f"{arm}: {grouping.advice}")
        return advice_sentences(self.gains) + groups + self.evidence.diverged()

    # -- keeping -----------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> Path:
        """Write the study: its runs, ``results.parquet``, ``runs.parquet``, and data to load it.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        conditions = None
        if self.conditions is not None:
            conditions = self.conditions.evidence, self.conditions.settings
        study = archive.StoredStudy(
            evidence=self.evidence,
            settings=self.settings,
            margin=self.margin,
            confidence=self.confidence,
            facts=self.facts,
            groupings=self.groupings,
            conditions=conditions,
        )
        place = as_path("folder", folder)
        archive.save(place, study, self.results(), self.runs)
        return place

    @classmethod
    def load(cls, folder: str | Path) -> Comparison:
        """Read a study; metrics and gains are computed again from its runs.

        Raises
        ------
        StoreError
            If the folder has no study, or one that is damaged or of another schema version.
        """
        study = archive.load(as_path("folder", folder))
        conditions = None
        if study.conditions is not None:
            evidence, settings = study.conditions
            conditions = Conditions(evidence, settings, study.margin, study.confidence)
        return cls(
            evidence=study.evidence,
            settings=study.settings,
            margin=study.margin,
            confidence=study.confidence,
            facts=study.facts,
            groupings=study.groupings,
            conditions=conditions,
        )
