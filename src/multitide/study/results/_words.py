"""A study in words: the answer in one line a task and arm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from multitide.study.results._verdicts import SAME


def gains_in_words(
    gains: pd.DataFrame, mean_gains: pd.DataFrame, reference: str, margin: float, confidence: float
) -> str:
    """Write the gains, one line a task and arm, and the mean gain over tasks."""
    return (
        f"{gain_title(reference, confidence)}:\n\n{aligned(gain_table(gains, mean_gains, margin))}"
    )


def gain_title(reference: str, confidence: float) -> str:
    """Say what gains are."""
    return f"Gain over {reference!r}, in units of the trivial loss (+ = better), with its {confidence:.0%} interval"


def gain_table(gains: pd.DataFrame, mean_gains: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Return the gains as text, one row a task and arm, and the mean gain over tasks."""
    if gains["task"].nunique() > 1:
        gains = pd.concat([gains, mean_gains.assign(task="(mean)")], ignore_index=True)
    return pd.DataFrame([_gain_cells(row, margin) for row in gains.to_dict("records")])


def losses_in_words(figures: pd.DataFrame) -> str:
    """Write the losses: one line a task, one column an arm."""
    title = "Loss / trivial loss on the test part, mean and spread over seeds:"
    return f"{title}\n\n{aligned(loss_table(figures).reset_index())}"


def verdict_in_words(verdict: str, margin: float) -> str:
    """Write a verdict; "same" says within what."""
    return f"same within {margin:.3g}" if verdict == SAME else verdict


def interval_in_words(low: float, high: float) -> str:
    """Write an interval; one seed or one test group gives none."""
    return "-" if math.isnan(low) or math.isnan(high) else f"{low:+.4f} .. {high:+.4f}"


def listed(names: Sequence[str]) -> str:
    """Write "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def loss_table(figures: pd.DataFrame) -> pd.DataFrame:
    """Return mean and spread of the loss as text: one row a task, one column an arm."""
    losses = figures[figures["metric"] == "loss"]
    pairs = zip(losses["mean"], losses["sd"], strict=True)
    cells = losses.assign(
        cell=[f"{mean:.3f}" if math.isnan(sd) else f"{mean:.3f} ± {sd:.3f}" for mean, sd in pairs]
    )
    table = cells.pivot(index="task", columns="arm", values="cell")
    return table.reindex(index=losses["task"].unique(), columns=losses["arm"].unique()).fillna("-")


def _gain_cells(row: dict[str, object], margin: float) -> dict[str, str]:
    return {
        "task": str(row["task"]),
        "arm": str(row["arm"]),
        "gain": f"{row['gain']:+.4f}",
        "interval": interval_in_words(float(str(row["low"])), float(str(row["high"]))),
        "verdict": verdict_in_words(str(row["verdict"]), margin),
        "seeds": str(row["n_seeds"]),
        "groups": str(row["n_groups"]),
        "labels": str(row["n_labelled"]),
        "": str(row["advice"]),
    }


def aligned(table: pd.DataFrame) -> str:
    """Write a table with columns as wide as their longest cell."""
    columns = [[str(name), *map(str, table[name])] for name in table.columns]
    widths = [max(map(len, column)) for column in columns]
    lines = zip(*columns, strict=True)
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
