"""``multitide explain``: which inputs the predictions of a model rest on, as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multitide.cli._arguments import (
    Data,
    Labels,
    Name,
    Run,
    command_line,
    read_model_and_data,
)
from multitide.cli._written import Written, takes_written

if TYPE_CHECKING:
    from multitide.reasons import Explanation

MOST_SHOWN = 5  # inputs per task, in the terminal


@takes_written
def explain(
    run: Run,
    data: Data,
    row: Annotated[
        int | None,
        typer.Option(
            help="Also explain this sample, counted from 0 like the rows that `predict` writes."
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help='Inputs that are permuted together: "a,b,c" (repeatable), or "correlated" for '
            "all channels that correlate."
        ),
    ] = None,
    segments: Annotated[
        int, typer.Option(help="Parts of the series that are permuted.")
    ] = 8,
    repeats: Annotated[int, typer.Option(help="Permutations of each part.")] = 5,
    max_samples: Annotated[
        int, typer.Option(help="Most samples to use, drawn at random.")
    ] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the permutations.")] = 0,
    output: Annotated[Path, typer.Option(help="Page to write.")] = Path("explain.html"),
    labels: Labels = None,
    name: Name = None,
    *,
    written: Written,
) -> None:
    """Say which channels, static inputs and segments of time matter for each task.

    Each is permuted between samples, and the loss rises by as much as the predictions rest on it.
    With --row, the page also shows how each value of one series moves its predictions.
    """
    from multitide.cli._terminal import bold, say, show_note
    from multitide.reasons import explain as explain_model
    from multitide.reports._write_explanation import check_page, write_explanation

    check_page(output, "output")
    model, data_set, samples = read_model_and_data(
        run,
        data,
        labels,
        name,
        need_labels=False,
        **written.options(),
    )
    found = explain_model(
        model,
        {data_set: samples} if data_set else samples,
        row=row,
        n_segments=segments,
        groups=_groups(group),
        n_repeats=repeats,
        max_samples=max_samples,
        random_state=seed,
    )
    write_explanation(found, output, command=command_line())
    _show(found)
    for note in found.notes:
        show_note(note)
    say("\nWritten: ", bold(output))


def _groups(given: list[str] | None) -> list[list[str]] | str | None:
    """Return the groups of channels: lists of names, or the word for those that are found."""
    from multitide.reasons._input_parts import CORRELATED

    if not given:
        return None
    if given == [CORRELATED]:
        return CORRELATED
    groups = []
    for text in given:
        groups.append([name.strip() for name in text.split(",")])
    return groups


def _show(found: Explanation) -> None:
    """Show the most important inputs of each task."""
    from multitide.cli._terminal import show_table

    table = found.importance
    for task, rows in table.groupby("task", sort=False):
        inputs = rows[rows["kind"] != "segment"].head(MOST_SHOWN)
        shown = inputs[["input", "kind", "loss", "loss_low", "loss_high", "change"]]
        metric = inputs["metric"].iloc[0]
        names = {"loss": "rise of the loss", "loss_low": "low", "loss_high": "high"}
        shown = shown.rename(columns=names | {"change": f"{metric} worse by"})
        show_table(shown, f"{task}, permuted on {found.n_samples} samples")
