"""A study in words: the answer in one line a task and arm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from multitide.study.verdicts import SAME

if TYPE_CHECKING:
    from multitide.study.comparison import Comparison


def as_text(comparison: Comparison) -> str:
    """Write the gains, the mean gain over tasks, and the figures that they come from, as plain text."""
    gains = comparison.gains.assign(task=comparison.gains["task"])
    mean = comparison.mean_gains
    if len(comparison.tasks) > 1 and len(mean):
        gains = pd.concat([gains, mean.assign(task="(mean)")], ignore_index=True)
    lines = [
        f"Gain over {comparison.reference!r}, in units of the trivial loss (+ = better), "
        f"with its {comparison.confidence:.0%} interval:",
        "",
        _aligned(pd.DataFrame([_gain_cells(row, comparison.margin) for row in gains.to_dict("records")])),
        "",
        "Loss / trivial loss on the test part, mean and spread over seeds:",
        "",
        _aligned(loss_table(comparison).reset_index()),
    ]
    return "\n".join(lines)


def verdict_in_words(verdict: str, margin: float) -> str:
    """Write a verdict; "same" says within what."""
    return f"same within {margin:.3g}" if verdict == SAME else verdict


def loss_table(comparison: Comparison) -> pd.DataFrame:
    """Return mean and spread of the loss as text: one row a task, one column an arm."""
    losses = comparison.figures[comparison.figures["metric"] == "loss"]
    cells = losses.assign(cell=[f"{m:.3f} ± {s:.3f}" for m, s in zip(losses["mean"], losses["sd"], strict=True)])
    table = cells.pivot(index="task", columns="arm", values="cell")
    arms = [arm for arm in comparison.arms if arm in table]
    return table.reindex(index=[task.name for task in comparison.tasks], columns=arms).fillna("-")


def _gain_cells(row: dict[str, object], margin: float) -> dict[str, str]:
    return {
        "task": str(row["task"]),
        "arm": str(row["arm"]),
        "gain": f"{row['gain']:+.4f}",
        "interval": f"[{row['low']:+.4f}, {row['high']:+.4f}]",
        "verdict": verdict_in_words(str(row["verdict"]), margin),
        "seeds": str(row["n_seeds"]),
        "groups": str(row["n_groups"]),
        "labels": str(row["n_labelled"]),
        "": str(row["advice"]),
    }


def _aligned(table: pd.DataFrame) -> str:
    """Write a table with columns as wide as their longest cell."""
    columns = [[str(name), *map(str, table[name])] for name in table.columns]
    widths = [max(map(len, column)) for column in columns]
    lines = zip(*columns, strict=True)
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
