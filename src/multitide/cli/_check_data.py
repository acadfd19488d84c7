"""``multitide check-data``: what differs between new data and the training data of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multitide.cli._arguments import (
    Data,
    Labels,
    Name,
    Run,
    read_model_and_data,
)
from multitide.cli._output_table import check_output, write_output
from multitide.cli._written import Written, takes_written

if TYPE_CHECKING:
    from multitide.drift import DriftReport

MOST_SHOWN = 20  # columns without drift are shown up to this number


@takes_written
def check_data(
    run: Run,
    data: Data,
    threshold: Annotated[
        float, typer.Option(help="Scores above it are drift: exit code 1.")
    ] = 2.0,
    labels: Labels = None,
    name: Name = None,
    *,
    written: Written,
    output: Annotated[
        Path | None,
        typer.Option(help="Table to write all columns to, .csv or .parquet."),
    ] = None,
) -> None:
    """Say what differs between new data and those that a model was trained on.

    The score of a channel, input, label or prediction is its difference from the training data,
    over what chance explains: how parts of the training data of the same size differ. The exit
    code is 1 if a score is above the threshold, 0 if none is, and 2 for wrong input.
    """
    from multitide.cli._terminal import bold, say
    from multitide.drift import check_data as check

    if output is not None:
        check_output(output)
    model, data_set, samples = read_model_and_data(
        run,
        data,
        labels,
        name,
        need_labels=False,
        **written.options(),
    )
    given = {data_set: samples} if data_set else samples
    found = check(model, given, threshold=threshold)
    _show(found)
    if output is not None:
        write_output(found.table, output)
        say("\nWritten: ", bold(output))
    if found.drifted:
        raise typer.Exit(1)


def _show(found: DriftReport) -> None:
    """Show what drifted, and the next columns; then a sentence."""
    from multitide.cli._terminal import say, show_table
    from multitide.drift._drift_report import FEW_PARTS

    n_drifted = int(found.table["drifted"].sum())
    shown = found.table.head(max(MOST_SHOWN, n_drifted)).drop(columns="kind")
    shown = shown.assign(drifted=shown["drifted"].map({True: "yes", False: ""}))
    names = {"missing_in_training": "in training"}
    title = f"{found.n_samples} samples against {found.n_in_training} of training"
    show_table(shown.rename(columns=names), title)
    if found.too_few:
        say(
            f"\nThe training data are worth fewer than {FEW_PARTS} independent recordings of this "
            "size: too few to judge any but large differences."
        )
    unknown = found.table.loc[found.table["usual"] == float("inf"), "name"]
    if len(unknown):
        say(
            "\nThe training data are too short to show how far these usually vary: "
            f"{', '.join(unknown)}. Only missing values, constant values and values of another "
            "magnitude count as drift there."
        )
    if n_drifted:
        say(
            f"\nDrift: {n_drifted} of {len(found.table)} columns have a score above "
            f"{found.threshold:g}."
        )
    else:
        say(f"\nNo drift: no score is above {found.threshold:g}.")
