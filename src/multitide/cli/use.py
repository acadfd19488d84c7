"""``multitide evaluate``, ``predict`` and ``info``: what can be done with a run or model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from multitide.estimator import MultiTaskEstimator
    from multitide.samples import Samples

Run = Annotated[Path, typer.Argument(help="A run folder or a model folder.")]
Data = Annotated[Path, typer.Argument(help="A data file like the one that was learned from.")]
Labels = Annotated[Path | None, typer.Option(help="A second table with the labels, one row a series.")]


def evaluate(
    run: Run,
    data: Data,
    labels: Labels = None,
    output: Annotated[Path | None, typer.Option(help="Write the figures, .csv or .parquet.")] = None,
) -> None:
    """Measure every task on labelled data, next to the best constant answer."""
    from multitide.cli.show import show_metrics
    from multitide.cli.terminal import say, show_note

    if output is not None:
        _check_output(output)
    estimator, samples = _read(run, data, labels, need_labels=True)
    metrics = estimator.evaluate(samples)
    show_metrics(metrics, f"{data.name}, {len(samples)} samples")
    if _learned_from(run, data):
        show_note("The model has learned from this file; report.md of its run has the figures on what was held out.")
    if output is not None:
        _write(metrics, output)
        say(f"\nWritten: [bold]{output}[/]")


def predict(
    run: Run,
    data: Data,
    output: Annotated[Path, typer.Option(help="Write the predictions, .csv or .parquet.")],
    labels: Annotated[
        Path | None, typer.Option(help="The second table, where the model needs static inputs from it.")
    ] = None,
) -> None:
    """Answer every task for every sample: series, time of the sample's last row, answers, class probabilities."""
    from multitide.cli.terminal import say

    _check_output(output)
    estimator, samples = _read(run, data, labels, need_labels=False)
    table = predictions(estimator, samples)
    _write(table, output)
    say(f"Written: [bold]{output}[/], {len(table)} rows; columns: {', '.join(map(str, table.columns))}")


def info(run: Run) -> None:
    """Say what a model is: tasks, parameters, sets of weights, data, versions."""
    from multitide.cli.describe import show_model

    show_model(run)


def predictions(estimator: MultiTaskEstimator, samples: Samples) -> pd.DataFrame:
    """Return one row a sample: which one it is, every task's answer, and ``p(task=class)`` for every class."""
    import pandas as pd

    which = pd.DataFrame({"series": samples.series})
    if samples.time is not None:
        which["time"] = samples.time
    probabilities = [
        frame.set_axis([f"p({task}={value})" for value in frame.columns], axis=1)
        for task, frame in estimator.predict_proba(samples).items()
    ]
    return pd.concat([which, estimator.predict(samples), *probabilities], axis=1)


def _read(run: Path, data: Path, labels: Path | None, *, need_labels: bool) -> tuple[MultiTaskEstimator, Samples]:
    from multitide.errors import ParameterError
    from multitide.estimator import MultiTaskEstimator
    from multitide.tables import read_like

    estimator = MultiTaskEstimator.load(run)
    if not estimator.reading_:
        raise ParameterError(
            f"`run` must be a model that was fitted on a table; {str(run)!r} was fitted on arrays and knows no columns."
            " Use MultiTaskEstimator.load in Python."
        )
    return estimator, read_like(estimator.reading_, data, labels=labels, need_labels=need_labels)


def _learned_from(run: Path, data: Path) -> bool:
    """Return whether this is the very file that a run says it read."""
    from multitide.toml import read_toml

    config = run / "config.toml"
    return config.is_file() and Path(read_toml(config)["data"]["path"]).resolve() == data.resolve()


def _check_output(output: Path) -> None:
    from multitide.checks import check_choice
    from multitide.errors import StoreError

    check_choice("output", output.suffix.lower(), (".csv", ".parquet"))
    if output.exists():
        raise StoreError(f"`output` must not exist yet; {str(output)!r} does. Choose another name with --output.")
    if not output.parent.is_dir():
        raise StoreError(f"`output` must lie in an existing folder; {str(output.parent)!r} is none.")


def _write(table: pd.DataFrame, output: Path) -> None:
    from multitide.errors import StoreError

    try:
        if output.suffix.lower() == ".csv":
            table.to_csv(output, index=False)
        else:
            table.to_parquet(output, index=False)
    except OSError as error:
        raise StoreError(f"`output` must be a place that can be written; got {str(output)!r} ({error}).") from error
