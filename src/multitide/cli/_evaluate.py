"""``multitide evaluate``: compute the metrics of every task on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from multitide.cli._arguments import (
    Data,
    Interval,
    Labels,
    Name,
    Run,
    read_model_and_data,
)
from multitide.cli._output_table import check_output, write_output
from multitide.cli._written import Written, takes_written


@takes_written
def evaluate(
    run: Run,
    data: Data,
    labels: Labels = None,
    name: Name = None,
    *,
    written: Written,
    output: Annotated[
        Path | None,
        typer.Option(help="Table to write the metrics to, .csv or .parquet."),
    ] = None,
    interval: Interval = None,
) -> None:
    """Compute the metrics of every task on labelled data.

    Each metric is shown next to that of the best constant prediction. With --interval 0.9, a second
    table shows how many labels are in the intervals and sets of this level, and how wide these are.
    The file is read as the training data were; options say where it is written in another way.
    """
    from multitide.cli._show import show_intervals, show_metrics
    from multitide.cli._show_model_facts import show_decisions
    from multitide.cli._terminal import bold, say, show_note

    if output is not None:
        check_output(output)
    model, data_set, samples = read_model_and_data(
        run,
        data,
        labels,
        name,
        need_labels=True,
        **written.options(),
    )
    given = {data_set: samples} if data_set else samples
    if interval is not None:
        coverage = model.evaluate_interval(given, level=interval)
    metrics = model.evaluate(given)
    show_metrics(metrics, f"{Path(data).name}, {len(samples)} samples")
    if interval is not None:
        show_intervals(coverage)
    show_decisions(model)
    if _was_fitted_on(run, data):
        show_note(
            "The model was fitted on this file. "
            "The metrics of its test set are in report.md of the run."
        )
    if output is not None:
        write_output(metrics, output)
        say("\nWritten: ", bold(output))


def _was_fitted_on(run: str, data: str) -> bool:
    """Return whether a run read this very file."""
    from multitide._toml import read_toml

    config = Path(run) / "config.toml"
    if not config.is_file():
        return False
    tables = read_toml(config)["data"]
    if not isinstance(tables, list):
        tables = [tables]
    return any(
        Path(table["path"]).resolve() == Path(data).resolve() for table in tables
    )
