"""``multitide evaluate``: measure every task on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from multitide.cli._arguments import (
    Data,
    Labels,
    Name,
    Run,
    check_output,
    read_model_and_data,
    write_output,
)


def evaluate(
    run: Run,
    data: Data,
    labels: Labels = None,
    name: Name = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the figures, .csv or .parquet.")
    ] = None,
) -> None:
    """Measure every task on labelled data, next to the best constant answer."""
    from multitide.cli._show import show_metrics
    from multitide.cli._terminal import say, show_note

    if output is not None:
        check_output(output)
    estimator, known, samples = read_model_and_data(run, data, labels, name, need_labels=True)
    metrics = estimator.evaluate({known: samples})
    show_metrics(metrics, f"{data.name}, {len(samples)} samples")
    if _learned_from(run, data):
        show_note(
            "The model has learned from this file; report.md of its run has the figures on what was held out."
        )
    if output is not None:
        write_output(metrics, output)
        say(f"\nWritten: [bold]{output}[/]")


def _learned_from(run: Path, data: Path) -> bool:
    """Return whether this is the very file that a run says it read."""
    from multitide._toml import read_toml

    config = run / "config.toml"
    learned = read_toml(config)["data"] if config.is_file() else []
    tables = learned if isinstance(learned, list) else [learned]
    return any(Path(table["path"]).resolve() == data.resolve() for table in tables)
