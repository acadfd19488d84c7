"""``multitide evaluate``: compute the metrics of every task on labelled data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multitide._local_copy import is_url, local_folder
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

if TYPE_CHECKING:
    from multitide.config._data_section import DataSection
    from multitide.data._samples import Samples


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
    with local_folder("run", run) as folder:
        model, data_set, samples = read_model_and_data(
            str(folder),
            data,
            labels,
            name,
            need_labels=True,
            **written.options(),
        )
        samples = grouped_as_split(folder, data_set, samples)
        was_fitted_on = _was_fitted_on(folder, data)
    given = {data_set: samples} if data_set else samples
    if interval is not None:
        coverage = model.evaluate_interval(given, level=interval)
    metrics = model.evaluate(given)
    show_metrics(metrics, f"{Path(data).name}, {len(samples)} samples")
    if interval is not None:
        show_intervals(coverage)
    show_decisions(model)
    if was_fitted_on:
        show_note(
            "The model was fitted on this file. "
            "The metrics of its test set are in report.md of the run."
        )
    if output is not None:
        write_output(metrics, output)
        say("\nWritten: ", bold(output))


def _was_fitted_on(run: Path, data: str) -> bool:
    """Return whether a run read this very file."""
    for section in _sections(run):
        path = section.options["path"]
        if not is_url(path) and Path(path).resolve() == Path(data).resolve():
            return True
    return False


def grouped_as_split(run: Path, data_set: str, samples: Samples) -> Samples:
    """Return samples with the groups that the split of a run kept whole, if they have them.

    Intervals promise a coverage for new groups.
    """
    for section in _sections(run):
        column = section.split.get("column")
        is_asked = section.name == data_set and section.split.get("by") == "group"
        if is_asked and samples.extra is not None and column in samples.extra:
            return samples.replace(unit=samples.extra[column].to_numpy())
    return samples


def _sections(run: Path) -> Sequence[DataSection]:
    """Return the data sets in the configuration of a run; none of a model."""
    from multitide.config._config_of_run import config_of_run

    config = config_of_run(run)
    if config is None:
        return []
    return config.data
