"""The answers of a study in sentences, for a page and for Markdown, and where its gains lie on a line."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from multitide._checks import listed
from multitide.methods import first_sentence
from multitide.sharing import SHARINGS
from multitide.study import Comparison
from multitide.study.results._tables import verdict_in_words

BETWEEN = "({confidence} interval {low} to {high})"
NO_INTERVAL = "(no interval: it needs several seeds and several test groups)"
INTERVAL = f"{{gain}} of the trivial loss {BETWEEN}"
OVER = f"cannot be told: the gain over {{reference}} is {INTERVAL}. {{advice}}"
SENTENCES = {
    "helps": f"{{arm}} helps {{task}}: the gain over {{reference}} is {INTERVAL}.",
    "hurts": f"{{arm}} hurts {{task}}: the gain over {{reference}} is {INTERVAL}.",
    "same": f"{{task}} is the same with {{arm}} and with {{reference}}, within {{margin}}: the gain is {INTERVAL}.",
    "cannot tell": f"Whether {{arm}} helps {{task}} {OVER}",
    "failed": "{arm} gives no answer for {task}; the reasons stand under “What failed”.",
}
# What is no network neither helps nor hurts.
BASELINE_SENTENCES = SENTENCES | {
    "helps": f"{{arm}} does better on {{task}} than {{reference}}: the gain is {INTERVAL}.",
    "hurts": f"{{arm}} does worse on {{task}} than {{reference}}: the gain is {INTERVAL}.",
    "cannot tell": f"Whether {{arm}} does better on {{task}} {OVER}",
}
# What the arms are that have a name where there are several data sets.
OF_SEVERAL = {
    "alone": "A network for each task on each data set: nothing is shared.",
    "per_data_set": "A network for each data set: its tasks share it, the data sets share nothing.",
    "per_task": "A network for each task, on all data sets that have it.",
}
MOST_NAMED = 4
MARKS = {
    "helps": "▲",
    "hurts": "▼",
    "same": "=",
    "cannot tell": "?",
    "failed": "\N{MULTIPLICATION SIGN}",
}
Write = Callable[[Any], str]


def headlines(comparison: Comparison) -> list[str]:
    """Return the whole answer in a sentence for every arm that is a network: which tasks it helps, hurts, ..."""
    networks = comparison.gains[
        [not is_baseline(comparison, arm) for arm in comparison.gains["arm"]]
    ]
    return [_headline(str(arm), gains) for arm, gains in networks.groupby("arm", sort=False)]


def _headline(arm: str, gains: pd.DataFrame) -> str:
    tasks = {
        str(verdict): _tasks(found["task"])
        for verdict, found in gains.groupby("verdict", sort=False)
    }
    if list(tasks) == ["cannot tell"]:
        return f"Whether “{arm}” helps {tasks['cannot tell']} cannot be told from this study."
    told = {
        "helps": "helps",
        "hurts": "hurts",
        "same": "makes no difference to",
        "failed": "failed on",
    }
    said = f"“{arm}” {listed([f'{words} {tasks[verdict]}' for verdict, words in told.items() if verdict in tasks])}"
    return (
        f"{said}; for {tasks['cannot tell']} it cannot be told."
        if "cannot tell" in tasks
        else f"{said}."
    )


def meanings(comparison: Comparison) -> list[tuple[str, str]]:
    """Say in a sentence what the arms are that go by a name: ways of sharing, and ways to divide several data sets."""
    flat = {arm: found["settings"].get("sharing") for arm, found in comparison.settings.items()}
    named = {arm: sharing["name"] for arm, sharing in flat.items() if isinstance(sharing, dict)}
    ways = {
        arm: first_sentence(SHARINGS[name].__doc__ or "")
        for arm, name in named.items()
        if name in SHARINGS and arm in (name, comparison.reference)
    }
    return list((ways | _meanings_of_several(comparison)).items())


def _meanings_of_several(comparison: Comparison) -> dict[str, str]:
    protocol = comparison.evidence.protocol
    if len(protocol.data) == 1:
        return {}
    known = {"alone": tuple((name,) for name in protocol.names), **protocol.divisions}
    named = {
        arm: [list(part) for part in parts]
        for arm, parts in known.items()
        if arm in comparison.arms
    }
    return {
        arm: OF_SEVERAL[arm]
        for arm, groups in named.items()
        if comparison.settings[arm]["groups"] == groups
    }


def is_baseline(comparison: Comparison, arm: str) -> bool:
    """Say whether an arm is no network."""
    return "baseline" in comparison.settings[arm]["settings"]


def sentence(row: Mapping[str, Any], comparison: Comparison, *, name: Write, number: Write) -> str:
    """Say one gain and its verdict.

    Parameters
    ----------
    row : dict
        A row of ``comparison.gains``.
    comparison : Comparison
    name : callable
        Writes the name of a task or arm.
    number : callable
        Writes one of "gain", "low" and "high" of this row.

    Returns
    -------
    str
        Markup, if that is what `name` writes.
    """
    arm = name(row["arm"])
    form = (BASELINE_SENTENCES if is_baseline(comparison, row["arm"]) else SENTENCES)[
        row["verdict"]
    ]
    if math.isnan(row["low"]) or math.isnan(row["high"]):
        form = form.replace(BETWEEN, NO_INTERVAL)
    form = Markup(form) if isinstance(arm, Markup) else form
    return form.format(
        arm=arm,
        task=name(row["task"]),
        reference=name(comparison.reference),
        margin=f"{comparison.margin:.3g}",
        confidence=f"{comparison.confidence:.0%}",
        advice=advice(row["advice"]),
        **{field: number(field) for field in ("gain", "low", "high")},
    )


def advice(words: str) -> str:
    """Turn the verdict's advice into a sentence."""
    words = f"It {words}" if words.startswith("needs") else words[:1].upper() + words[1:]
    return words if words.endswith((".", "?", "!")) or not words else f"{words}."


def verdict_words(verdict: str, margin: float) -> str:
    """Return a verdict with its sign."""
    return f"{MARKS[verdict]} {verdict_in_words(verdict, margin)}"


def gain_plot(comparison: Comparison) -> dict[str, Any]:
    """Return where gains, intervals, margin and ticks lie on a common line, in percent of its length.

    Returns
    -------
    dict
        ``rows`` (the gains, and the means over tasks of several, with ``at``; ``start``, ``end``
        and whether an end is cut off, if there is an interval, which ``sure`` says), ``ticks``
        (value and place), ``margin`` (start and end).
    """
    rows = [row | {"mean": False} for row in comparison.gains.to_dict("records")]
    if len(comparison.questions) > 1:
        rows += [
            row | {"task": "Mean over tasks", "mean": True}
            for row in comparison.mean_gains.to_dict("records")
        ]
    # How far away a baseline is must not make all else too small to see.
    networks = [row for row in rows if not is_baseline(comparison, row["arm"])]
    limit = _limit(pd.DataFrame(networks or rows), comparison.margin)

    def place(value: float) -> float:
        return round(50 + 50 * float(np.clip(value / limit, -1, 1)), 2)

    for row in rows:
        row["drawn"] = not math.isnan(row["gain"])
        row["sure"] = row["drawn"] and not any(math.isnan(row[field]) for field in ("low", "high"))
        if row["drawn"]:
            row |= {"at": place(row["gain"]), "cut_low": False, "cut_high": False}
            row["inside"] = abs(row["gain"]) <= limit
        if row["sure"]:
            row |= {"start": place(row["low"]), "end": place(row["high"])}
            row |= {"cut_low": row["low"] < -limit, "cut_high": row["high"] > limit}
    ticks = [
        float(value)
        for value in MaxNLocator(4, symmetric=True).tick_values(-limit, limit)
        if abs(value) <= limit
    ]
    return {
        "rows": rows,
        "ticks": [(0.0 if abs(value) < 1e-12 else value, place(value)) for value in ticks],
        "margin": (place(-comparison.margin), place(comparison.margin)),
        "cut": any(row.get("cut_low") or row.get("cut_high") for row in rows),
    }


def _limit(rows: pd.DataFrame, margin: float) -> float:
    """Return how far the line reaches: all intervals, unless one is so wide that nothing else could be seen."""
    drawn = rows.dropna(subset=["gain"]) if len(rows) else rows
    if drawn.empty:
        return max(2 * margin, 0.01)
    ends = drawn[["low", "gain", "high"]].abs().max(axis=1)
    enough = max(3 * drawn["gain"].abs().max(), 2 * margin, 1.5 * ends.median())
    return 1.05 * float(min(ends.max(), enough)) if ends.max() > 0 else max(2 * margin, 0.01)


def _tasks(names: pd.Series) -> str:
    """Name a few tasks; count many."""
    return (
        listed([str(name) for name in names]) if len(names) <= MOST_NAMED else f"{len(names)} tasks"
    )
