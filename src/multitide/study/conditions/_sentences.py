"""What the conditions of sharing rest on, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from multitide.study.results._verdicts import HELPS

Row = Mapping[str, object]

FEATURES = {
    "helps": "are better than random features",
    "hurts": "are worse than random features",
    "same": "are no better than random features",
    "cannot tell": "may or may not be better than random features",
    "failed": "could not be tried",
}
WIDTH = {
    "helps": "sharing gains more with twice the width: the network is too small for all tasks",
    "hurts": "sharing gains less with twice the width: the network is not too small",
    "same": "twice the width does not change the gain of sharing",
    "cannot tell": "cannot tell whether sharing gains more with twice the width",
    "failed": "networks of twice the width could not be trained",
}


def features_words(others: pd.DataFrame) -> str:
    """Describe what the features of other tasks are worth to one task, the most useful first."""
    rows = others.sort_values("gain", ascending=False, kind="stable").to_dict("records")
    return "; ".join(map(_source_words, rows)) + "."


def _source_words(row: Row) -> str:
    words = f"features of {row['source']} {FEATURES[str(row['verdict'])]}"
    if math.isnan(_number(row, "gain")):
        return f"{words} ({row['advice']})"
    words += f" ({interval_words(row)})"
    reached = _number(row, "reached")
    if row["verdict"] == HELPS and not math.isnan(reached):
        words += f", {reached:.0%} of the gain of its own features"
    return words


def labels_words(labels: pd.DataFrame, similar: float) -> str:
    """Describe the numbers of labels of the tasks, and how many samples have several."""
    rows = labels.to_dict("records")
    counts = ", ".join(f"{row['task']} {row['train']:,.0f}" for row in rows)
    shared = ", ".join(f"{row['overlap']:.0%} of {row['task']}" for row in rows)
    few = labels.loc[labels["train"].idxmin()]
    most = labels.loc[labels["train"].idxmax()]
    times = float(few["times_fewer"])
    if times > similar:
        comparison = (
            f"{most['task']} has {times:.1f} "
            f"times the labels of {few['task']}: "
            "the task with few labels may gain from the "
            f"others (which have {few['others']:,.0f} "
            "together), but they have little to gain from it."
        )
    else:
        comparison = f"None has more than {max(times, 1):.2g} times those of another."
    return (
        f"labelled training samples: {counts}. {comparison} "
        f"Of these, samples with a label of another task: {shared}."
    )


def width_words(row: Row) -> str:
    """Describe what twice the width changes about one task's gain from sharing."""
    words = WIDTH[str(row["verdict"])]
    if math.isnan(_number(row, "gain")):
        return f"{words} ({row['advice']})."
    before, wide = _number(row, "before"), _number(row, "wide")
    return f"{words} (from {before:+.3f} to {wide:+.3f}; change {interval_words(row)})."


def interval_words(row: Row) -> str:
    """Return a gain with its interval."""
    gain, low, high = (_number(row, name) for name in ("gain", "low", "high"))
    if math.isnan(low):
        return f"{gain:+.3f}"
    return f"{gain:+.3f}, {low:+.3f} to {high:+.3f}"


def _number(row: Row, name: str) -> float:
    return float(str(row[name]))
