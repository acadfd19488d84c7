"""Whether the conditions of sharing hold, as the page and the Markdown show it."""

from __future__ import annotations

from typing import Any

from multitide.study import Conditions
from multitide.study.conditions._conditions import MET, NOT_MET, SIMILAR, TITLES, interval_words

# Signs and colours are those of the verdicts on gains, for what is good and bad is the same.
MARKS = {MET: ("helps", "▲"), NOT_MET: ("hurts", "▼")}
WHY = {
    "features": "A network learned one task by itself and was frozen; a linear head reads its features for another "
    "task, and is compared with a head on the features of a network whose weights are random.",
    "labels": f"Similar means here: no task has more than {SIMILAR:g} times the labelled training rows of another.",
    "network": "Every layer with twice the units, alone and together: does sharing gain more in the wider network?",
}


def condition_sections(conditions: Conditions | None) -> list[dict[str, Any]]:
    """Return one entry a condition: title, how it was checked, verdicts in words, and a table; empty for None."""
    if conditions is None:
        return []
    tables = {"features": _features, "labels": _labels, "network": _width}
    return [
        {
            "title": title,
            "why": WHY[name]
            if name != "network" or len(conditions.width)
            else "Not checked: the backbone has no width.",
            "verdicts": _verdicts(conditions, name),
            "table": tables[name](conditions),
        }
        for name, title in TITLES.items()
    ]


def _verdicts(conditions: Conditions, name: str) -> list[dict[str, str]]:
    found = conditions.verdicts[conditions.verdicts["condition"] == name].to_dict("records")
    signs = [MARKS.get(row["verdict"], ("cannot-tell", "?")) for row in found]
    return [
        {
            "task": row["task"],
            "class": sign[0],
            "verdict": f"{sign[1]} {row['verdict']}",
            "words": _sentence(row["words"]),
        }
        for row, sign in zip(found, signs, strict=True)
    ]


def _features(conditions: Conditions) -> dict[str, Any]:
    """Return a row a task, a column a source: the gain over random features."""
    names = conditions.evidence.protocol.names
    found = {(row["task"], row["source"]): row for row in conditions.features.to_dict("records")}
    return {
        "caption": "Gain over random features (a row a task, a column the features it reads), with its interval",
        "columns": ["task", *(f"features of {name}" for name in names)],
        "rows": [
            [task, *(interval_words(found[task, source]) for source in names)] for task in names
        ],
    }


def _labels(conditions: Conditions) -> dict[str, Any]:
    columns = {
        "train": "training",
        "validation": "validation",
        "test": "test",
        "others": "training, other tasks",
        "overlap": "of them with another label too",
    }
    return {
        "caption": "Labelled rows",
        "columns": ["task", *columns.values()],
        "rows": [
            [
                row["task"],
                *(
                    f"{row[name]:.0%}" if name == "overlap" else f"{row[name]:,.0f}"
                    for name in columns
                ),
            ]
            for row in conditions.labels.to_dict("records")
        ],
    }


def _width(conditions: Conditions) -> dict[str, Any]:
    return {
        "caption": "Gain of sharing, in units of the trivial loss",
        "columns": ["task", "as it is", "twice as wide", "change, with its interval"],
        "rows": [
            [row["task"], f"{row['before']:+.3f}", f"{row['wide']:+.3f}", interval_words(row)]
            for row in conditions.width.to_dict("records")
        ],
    }


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
