"""``multitide evaluate``, ``predict`` and ``info``: what can be done with a run or model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

    from multitide.estimator import MultiTaskEstimator
    from multitide.model.records import DataRecord
    from multitide.samples import Samples

Run = Annotated[Path, typer.Argument(help="A run folder or a model folder.")]
Data = Annotated[Path, typer.Argument(help="A data file like the one that was learned from.")]
Name = Annotated[str | None, typer.Option("--data", help="Which of the model's data sets it is, if it has several.")]
Labels = Annotated[Path | None, typer.Option(help="A second table with the labels, one row a series.")]


def evaluate(
    run: Run,
    data: Data,
    labels: Labels = None,
    name: Name = None,
    output: Annotated[Path | None, typer.Option(help="Write the figures, .csv or .parquet.")] = None,
) -> None:
    """Measure every task on labelled data, next to the best constant answer."""
    from multitide.cli.show import show_metrics
    from multitide.cli.terminal import say, show_note

    if output is not None:
        check_output(output)
    estimator, known, samples = _read(run, data, labels, name, need_labels=True)
    metrics = estimator.evaluate({known: samples})
    show_metrics(metrics, f"{data.name}, {len(samples)} samples")
    if _learned_from(run, data):
        show_note("The model has learned from this file; report.md of its run has the figures on what was held out.")
    if output is not None:
        write_output(metrics, output)
        say(f"\nWritten: [bold]{output}[/]")


def predict(
    run: Run,
    data: Data,
    output: Annotated[Path, typer.Option(help="Write the predictions, .csv or .parquet.")],
    labels: Annotated[
        Path | None, typer.Option(help="The second table, where the model needs static inputs from it.")
    ] = None,
    name: Name = None,
) -> None:
    """Answer every task for every sample: series, time of the sample's last row, answers, class probabilities."""
    from multitide.cli.terminal import say

    check_output(output)
    estimator, known, samples = _read(run, data, labels, name, need_labels=False)
    table = predictions(estimator, samples, known)
    write_output(table, output)
    say(f"Written: [bold]{output}[/], {len(table)} rows; columns: {', '.join(map(str, table.columns))}")


def info(run: Run) -> None:
    """Say what a model is: tasks, parameters, sets of weights, data, versions."""
    from multitide.cli.describe import show_model

    show_model(run)


def predictions(estimator: MultiTaskEstimator, samples: Samples, data: str = "") -> pd.DataFrame:
    """Return one row a sample: which one it is, every answer, ``p(task=class)``, ``p(label)`` and ``q(task=level)``."""
    import pandas as pd

    answers, shares = estimator.predict({data: samples}), estimator.predict_proba({data: samples})
    which = pd.DataFrame({"series": samples.series})
    if samples.time is not None:
        which["time"] = samples.time
    probabilities = [
        frame.set_axis(
            [f"p({name}={value})" if (name := frame.columns.name) else f"p({value})" for value in frame], axis=1
        )
        for frame in shares[data].values()
    ]
    quantiles = [
        frame.set_axis([f"q({task}={level:g})" for level in frame.columns], axis=1)
        for task, frame in estimator.predict_quantiles({data: samples})[data].items()
    ]
    return pd.concat([which, answers[data], *probabilities, *quantiles], axis=1)


def _read(
    run: Path, data: Path, labels: Path | None, name: str | None, *, need_labels: bool
) -> tuple[MultiTaskEstimator, str, Samples]:
    """Return the model, which of its data sets is meant ("": it has one, without a name), and the samples."""
    from multitide.errors import ParameterError
    from multitide.estimator import MultiTaskEstimator
    from multitide.tables import read_like

    estimator = MultiTaskEstimator.load(run)
    seen = _chosen(estimator.stored_.data, name)
    if not seen.reading:
        raise ParameterError(
            f"`run` must be a model that was fitted on a table; {str(run)!r} was fitted on arrays and knows no columns."
            " Use MultiTaskEstimator.load in Python."
        )
    return estimator, seen.name, read_like(seen.reading, data, labels=labels, need_labels=need_labels)


def _chosen(known: list[DataRecord], name: str | None) -> DataRecord:
    """Return the data set of the model that is asked about."""
    from multitide.checks import one_of, suggest
    from multitide.errors import ParameterError

    names = [data.name for data in known]
    if name is None and len(known) == 1:
        return known[0]
    if name in names and name:
        return known[names.index(name)]
    if names == [""]:
        raise ParameterError(f"`--data` must not be given: the model was fitted on one data set; got {name!r}.")
    got = f"got {name!r}.{suggest(name, names)}" if name else "it is not given."
    raise ParameterError(f"`--data` must say which data set it is, {one_of(names)}; {got}")


def _learned_from(run: Path, data: Path) -> bool:
    """Return whether this is the very file that a run says it read."""
    from multitide.toml import read_toml

    config = run / "config.toml"
    learned = read_toml(config)["data"] if config.is_file() else []
    tables = learned if isinstance(learned, list) else [learned]
    return any(Path(table["path"]).resolve() == data.resolve() for table in tables)


def check_output(output: Path) -> None:
    """Raise unless a table can be written there, before any work is done."""
    from multitide.checks import check_choice
    from multitide.errors import StoreError

    check_choice("output", output.suffix.lower(), (".csv", ".parquet"))
    if output.exists():
        raise StoreError(f"`output` must not exist yet; {str(output)!r} does. Choose another name with --output.")
    if not output.parent.is_dir():
        raise StoreError(f"`output` must lie in an existing folder; {str(output.parent)!r} is none.")


def write_output(table: pd.DataFrame, output: Path) -> None:
    """Write a table as the file's name says."""
    from multitide.errors import StoreError

    try:
        if output.suffix.lower() == ".csv":
            table.to_csv(output, index=False)
        else:
            table.to_parquet(output, index=False)
    except OSError as error:
        raise StoreError(f"`output` must be a place that can be written; got {str(output)!r} ({error}).") from error
