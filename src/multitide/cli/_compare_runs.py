"""``multitide compare-runs``: compare an old and a new model on the same samples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from multitide.cli._arguments import Data, Labels, Name
from multitide.cli._output_table import check_output, write_output


def compare_runs(
    old: Annotated[Path, typer.Argument(help="Run folder of the old model.")],
    new: Annotated[Path, typer.Argument(help="Run folder of the new model.")],
    data: Data,
    labels: Labels = None,
    name: Name = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Table to write the comparison to, .csv or .parquet."),
    ] = None,
) -> None:
    """Compare an old and a new model on the same labelled samples.

    Samples that either model was trained on are left out. A gain above 0 means that the new model
    is better.
    """
    from multitide._compare_runs import compare_runs as compare
    from multitide.cli._terminal import bold, quietly, say, show_note, show_table

    if output is not None:
        check_output(output)
    with quietly():
        comparison = compare(old, new, data, labels=labels, data_set=name)
    title = f"{Path(data).name}, {comparison.n_samples} samples: {new} against {old}"
    names = {"n_labelled": "labelled", "n_groups": "groups"}
    show_table(comparison.table.rename(columns=names), title)
    for note in comparison.notes:
        show_note(note)
    show_note(
        "gain: "
        "how much better the new model is, with the 95 % interval "
        "for new test groups (series, or blocks of time). "
        "It holds for these two models, not for other seeds."
    )
    if output is not None:
        write_output(comparison.table, output)
        say("\nWritten: ", bold(output))
