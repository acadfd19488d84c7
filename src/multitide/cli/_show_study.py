"""What ``multitide compare`` shows of a study, a label curve, or several studies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multitide.study import Comparison, Comparisons, Conditions, LabelCurve


def show_comparison(comparison: Comparison) -> None:
    """Show the verdicts, gains and losses, and what to do next."""
    from multitide.cli._terminal import bold, say, show_note, show_table
    from multitide.reports.study._sentences import compared, headlines, next_steps
    from multitide.study.results._tables import (
        LOSS_TITLE,
        gain_table,
        gain_title,
        loss_table,
    )

    say("")
    for sentence in headlines(comparison):
        say(bold(sentence))
    say(compared(comparison))
    gains = gain_table(comparison.gains, comparison.mean_gains, comparison.margin)
    show_table(gains, gain_title(comparison.reference, comparison.confidence))
    show_note(
        "Trivial loss: "
        "the loss of the best constant "
        "prediction from the training labels."
    )
    show_table(loss_table(comparison.figures), LOSS_TITLE)
    for arm, grouping in comparison.groupings.items():
        show_note(f"{arm}: {grouping.advice}")
    if comparison.conditions is not None:
        show_conditions(comparison.conditions)
    say("\n", bold("What to do next"))
    for task, words in next_steps(comparison):
        say(f"{task}: {words}")


def show_curve(curve: LabelCurve) -> None:
    """Show the gains by label share, and the conditions at the largest share."""
    from multitide.cli._terminal import say, show_table
    from multitide.study.results._tables import gain_title

    largest = max(curve.comparisons)
    study = curve.comparisons[largest]
    show_table(
        curve.table(),
        f"{gain_title(study.reference, study.confidence)}, by label share",
    )
    if study.conditions is not None:
        say(
            f"\nConditions at {largest:.0%} "
            "of the labels (other shares: "
            "see their reports):"
        )
        show_conditions(study.conditions)


def show_conditions(conditions: Conditions) -> None:
    """Show whether the conditions hold under which sharing pays, one table each."""
    from multitide.cli._terminal import show_table

    for title, table in conditions.tables().items():
        show_table(table, title)


def show_left_out(comparison: Comparison, folder: Path) -> None:
    """Say what a budget skipped, and how to continue."""
    from multitide.cli._arguments import quoted
    from multitide.cli._terminal import bold, say

    if comparison.left_out:
        option = bold(f"--output {quoted(folder)}")
        say(f"\n{comparison.left_out} Continue with: ", option)


def show_comparisons(found: Comparisons) -> None:
    """Show gains, losses, ranks and tests over several data sets, and the conclusion."""
    from multitide.cli._terminal import say, show_table
    from multitide.study.results import _tables as tables

    first = next(iter(found.studies.values()))
    gains = tables.gain_table(found.gains, found.gains.iloc[:0], first.margin)
    show_table(gains, tables.gain_title(found.reference, first.confidence))
    show_table(tables.loss_table_by_data_set(found.losses), tables.MEAN_LOSS_TITLE)
    show_table(
        tables.standing_table(found.standing),
        "Arms by mean rank over data sets and tasks (1 = lowest loss)",
    )
    show_table(
        tables.pair_table(found.pairs),
        "Pairwise comparisons over data sets (+ = the first arm has the lower loss)",
    )
    say(f"\n{found.in_words()}")
