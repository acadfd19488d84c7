"""The result of a study: figures, gains and verdicts, computed from the runs that it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from multitide._checks import check_choice
from multitide._notebook import note, panel, table
from multitide.study import _archive as archive
from multitide.study.conditions._conditions import Conditions
from multitide.study.design._protocol import Question
from multitide.study.grouping._grouping import Grouping
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
from multitide.tasks import Task


@dataclass(frozen=True)
class Comparison:
    """Which tasks gain by which arm, and how sure that is; made by :func:`multitide.compare`.

    Attributes
    ----------
    evidence : Evidence
        Protocol, runs and their answers; everything else is computed from it.
    settings : dict of str to dict
        For each arm, the reference first, its ``groups`` of tasks and its ``settings`` as plain
        values.
    margin : float
        Gains smaller than this do not matter, in units of the trivial loss.
    confidence : float
        Coverage of the intervals.
    facts : dict
        ``command`` that was typed, ``versions``, ``fingerprint`` of the data, ``n_samples``,
        ``seconds``, ``n_jobs`` and the like.
    groupings : dict of str to Grouping
        For each arm whose groups were found: what they were found by.
    conditions : Conditions or None
        Whether the conditions hold under which sharing is said to pay, if that was asked for.
    """

    evidence: Evidence
    settings: Mapping[str, dict[str, Any]]
    margin: float = MARGIN
    confidence: float = 0.95
    facts: Mapping[str, Any] | None = None
    groupings: Mapping[str, Grouping] = field(default_factory=dict)
    conditions: Conditions | None = None

    # -- what was asked ----------------------------------------------------------------------------

    @property
    def tasks(self) -> list[Task]:
        """The tasks with their kinds."""
        return self.evidence.protocol.tasks

    @property
    def questions(self) -> list[Question]:
        """What is judged by itself, the tasks; with several data sets each task on each one, "task @ data set"."""
        return self.evidence.protocol.questions

    @property
    def arms(self) -> list[str]:
        """Names of the arms, the reference first."""
        return self.evidence.arm_names

    @property
    def reference(self) -> str:
        """The arm that gains are measured against."""
        return self.evidence.reference

    @property
    def test(self) -> pd.DataFrame:
        """One row a test row: ``row`` (number of the sample), ``fold``, ``group``, ``series``, perhaps ``time``.

        With several data sets ``data`` comes first; rows and groups are numbered in each.
        """
        data = self.evidence.protocol.data
        if len(data) == 1:
            return data[0].test
        return pd.concat([each.test.assign(data=each.name) for each in data], ignore_index=True)[
            ["data", *dict.fromkeys(column for each in data for column in each.test)]
        ]

    @property
    def counts(self) -> pd.DataFrame:
        """Labelled rows: one row a fold and question, one column a side."""
        rows = [
            {"task": asked.name, **asked.counts(fold), "fold": fold}
            for fold in range(self.evidence.protocol.n_folds)
            for asked in self.questions
        ]
        return pd.DataFrame(rows)

    @property
    def left_out(self) -> str:
        """What a budget left out, and how to go on, in words; "" if nothing was."""
        return str((self.facts or {}).get("left_out", ""))

    # -- what came out -----------------------------------------------------------------------------

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Every figure of every run on every fold: see :func:`multitide.study.results._scores.score_runs`."""
        return score_runs(self.evidence)

    @cached_property
    def figures(self) -> pd.DataFrame:
        """One row an arm, task and metric: ``mean`` and ``sd`` over seeds, ``trivial``, ``n_labelled``, ``n_seeds``."""
        return summarise(self.scores)

    @cached_property
    def gains(self) -> pd.DataFrame:
        """One row a task and arm: the gain in units of the trivial loss, its interval, and the verdict."""
        return gain_rows(self.evidence, self.margin, self.confidence)

    @cached_property
    def mean_gains(self) -> pd.DataFrame:
        """One row an arm that answers all tasks: the mean gain over tasks, its interval and verdict, the mean rank."""
        return mean_gain_rows(self.evidence, self.margin, self.confidence)

    def against(self, reference: str) -> Comparison:
        """Return the same runs judged against another arm: gains, intervals and verdicts anew, without a new fit.

        Parameters
        ----------
        reference : str
            One of :attr:`arms`; the former reference becomes an arm like the others.

        Returns
        -------
        Comparison
            As :func:`multitide.compare` would have given with this ``reference``. p values are
            adjusted for the arms of each of the two comparisons by itself.

        Raises
        ------
        ParameterError
            If the study has no such arm.
        """
        check_choice("reference", reference, self.arms)
        arms = sorted(self.arms, key=lambda arm: arm != reference)
        settings = {arm: self.settings[arm] for arm in arms}
        return replace(self, evidence=self.evidence.of(arms), settings=settings)

    def gains_in(self, metric: str) -> pd.DataFrame:
        """Return the gains in another figure, signed so that plus is better.

        Parameters
        ----------
        metric : str
            ``"accuracy"``, ``"rmse"``, ``"r2"``, ... Figures that are no mean over rows take the
            group part of their variance from a jackknife, which measures each of them many times.
        """
        return metric_gain_rows(self.evidence, metric, self.confidence)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row a fit of a run: which arm, seed, fold and tasks, and what it saw, took and chose."""
        rows = []
        for (arm, seed, fold), keys in self.evidence.run_keys.items():
            for key in keys:
                fit = self.evidence.fits.get(key)
                facts: Mapping[str, Any] = {"status": "not run"} if fit is None else fit.facts
                rows.append(
                    {"arm": arm, "seed": seed, "fold": fold, "key": key} | _run_facts(facts)
                )
        return pd.DataFrame(rows)

    @cached_property
    def effort(self) -> pd.DataFrame:
        """One row an arm and task: what its fits saw and took, mean over seeds and folds."""
        fits = self.runs[self.runs["status"] == "done"].explode("tasks")
        places = fits[["arm", "tasks", "seed", "fold", "key"]].itertuples(index=False)
        fits = fits[np.array([self._answers(*place) for place in places], dtype=bool)]
        found = [
            self.evidence.fits[key].facts["n_labelled"][task]
            for key, task in zip(fits["key"], fits["tasks"], strict=True)
        ]
        for side in ("train", "validation"):
            fits[f"n_labelled_{side}"] = [count[side] for count in found]
        numbers = [
            "n_rows",
            "n_labelled_train",
            "n_labelled_validation",
            "n_parameters",
            "n_steps",
            "seconds",
        ]
        table = fits.groupby(["arm", "tasks"], sort=False)[numbers].mean().reset_index()
        return table.rename(columns={"tasks": "task"})

    def _answers(self, arm: str, task: str, seed: int, fold: int, key: str) -> bool:
        """Say whether a fit answers a task in a run, and is not one in which the task only helps others."""
        fit = self.evidence.fit(arm, task, seed, fold)
        return fit is not None and fit.key == key

    def predictions(self, arm: str, task: str, seed: int = 0, fold: int = 0) -> pd.DataFrame:
        """Return what one run answered on a fold's test rows.

        Returns
        -------
        DataFrame
            ``row`` (number of the sample), ``label``, ``predicted``, and for a classification a
            column of probabilities for every class, named by the class. Of a task that owns several
            columns, ``label`` and ``predicted`` are those of each column, ``label COLUMN`` and
            ``predicted COLUMN``.
        """
        asked, target = self.evidence.protocol.question(task), self.evidence.targets[task, fold]
        decoded = self.evidence.answers(arm, task, seed, fold)
        table = pd.DataFrame({"row": asked.data.splits[fold].test})
        pair = {"label": asked.labels(fold), "predicted": target.to_frame(decoded)}
        columns = asked.task.columns
        if len(columns) > 1:
            return pd.concat(
                [table, *(frame.add_prefix(f"{word} ") for word, frame in pair.items())], axis=1
            )
        for word, frame in pair.items():
            table[word] = frame[columns[0]]
        classes = getattr(target, "classes", [])
        return (
            pd.concat([table, pd.DataFrame(decoded, columns=classes)], axis=1)
            if len(classes)
            else table
        )

    def history(self, arm: str, seed: int = 0, fold: int = 0) -> pd.DataFrame:
        """Return the training history of one run, all its fits one below the other."""
        fits = [self.evidence.fits.get(key) for key in self.evidence.run_keys[arm, seed, fold]]
        tables = [fit.history for fit in fits if fit is not None and len(fit.history)]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    def results(self) -> pd.DataFrame:
        """Return figures and gains in one table: one row an arm, task and metric; gains stand at the loss."""
        gains = self.gains.drop(columns=["n_seeds", "n_labelled"]).assign(
            metric="loss", margin=self.margin
        )
        return self.figures.merge(gains, how="outer", on=["arm", "task", "metric"], sort=False)

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
        notes = [*self._notes(), self.left_out] if self.left_out else self._notes()
        title = gain_title(self.reference, self.confidence)
        shown = panel(title, table(gains), *map(note, notes), table(losses, LOSS_TITLE))
        if self.conditions is None:
            return shown
        return shown + self.conditions._repr_html_()

    def _notes(self) -> list[str]:
        """Return what would give a verdict, and which groups were found."""
        groups = [f"{arm}: {grouping.advice}" for arm, grouping in self.groupings.items()]
        return advice_sentences(self.gains) + groups

    # -- keeping -----------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> Path:
        """Write the study: its runs, ``results.parquet``, ``runs.parquet``, and what :meth:`load` needs.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        says = {name: getattr(self, name) for name in ("settings", "margin", "confidence", "facts")}
        says["groupings"] = {arm: grouping.to_config() for arm, grouping in self.groupings.items()}
        asked = {} if self.conditions is None else {"conditions": self.conditions.evidence}
        says |= {
            name: {"settings": self.conditions.settings}
            for name in asked
            if self.conditions is not None
        }
        return archive.save(Path(folder), self.evidence, says, self.results(), self.runs, asked)

    @classmethod
    def load(cls, folder: str | Path) -> Comparison:
        """Read a study; its figures and gains are computed anew from its runs.

        Raises
        ------
        StoreError
            If the folder holds no study, or one that is damaged or was written by a newer
            multitide.
        """
        content = archive.load(Path(folder))
        content["groupings"] = {
            arm: Grouping.from_config(plain) for arm, plain in content["groupings"].items()
        }
        shared = {name: content[name] for name in ("margin", "confidence")}
        asked = content.pop("conditions", None)
        return cls(**content, conditions=None if asked is None else Conditions(**asked, **shared))


def _run_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a table of runs says of a fit."""
    plain = (
        "status",
        "reason",
        "tasks",
        "seconds",
        "random_state",
        "n_rows",
        "n_parameters",
        "n_steps",
        "n_trees",
    )
    losses = facts.get("validation_loss") or {}
    return {name: facts.get(name) for name in plain} | {
        "best_epoch": facts.get("best_epoch"),
        "validation_loss": float(np.mean(list(losses.values()))) if losses else np.nan,
    }
