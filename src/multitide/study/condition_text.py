"""The conditions of sharing in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from multitide.study.verdicts import HELPS

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
    few, most = (labels.loc[labels["train"].map(which).idxmax()] for which in (lambda n: -n, lambda n: n))
    said = f"labelled training rows: {counts}."
    if float(few["times_fewer"]) > similar:
        said += (
            f" {most['task']} has {few['times_fewer']:.1f} times those of {few['task']}: the one with few may gain by "
            "the others (they have {:,.0f} together), the others have little to gain by it.".format(few["others"])
        )
    else:
        said += f" None has more than {max(float(few['times_fewer']), 1):.2g} times those of another."
    shares = ", ".join(f"{row['overlap']:.0%} of {row['task']}" for row in labels.to_dict("records"))
    return f"{said} Rows that another task labels too: {shares}."


def width_words(row: Mapping[str, Any]) -> str:
    """Say what twice the width changes about one task's gain of sharing."""
    said = CHANGES[row["verdict"]]
    if np.isnan(row["gain"]):
        return f"{said} ({row['advice']})."
    return f"{said} (from {row['before']:+.3f} to {row['wide']:+.3f}; change {interval_words(row)})."


def interval_words(row: Mapping[str, Any]) -> str:
    """Write a gain with its interval."""
    if np.isnan(row["low"]):
        return f"{row['gain']:+.3f}"
    return f"{row['gain']:+.3f}, {row['low']:+.3f} to {row['high']:+.3f}"
