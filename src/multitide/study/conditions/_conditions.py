"""The conditions under which tasks are said to gain by sharing a network, each checked on the user's own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from multitide._notebook import note, panel, table
from multitide.study.conditions._arms import (
    ALONE,
    RANDOM,
    TOGETHER,
    WIDE_ALONE,
    WIDE_TOGETHER,
    features_of,
    source_of,
)
from multitide.study.results._evidence import Evidence
from multitide.study.results._gains import contrast_rows, gain_rows
from multitide.study.results._tables import aligned
from multitide.study.results._verdicts import CANNOT_TELL, HELPS, MARGIN, SAME
from multitide.tasks import labelled

SIMILAR = 3.0  # a task with so many times the labels of another has more than a similar amount
MET, NOT_MET = "met", "not met"
TITLES = {
    "features": "Tasks share low-level features",
    "labels": "Tasks have similar amounts of labels",
    "network": "The network is big enough for all tasks",
}
NO_WIDTH = "Not checked: the backbone has no width."


@dataclass(frozen=True)
class Conditions:
    """Whether three conditions hold under which sharing is said to pay; made by :func:`multitide.check_conditions`.

    - **Shared low-level features**: a network that learned *another* task is frozen, and a linear
      head reads its features; does it answer the task better than a head on a random network's
      features, and how near does it come to the task's own?
    - **Similar amounts of labels**: labelled training rows of each task.
    - **A network big enough**: does the gain of sharing change when every layer has twice the
      units?

    They explain a gain or its absence; whether sharing pays is what the gain itself says.

    Attributes
    ----------
    evidence : Evidence
        Protocol, runs and answers of the arms that ask; everything else is computed from it.
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
        """What features of each source are worth to each task, over random ones.

        One row a task and source: ``task``, ``source``, the gain over random features with its
        interval and verdict as in ``Comparison.gains`` (p values adjusted for the sources of a
        task), and ``reached``: that gain / the gain of the task's own features, NaN where these are
        no better than random ones.
        """
        sources = [features_of(task) for task in self.evidence.protocol.names]
        table = gain_rows(self.evidence.of([RANDOM, *sources]), self.margin, self.confidence)
        table["source"] = table.pop("arm").map(source_of)
        own = table[table["task"] == table["source"]].set_index("task")
        worth = own["gain"].where(own["verdict"] == HELPS)
        table["reached"] = table["gain"] / table["task"].map(worth)
        return table[["task", "source", *table.columns.drop(["task", "source"])]]

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Labels of each task, means over folds.

        One row a task: ``train``, ``validation`` and ``test`` (labelled rows), ``times_fewer``
        (those of the task with most training labels / its own), ``others`` (training labels of all
        other tasks together), ``overlap`` (share of its labelled training rows that have a label of
        another task too).
        """
        protocol = self.evidence.protocol
        known = labelled(protocol.tasks, protocol.only.y)
        tables = [_label_counts(known, split) for split in protocol.only.splits]
        table = sum(tables) / len(tables)
        table["times_fewer"] = table["train"].max() / table["train"]
        table["others"] = table["train"].sum() - table["train"]
        return (
            table[["train", "validation", "test", "times_fewer", "others", "overlap"]]
            .rename_axis("task")
            .reset_index()
        )

    @cached_property
    def width(self) -> pd.DataFrame:
        """What twice the width changes about the gain of sharing; empty where the backbone has no width.

        One row a task: ``before`` and ``wide`` (the gain of sharing in the network as it is and in
        the wider one), ``gain`` (the second less the first, paired) with its interval and verdict
        as in ``Comparison.gains``.
        """
        if WIDE_TOGETHER not in self.evidence.tasks_of:
            return pd.DataFrame(
                columns=["task", "before", "wide", "gain", "low", "high", "verdict", "advice"]
            )
        signs = {WIDE_ALONE: 1.0, WIDE_TOGETHER: -1.0, ALONE: -1.0, TOGETHER: 1.0}
        table = contrast_rows(
            self.evidence, signs, self.margin, self.confidence, WIDE_TOGETHER
        ).drop(columns="arm")
        for place, (name, pair) in enumerate(
            {"before": [ALONE, TOGETHER], "wide": [WIDE_ALONE, WIDE_TOGETHER]}.items()
        ):
            gains = gain_rows(self.evidence.of(pair), self.margin, self.confidence).set_index(
                "task"
            )["gain"]
            table.insert(1 + place, name, table["task"].map(gains))
        return table

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """Whether each condition holds: ``condition``, ``task`` ("" for all), ``verdict``, ``words``.

        The verdict is "met", "not met" or "cannot tell". Features: met if those of another task are
        better than random ones, not met if those of all others are no better. Labels: met if no
        task has more than three times those of another. Network: met if a wider one gains no more
        by sharing, not met if it does.
        """
        rows = [
            {
                "condition": "features",
                "task": task,
                "verdict": _of_features(found),
                "words": features_words(found),
            }
            for task, rows in self.features.groupby("task", sort=False)
            for found in (rows[rows["source"] != task],)
        ]
        most = float(self.labels["times_fewer"].max())
        verdict = MET if most <= SIMILAR else NOT_MET
        rows += [
            {
                "condition": "labels",
                "task": "",
                "verdict": verdict,
                "words": labels_words(self.labels, SIMILAR),
            }
        ]
        rows += [
            {
                "condition": "network",
                "task": row["task"],
                "verdict": _of_width(row["verdict"]),
                "words": width_words(row),
            }
            for row in self.width.to_dict("records")
        ]
        return pd.DataFrame(rows, columns=["condition", "task", "verdict", "words"])

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the verdicts as text, by the title of the condition: ``task``, ``verdict``, ``because``."""
        words = self.verdicts.rename(columns={"words": "because"}).replace({"task": {"": "(all)"}})
        groups = words.groupby("condition", sort=False)
        return {TITLES[str(name)]: rows[["task", "verdict", "because"]] for name, rows in groups}

    def __str__(self) -> str:
        parts = [f"{title}:\n\n{aligned(rows)}" for title, rows in self.tables().items()]
        return "\n\n".join(
            [*parts, *([f"{TITLES['network']}:\n\n{NO_WIDTH}"] if self.width.empty else [])]
        )

    def _repr_html_(self) -> str:
        """Return what notebooks show: whether each condition holds, and why."""
        parts = [
            panel(title, table(rows.to_dict("records"))) for title, rows in self.tables().items()
        ]
        return "".join(
            [*parts, *([panel(TITLES["network"], note(NO_WIDTH))] if self.width.empty else [])]
        )


def _label_counts(labels: pd.DataFrame, split: Any) -> pd.DataFrame:
    """Return one row a task: labelled rows on each side, and what share of the training ones others label too."""
    counts = split.counts(labels)[["train", "validation", "test"]].astype(float)
    known = labels.iloc[split.train].notna().to_numpy()
    several = known.sum(axis=1) > 1
    shared = (known & several[:, None]).sum(axis=0)
    return counts.assign(overlap=shared / np.maximum(known.sum(axis=0), 1))


def _of_features(others: pd.DataFrame) -> str:
    verdicts = set(others["verdict"])
    if HELPS in verdicts:
        return MET
    return NOT_MET if verdicts <= {SAME, "hurts"} else CANNOT_TELL


def _of_width(verdict: str) -> str:
    return {HELPS: NOT_MET, SAME: MET, "hurts": MET}.get(verdict, CANNOT_TELL)


TOLD = {
    "helps": "are better than random ones",
    "hurts": "are worse than random ones",
    "same": "are no better than random ones",
    "cannot tell": "may or may not be better than random ones",
    "failed": "could not be tried",
}


CHANGES = {
    "helps": "sharing gains more in a network of twice the width: this one is too small for all tasks",
    "hurts": "sharing gains less in a network of twice the width: this one is not too small",
    "same": "twice the width changes nothing about the gain of sharing",
    "cannot tell": "whether sharing gains more in a network of twice the width cannot be told",
    "failed": "networks of twice the width could not be trained",
}


def features_words(others: pd.DataFrame) -> str:
    """Say what other tasks' features are worth to one task: a clause a source, the most useful first."""
    rows = others.sort_values("gain", ascending=False, kind="stable").to_dict("records")
    return "; ".join(_source_words(row) for row in rows) + "."


def _source_words(row: Mapping[str, Any]) -> str:
    words = f"features of {row['source']} {TOLD[row['verdict']]}"
    if np.isnan(row["gain"]):
        return f"{words} ({row['advice']})"
    words += f" ({interval_words(row)})"
    near = row["verdict"] == HELPS and not np.isnan(row["reached"])
    return f"{words}, {row['reached']:.0%} of what its own gain" if near else words


def labels_words(labels: pd.DataFrame, similar: float) -> str:
    """Say how many labels tasks have, who has fewest, and how far labels come together."""
    counts = ", ".join(f"{row['task']} {row['train']:,.0f}" for row in labels.to_dict("records"))
    few, most = (
        labels.loc[labels["train"].map(which).idxmax()] for which in (lambda n: -n, lambda n: n)
    )
    said = f"labelled training rows: {counts}."
    if float(few["times_fewer"]) > similar:
        said += (
            f" {most['task']} has {few['times_fewer']:.1f} times those of {few['task']}: the one with few may gain by "
            "the others (they have {:,.0f} together), the others have little to gain by it.".format(
                few["others"]
            )
        )
    else:
        said += (
            f" None has more than {max(float(few['times_fewer']), 1):.2g} times those of another."
        )
    shares = ", ".join(
        f"{row['overlap']:.0%} of {row['task']}" for row in labels.to_dict("records")
    )
    return f"{said} Rows that another task labels too: {shares}."


def width_words(row: Mapping[str, Any]) -> str:
    """Say what twice the width changes about one task's gain of sharing."""
    said = CHANGES[row["verdict"]]
    if np.isnan(row["gain"]):
        return f"{said} ({row['advice']})."
    return (
        f"{said} (from {row['before']:+.3f} to {row['wide']:+.3f}; change {interval_words(row)})."
    )


def interval_words(row: Mapping[str, Any]) -> str:
    """Write a gain with its interval."""
    if np.isnan(row["low"]):
        return f"{row['gain']:+.3f}"
    return f"{row['gain']:+.3f}, {row['low']:+.3f} to {row['high']:+.3f}"
