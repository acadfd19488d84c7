"""The report of a run: what was asked, how it was measured, what came out, and the command that repeats it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from multitide import plot
from multitide.data._splits import Split, Splitter
from multitide.fitting._recipe import make_part
from multitide.model._sizes import ending_weights, size_in_words
from multitide.model._store import installed_versions
from multitide.reports._figures import Draw, file_names, save_figure
from multitide.reports._pages import markdown_table
from multitide.tasks import Forecast
from multitide.tasks._forecast import last_values
from multitide.tasks._metrics import better_than_trivial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from multitide._estimator import MultiTaskEstimator
    from multitide.data._samples import Samples

# What figures mean that only some kinds of task have.
EXPLAINED = {
    "skill": '"persistence_rmse" is the error of the last value as a forecast, and "skill" is 1 - (RMSE / that)^2: '
    "below 0, repeating the last value forecasts better.",
    "mape": '"mape" is the mean of |error| / |label|, a share: 0.25 is 25 %; labels near 0 make it huge.',
    "coverage": '"coverage" is the share of labels between the outermost quantiles, which should be the difference of '
    'their levels, and "width" the mean distance between these.',
}
# How a task's answers are drawn, by its kind.
FIGURES: dict[str, Callable[..., Any]] = {
    "classification": plot.confusion,
    "multi_label": plot.right_by_label,
    "forecast": plot.error_by_step,
}


@dataclass(frozen=True)
class MeasuredData:
    """A data set of a run, and how it was cut.

    Attributes
    ----------
    name : str
        Its name; "" if it is the only one and has none.
    source : str
        Where it came from.
    samples : Samples
        Of all sides.
    tasks : DataFrame
        From :func:`multitide.tasks.describe_tasks`.
    splitter, split : Splitter, Split
        How the sides were cut, and the sides.
    """

    name: str
    source: str
    samples: Samples
    tasks: pd.DataFrame
    splitter: Splitter
    split: Split

    @property
    def counts(self) -> pd.DataFrame:
        """Labelled samples, task x side."""
        return self.split.counts(self.samples.y)

    @property
    def test(self) -> Samples:
        """The test part."""
        return self.samples[self.split.test]


@dataclass(frozen=True)
class Report:
    """What a report says beyond the estimator itself.

    Attributes
    ----------
    command : str
        As it was typed.
    data : sequence of MeasuredData
        The data sets, most often one.
    metrics : DataFrame
        ``estimator.evaluate`` on the test part.
    """

    command: str
    data: Sequence[MeasuredData]
    metrics: pd.DataFrame


def write_report(report: Report, estimator: MultiTaskEstimator, folder: Path) -> Path:
    """Write ``report.md`` and its figures into a run folder.

    Parameters
    ----------
    report : Report
        What was asked and measured.
    estimator : MultiTaskEstimator
        Fitted.
    folder : path
        Exists already.

    Returns
    -------
    path
        Of ``report.md``.
    """
    figures = write_figures(report, estimator, folder / "figures")
    sections = [
        f"# {folder.name}",
        _what(report, estimator),
        "## Tasks",
        markdown_table(
            _of_all(report, lambda data: data.tasks.drop(columns=["declared", "to_change"]))
        ),
        "## Protocol",
        _protocol(report, estimator),
        markdown_table(
            _of_all(report, lambda data: data.counts.rename_axis("labelled samples").reset_index())
        ),
        "## Figures on the test part",
        markdown_table(_judged(report.metrics)),
        'Beside each value stands "trivial", that of the best constant answer of the training labels, and whether the '
        'value is better. RMSE and MAE are in the units of the label. "loss" is in units of that constant\'s loss on '
        "the training part: 0 is perfect, and on this part the constant itself is at the value beside it, not at 1."
        + _more_figures(report.metrics),
        *(f"![{path.stem}]({path.relative_to(folder).as_posix()})" for path in figures),
        "## Repeat it",
        _repeat(report, estimator),
    ]
    path = folder / "report.md"
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


def write_figures(report: Report, estimator: MultiTaskEstimator, folder: Path) -> list[Path]:
    """Write the history, and for every task its predictions against its labels on the test part, as PNG files."""
    folder.mkdir()
    figures: list[tuple[str, Draw]] = []
    for name, line in _of_history(estimator.history_, estimator.best_epoch_).items():
        figures.append((name, partial(line, estimator.history_)))
    for data in report.data:
        test = data.test
        predicted = estimator.predict({data.name: test})[data.name]
        for task in estimator.tasks_:
            if task.columns[0] not in predicted:
                continue
            draw = FIGURES.get(task.kind, plot.predicted_vs_measured)
            columns = task.columns[0] if len(task.columns) == 1 else task.columns
            if isinstance(task, Forecast):
                draw = partial(draw, last=last_values(test, task))
            name = "_".join(filter(None, ["test", data.name, task.name]))
            figures.append((name, partial(draw, test.y[columns], predicted[columns])))
    paths = []
    unique = file_names([name for name, _ in figures])
    for name, (_, draw) in zip(unique, figures, strict=True):
        paths.append(save_figure(draw, folder / f"{name}.png"))
    return [path for path in paths if path is not None]


def _of_history(
    epochs: pd.DataFrame, best: dict[str, int]
) -> dict[str, Callable[[pd.DataFrame, Axes], Axes]]:
    """Return by name what there is to draw of a history: weights that are not all 1, gradients where recorded."""
    draw: dict[str, Callable[[pd.DataFrame, Axes], Axes]] = {
        "history": partial(plot.history, best=best)
    }
    if (epochs["weight"] != 1).any():
        draw["weights"] = plot.weights
    if "gradient_norm" in epochs and (epochs["gradient_norm"] > 0).any():
        draw["gradient_norms"] = plot.gradient_norms
    if epochs.filter(regex=r"^cosine\(").notna().any(axis=None):
        draw["cosines"] = plot.cosines
    return draw


def _of_all(report: Report, table: Callable[[MeasuredData], pd.DataFrame]) -> pd.DataFrame:
    """Return a table of every data set below each other, with their names where they have any."""
    tables = [table(data).assign(data=data.name) for data in report.data]
    joined = pd.concat(tables, ignore_index=True)
    names = joined.pop("data")
    if names.any():
        joined.insert(0, "data", names)
    return joined


def _judged(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the figures with whether each is better than the constant's, instead of which way is better."""
    table = metrics.drop(columns="higher_is_better").rename(columns={"n_labelled": "labelled"})
    table.insert(table.columns.get_loc("trivial") + 1, "better", better_than_trivial(metrics))
    return table


def _more_figures(metrics: pd.DataFrame) -> str:
    """Explain the figures that only some kinds of task have."""
    return "".join(f" {text}" for name, text in EXPLAINED.items() if name in set(metrics["metric"]))


def _what(report: Report, estimator: MultiTaskEstimator) -> str:
    weights = ", ".join(
        f"{task} {weight:.4g}" for task, weight in ending_weights(estimator.history_).items()
    )
    return (
        "".join(
            f"- data{f' {data.name!r}' if data.name else ''}: `{data.source}`, {len(seen.channels)} channels, samples of "
            f"up to {seen.n_timepoints} steps; fingerprint of the training and validation part: `{seen.fingerprint}`\n"
            for data, seen in zip(report.data, estimator.stored_.data, strict=True)
        )
        + (
            f"- parameters: {size_in_words(estimator.model_, estimator.representation_)}; "
            f"{trained_for(estimator)}"
        )
        + (f"\n- weights of the tasks' losses in the last epoch: {weights}" if weights else "")
    )


def trained_for(estimator: MultiTaskEstimator) -> str:
    """Return "trained for 39 epochs in 46 s"; heads that are solved have no epochs."""
    n_epochs = estimator.history_["epoch"].max()
    epochs = f"for {n_epochs} epochs " if n_epochs > 1 else ""
    return f"trained {epochs}in {estimator.seconds_:.0f} s"


def answering_epochs(estimator: MultiTaskEstimator) -> str:
    """Return the epoch whose weights answer each task, as "load 24, state 20"."""
    return ", ".join(f"{task} {epoch}" for task, epoch in estimator.best_epoch_.items())


def how_split(splitter: Splitter) -> str:
    """Return "by time", "at random", ..."""
    if splitter.by == "random":
        return "at random"
    return f"by {splitter.by}" + (f" `{splitter.column}`" if splitter.column else "")


def _protocol(report: Report, estimator: MultiTaskEstimator) -> str:
    split = "; ".join(
        f"{f'{d.name!r} ' if d.name else ''}{how_split(d.splitter)} ({d.splitter.test:g} for the test part)"
        for d in report.data
    )
    refit = make_part("training", estimator.training).get_params()["refit"]
    again = " Then it was trained once more, on both parts, for as many epochs." if refit else ""
    return (
        f"The samples were split {split}. The network and its "
        f"scalers saw the training part only, and the validation part chose the epoch.{again} The test part was "
        "read once, for the figures below. "
        f'Epoch that answers each task (`keep = "{estimator.keep}"`): {answering_epochs(estimator)}.'
    )


def _repeat(report: Report, estimator: MultiTaskEstimator) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in installed_versions().items())
    return (
        f"It was made by\n\n```\n{report.command}\n```\n\nand `config.toml` beside this page says all of it: "
        f"`multitide fit config.toml --output ANOTHER_FOLDER` repeats it. "
        f"Versions: {versions}."
    )
