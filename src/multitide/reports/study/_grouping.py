"""Which tasks with which: what they do to each other, the groups that were found by it, and whether they keep it."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from multitide import plot
from multitide.plot._study import MOST_NUMBERS
from multitide.reports._svg import svg
from multitide.study import Comparison, Grouping
from multitide.study.grouping._grouping import METHODS, PAIRS
from multitide.study.results._verdicts import MARGIN

NOTES = {
    PAIRS: "Both are in units of the trivial loss: predicted on the validation part from the networks of two tasks, "
    "measured on the test part with the network of the whole group.",
    "affinity": "Predicted is the mean effect of a step for each of the group's other tasks, in shares of what a step "
    "for the task itself does to its loss on the training batch: its sign and order can be set beside the measured "
    "gain, its size cannot.",
}


def grouping_content(comparison: Comparison) -> list[dict[str, Any]]:
    """Return one entry an arm whose groups were found: the advice, the figures, and predicted beside measured gains."""
    return [
        {
            "arm": arm,
            "grouping": grouping,
            "how": METHODS[grouping.method],
            "note": NOTES[grouping.method],
            "figures": _figures(arm, grouping),
            "rows": _rows(comparison, arm, grouping),
        }
        for arm, grouping in comparison.groupings.items()
    ]


def _figures(arm: str, grouping: Grouping) -> list[dict[str, Any]]:
    side = 1.7 + 0.5 * min(len(grouping.tasks), MOST_NUMBERS)
    tables = [
        (
            "What the row's task does to the column's",
            grouping.affinity,
            5 * MARGIN * (grouping.method == PAIRS),
        )
    ]
    if grouping.cosines is not None:
        tables.append(("Cosine between the tasks' gradients", grouping.cosines, 1.0))
    figures = []
    for name, table, full in tables:
        draw = partial(plot.task_matrix, full=full)
        figures.append(
            {"name": name, "svg": svg(draw, table, label=f"{name}, {arm}", size=(side + 0.6, side))}
        )
    return figures


def _rows(comparison: Comparison, arm: str, grouping: Grouping) -> list[dict[str, Any]]:
    """Return one row a task: its group, what was predicted, and the gain that was measured, if there is one."""
    gains = comparison.gains[comparison.gains["arm"] == arm].set_index("task", drop=False)
    rows = []
    for row in grouping.table().to_dict("records"):
        known = row["task"] in gains.index
        measured = (
            {str(name): value for name, value in gains.loc[row["task"]].items()} if known else None
        )
        drawn = measured is not None and not math.isnan(measured["gain"])
        rows.append(
            {str(name): value for name, value in row.items()}
            | {"measured": measured if drawn else None}
        )
    return rows
