"""The conditions under which sharing a network is said to help, checked on the user's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from multitide._notebook import note, panel, table
from multitide.data._split import Split
from multitide.study.conditions._arms import (
    ALONE,
    RANDOM,
    TOGETHER,
    WIDE_ALONE,
    WIDE_TOGETHER,
    features_of,
    source_of,
)
from multitide.study.conditions._sentences import (
    features_words,
    labels_words,
    width_words,
)
from multitide.study.results._evidence import Evidence
from multitide.study.results._gains import contrast_rows, gain_rows
from multitide.study.results._tables import aligned
from multitide.study.results._verdicts import CANNOT_TELL, HELPS, HURTS, MARGIN, SAME
from multitide.tasks import labelled

SIMILAR = 3.0  # up to this ratio, two tasks have similar amounts of labels
MET, NOT_MET = "met", "not met"
TITLES = {
    "features": "Tasks share low-level features",
    "labels": "Tasks have similar amounts of labels",
    "network": "The network is big enough for all tasks",
}
NO_WIDTH = "Not checked: the backbone has no width."
ALL_TASKS = "(all)"


@dataclass(frozen=True, repr=False)
class Conditions:
    """Whether three conditions hold under which sharing a network is said to help.

    Made by :func:`multitide.check_conditions`.

    - **Shared low-level features**: a network that was trained on *another* task is frozen, and a
      linear head is trained on its features. Is it better than a head on the features of a random
      network, and how close is it to the task's own features?
    - **Similar amounts of labels**: the labelled training samples of each task.
    - **A network that is big enough**: does the gain of sharing change with twice the units in
      every layer?

    These explain a gain or its absence. Whether sharing helps is what the gain itself shows.

    Attributes
    ----------
    evidence : Evidence
        Protocol, runs and predictions of the arms that check the conditions.
    settings : dict of str to dict
        For each of these arms its ``groups`` and ``settings``.
    margin, confidence : float
        As in :func:`multitide.compare`.
    """

    evidence: Evidence
    settings: Mapping[str, dict[str, Any]]
    margin: float = MARGIN
    confidence: float = 0.95

    @cached_property
    def features(self) -> pd.DataFrame:
        """The gain of each source's features over random features, for each task.

        One row per task and source: ``task``, ``source``, the gain with its interval and verdict as
        in ``Comparison.gains`` (p values adjusted for the number of sources), and ``reached``: the
        gain / the gain of the task's own features, NaN if these are no better than random ones.
        """
        sources = []
        for task in self.evidence.protocol.names:
            sources.append(features_of(task))
        gains = gain_rows(
            self.evidence.of([RANDOM, *sources]), self.margin, self.confidence
        )
        gains["source"] = gains.pop("arm").map(source_of)
        own = gains[gains["task"] == gains["source"]].set_index("task")
        own_gain = own["gain"].where(own["verdict"] == HELPS)
        gains["reached"] = gains["gain"] / gains["task"].map(own_gain)
        return gains[["task", "source", *gains.columns.drop(["task", "source"])]]

    @cached_property
    def labels(self) -> pd.DataFrame:
        """The labels of each task, means over folds.

        One row per task: ``train``, ``validation`` and ``test`` (labelled samples), ``times_fewer``
        (the most training labels of any task / its own), ``others`` (training labels of all other
        tasks together), ``overlap`` (fraction of its labelled training samples that have a label of
        another task).
        """
        protocol = self.evidence.protocol
        known = labelled(protocol.tasks, protocol.only.y)
        counts = []
        for split in protocol.only.splits:
            counts.append(_label_counts(known, split))
        means = sum(counts) / len(counts)
        means["times_fewer"] = means["train"].max() / means["train"]
        means["others"] = means["train"].sum() - means["train"]
        columns = ["train", "validation", "test", "times_fewer", "others", "overlap"]
        return means[columns].rename_axis("task").reset_index()

    @cached_property
    def width(self) -> pd.DataFrame:
        """How the gain of sharing changes with twice the width; empty if the backbone has no width.

        One row per task: ``before`` and ``wide`` (the gain of sharing in the network as it is and
        in the wider one), ``gain`` (their paired difference) with its interval and verdict as in
        ``Comparison.gains``.
        """
        if WIDE_TOGETHER not in self.evidence.tasks_of:
            columns = [
                "task",
                "before",
                "wide",
                "gain",
                "low",
                "high",
                "verdict",
                "advice",
            ]
            return pd.DataFrame(columns=columns)
        signs = {WIDE_ALONE: 1.0, WIDE_TOGETHER: -1.0, ALONE: -1.0, TOGETHER: 1.0}
        change = contrast_rows(
            self.evidence, signs, self.margin, self.confidence, WIDE_TOGETHER
        )
        change = change.drop(columns="arm")
        tasks = change["task"]
        change.insert(1, "before", tasks.map(self._gain_of(TOGETHER, ALONE)))
        change.insert(2, "wide", tasks.map(self._gain_of(WIDE_TOGETHER, WIDE_ALONE)))
        return change

    def _gain_of(self, arm: str, reference: str) -> pd.Series:
        evidence = self.evidence.of([reference, arm])
        return gain_rows(evidence, self.margin, self.confidence).set_index("task")[
            "gain"
        ]

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """Whether each condition holds.

        Columns: ``condition``, ``task`` ("" for all), ``verdict``, ``words``.

        The verdict is "met", "not met" or "cannot tell". Features: met if those of another task are
        better than random ones, not met if those of no other task are. Labels: met if no task has
        more than three times the labels of another. Network: met if sharing does not gain more in a
        wider one, not met if it does.
        """
        rows = []
        for task, of_task in self.features.groupby("task", sort=False):
            others = of_task[of_task["source"] != task]
            rows.append(
                ("features", task, _features_verdict(others), features_words(others))
            )
        is_similar = float(self.labels["times_fewer"].max()) <= SIMILAR
        if is_similar:
            verdict = MET
        else:
            verdict = NOT_MET
        rows.append(("labels", "", verdict, labels_words(self.labels, SIMILAR)))
        for row in self.width.to_dict("records"):
            verdict = WIDTH_VERDICTS.get(row["verdict"], CANNOT_TELL)
            rows.append(("network", row["task"], verdict, width_words(row)))
        return pd.DataFrame(rows, columns=["condition", "task", "verdict", "words"])

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the verdicts as text, by title of the condition.

        Columns: ``task``, ``verdict``, ``because``.
        """
        verdicts = self.verdicts.rename(columns={"words": "because"})
        verdicts = verdicts.replace({"task": {"": ALL_TASKS}})
        tables = {}
        for condition, rows in verdicts.groupby("condition", sort=False):
            tables[TITLES[str(condition)]] = rows[["task", "verdict", "because"]]
        return tables

    def __repr__(self) -> str:
        """Return the verdicts; ``print`` shows why."""
        found = []
        for row in self.verdicts.to_dict("records"):
            task = f" for {row['task']}" if row["task"] else ""
            found.append(f"{row['condition']}{task}: {row['verdict']}")
        return f"<Conditions: {'; '.join(found)}>"

    def __str__(self) -> str:
        parts = []
        for title, rows in self.tables().items():
            parts.append(f"{title}:\n\n{aligned(rows)}")
        if self.width.empty:
            parts.append(f"{TITLES['network']}:\n\n{NO_WIDTH}")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        """Return what notebooks show: whether each condition holds, and why."""
        parts = []
        for title, rows in self.tables().items():
            parts.append(panel(title, table(rows.to_dict("records"))))
        if self.width.empty:
            parts.append(panel(TITLES["network"], note(NO_WIDTH)))
        return "".join(parts)


# A wider network from which sharing gains more shows that this one is too small.
WIDTH_VERDICTS = {HELPS: NOT_MET, SAME: MET, HURTS: MET}


def _label_counts(labels: pd.DataFrame, split: Split) -> pd.DataFrame:
    """Return one row per task: labelled samples of each set, and the overlap with other tasks."""
    counts = split.counts(labels)[["train", "validation", "test"]].astype(float)
    known = labels.iloc[split.train].notna().to_numpy()
    has_several = known.sum(axis=1) > 1
    n_shared = (known & has_several[:, None]).sum(axis=0)
    return counts.assign(overlap=n_shared / np.maximum(known.sum(axis=0), 1))


def _features_verdict(others: pd.DataFrame) -> str:
    verdicts = set(others["verdict"])
    if HELPS in verdicts:
        return MET
    if verdicts <= {SAME, HURTS}:
        return NOT_MET
    return CANNOT_TELL
