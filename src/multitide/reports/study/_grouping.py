"""Groups of tasks found by measuring: effects on each other, predicted and measured gains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import pandas as pd
from markupsafe import Markup

from multitide import plot
from multitide.plot._study import MAX_TASKS_WITH_NUMBERS
from multitide.reports._pages import Row
from multitide.reports._svg import svg
from multitide.study import Comparison, Grouping
from multitide.study.grouping._grouping import METHODS
from multitide.study.grouping._grouping_record import PAIRS
from multitide.study.results._tables import MISSING, gain_in_words, interval_in_words
from multitide.study.results._verdicts import MARGIN

NOTES = {
    PAIRS: "Both are in units of the trivial loss. The prediction uses the validation loss of "
    "networks for two tasks; "
    "the measured gain is on the test set, "
    "with one network for the whole group.",
    "affinity": "The prediction is the mean effect of an optimiser step for each of the group's "
    "other tasks, relative to a step for the task "
    "itself, on the loss of the training batch. "
    "Its sign and order are comparable with the measured gain; "
    "its size is not.",
}


@dataclass(frozen=True)
class GroupingSection:
    """What the page shows of the groups of one arm.

    Attributes
    ----------
    arm : str
        The arm.
    grouping : Grouping
        The groups and what they were chosen by.
    how : str
        How the effects were measured.
    note : str
        How predicted and measured gains compare.
    figures : list of (str, Markup)
        Titles and matrices.
    rows : list of dict
        One row per task: ``task``, ``group``, ``predicted``, ``together``, and ``measured``: its
        row of ``comparison.gains``, or None without a measured gain.
    """

    arm: str
    grouping: Grouping
    how: str
    note: str
    figures: list[tuple[str, Markup]]
    rows: list[Row]

    @property
    def effects(self) -> pd.DataFrame:
        """The effects as text: the row's task on the column's."""
        table = self.grouping.affinity.map("{:+.3g}".format)
        return table.rename_axis(index="effect of", columns=None).reset_index()

    @property
    def gains(self) -> pd.DataFrame:
        """Predicted and measured gains as text, one row per task."""
        return pd.DataFrame([_cells(row) for row in self.rows])


def _cells(row: Row) -> dict[str, str]:
    cells = {
        "task": row["task"],
        "group": row["group"],
        "predicted": f"{row['predicted']:+.3g}",
        "all together": f"{row['together']:+.3g}",
        "gain": MISSING,
        "interval": MISSING,
        "verdict": MISSING,
    }
    if measured := row["measured"]:
        cells["gain"] = gain_in_words(measured["gain"])
        cells["interval"] = interval_in_words(measured["low"], measured["high"])
        cells["verdict"] = measured["verdict"]
    return cells


def grouping_content(comparison: Comparison) -> list[GroupingSection]:
    """Return a section for each arm whose groups were found by measuring."""
    sections = []
    for arm, grouping in comparison.groupings.items():
        how, note = METHODS[grouping.method], NOTES[grouping.method]
        figures = _figures(arm, grouping)
        section = GroupingSection(
            arm, grouping, how, note, figures, _rows(comparison, arm)
        )
        sections.append(section)
    return sections


def _figures(arm: str, grouping: Grouping) -> list[tuple[str, Markup]]:
    side = 1.7 + 0.5 * min(len(grouping.tasks), MAX_TASKS_WITH_NUMBERS)
    if grouping.method == PAIRS:
        full = 5 * MARGIN
    else:
        full = 0.0
    tables = [("Effect of the row's task on the column's", grouping.affinity, full)]
    if grouping.cosines is not None:
        tables.append(("Cosine between the tasks' gradients", grouping.cosines, 1.0))
    figures = []
    for title, table, strongest in tables:
        draw = partial(plot.task_matrix, table, full=strongest)
        drawn = svg(draw, label=f"{title}, {arm}", size=(side + 0.6, side))
        figures.append((title, drawn))
    return figures


def _rows(comparison: Comparison, arm: str) -> list[Row]:
    gains = comparison.gains[comparison.gains["arm"] == arm]
    by_task = {}
    for row in gains.to_dict("records"):
        by_task[row["task"]] = row
    rows = []
    for row in comparison.groupings[arm].table().to_dict("records"):
        measured = by_task.get(row["task"])
        if measured is not None and math.isnan(measured["gain"]):
            measured = None
        rows.append(row | {"measured": measured})
    return rows
