"""The conditions under which sharing pays, as the page and the Markdown show them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from multitide.reports._pages import Row
from multitide.study import Conditions
from multitide.study.conditions._conditions import MET, NOT_MET, SIMILAR, TITLES
from multitide.study.conditions._sentences import interval_words

# The class of the style sheet and the sign: met is good like "helps", not met bad like "hurts".
MARKS = {MET: ("helps", "▲"), NOT_MET: ("hurts", "▼")}
WHY = {
    "features": "Each task's features come from a network trained on that task alone and then "
    "frozen. "
    "A linear head reads them for another task, and is compared "
    "with a head on the features of a network with random weights.",
    "labels": f"Similar means that no task has more than {SIMILAR:g} times as many labelled "
    "training rows as another.",
    "network": "Every layer has twice as many units, both alone and together. Does sharing gain "
    "more in the wider network?",
}
NO_WIDTH = "Not checked: the backbone has no width parameter."


@dataclass(frozen=True)
class ConditionVerdict:
    """Whether a condition holds for a task; ``task`` is "" if it concerns all."""

    task: str
    css_class: str
    verdict: str
    words: str


@dataclass(frozen=True)
class ConditionSection:
    """A condition: how it was checked, its verdicts in words, and a table of text."""

    title: str
    why: str
    verdicts: list[ConditionVerdict]
    caption: str
    table: pd.DataFrame


def condition_sections(conditions: Conditions | None) -> list[ConditionSection]:
    """Return a section per condition; none if they were not checked."""
    if conditions is None:
        return []
    tables = {
        "features": _features(conditions),
        "labels": _labels(conditions),
        "network": _width(conditions),
    }
    sections = []
    for name, title in TITLES.items():
        why = WHY[name]
        if name == "network" and conditions.width.empty:
            why = NO_WIDTH
        caption, table = tables[name]
        verdicts = _verdicts(conditions, name)
        sections.append(ConditionSection(title, why, verdicts, caption, table))
    return sections


def _verdicts(conditions: Conditions, name: str) -> list[ConditionVerdict]:
    rows = conditions.verdicts[conditions.verdicts["condition"] == name]
    verdicts = []
    for row in rows.itertuples():
        css_class, sign = MARKS.get(row.verdict, ("cannot-tell", "?"))
        words = row.words[:1].upper() + row.words[1:]
        verdicts.append(
            ConditionVerdict(row.task, css_class, f"{sign} {row.verdict}", words)
        )
    return verdicts


def _features(conditions: Conditions) -> tuple[str, pd.DataFrame]:
    names = conditions.evidence.protocol.names
    cells: dict[tuple[str, str], str] = {}
    for row in conditions.features.to_dict("records"):
        cells[row["task"], row["source"]] = interval_words(row)
    table = {"task": names}
    for source in names:
        table[f"features of {source}"] = [cells[task, source] for task in names]
    caption = (
        "Gain over random features, by task (rows) and source of the features (columns)"
    )
    return caption, pd.DataFrame(table)


def _labels(conditions: Conditions) -> tuple[str, pd.DataFrame]:
    columns = {
        "train": "training set",
        "validation": "validation set",
        "test": "test set",
        "others": "training set, other tasks",
        "overlap": "share with another label too",
    }
    labels = conditions.labels
    table = {"task": labels["task"]}
    for name, title in columns.items():
        if name == "overlap":
            form = "{:.0%}"
        else:
            form = "{:,.0f}"
        table[title] = labels[name].map(form.format)
    return "Labelled rows", pd.DataFrame(table)


def _width(conditions: Conditions) -> tuple[str, pd.DataFrame]:
    rows: list[Row] = conditions.width.to_dict("records")
    table = {
        "task": conditions.width["task"],
        "as it is": conditions.width["before"].map("{:+.3f}".format),
        "twice as wide": conditions.width["wide"].map("{:+.3f}".format),
        "change, with interval": list(map(interval_words, rows)),
    }
    return "Gain of sharing, in units of the trivial loss", pd.DataFrame(table)
