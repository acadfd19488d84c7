"""The report of a run: data, tasks, protocol, metrics, figures, and how to repeat it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from multitide import plot
from multitide._checks import counted, named_values
from multitide._estimator import MultiTaskEstimator
from multitide._installed_versions import installed_versions
from multitide._result_folder import write_file
from multitide.config._prepare import Prepared
from multitide.data._data_sets import DataSets
from multitide.data._how_split import how_split
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.ensemble._ensemble import Ensemble
from multitide.model._after_training import after_training, against_test
from multitide.model._sizes import tasks_without_epochs
from multitide.plot._style import short
from multitide.reports._calibration_section import (
    calibration_sections,
    reliability_figures,
)
from multitide.reports._class_sections import class_sections, curve_figures
from multitide.reports._figures import Draw, file_names, save_figure
from multitide.reports._markdown import code, code_block, markdown
from multitide.reports._model_lines import (
    Model,
    candidate_table,
    kept_losses,
    member_table,
    model_lines,
    training_sentences,
)
from multitide.reports._pages import markdown_table
from multitide.reports._section import Section
from multitide.reports._write_run_page import RunPage, write_run_page
from multitide.tasks import Forecast, Task
from multitide.tasks._forecast import last_values
from multitide.tasks._metric_table import better_than_trivial, disagreement
from multitide.training._decode_samples import Decoded

# Explanations of metrics that only some kinds of task have.
EXPLAINED = {
    "skill": (
        '"persistence_rmse" is the RMSE of repeating the last '
        'value, and "skill" is 1 - (RMSE / persistence_rmse)^2: '
        "below 0, repeating the last value is better."
    ),
    "mape": (
        '"mape" is the mean of |error| / |label|, as a fraction: '
        "0.25 is 25 %; it becomes very large for labels near 0."
    ),
    "coverage": (
        '"coverage" is the fraction of labels between '
        "the outermost quantiles, which should equal "
        'the difference of their levels, and "width" '
        "is the mean distance between these quantiles."
    ),
}
ABOUT_CANDIDATES = (
    'With `backbone = "auto"`, the prediction of each task is a weighted mean of the candidates. '
    "The validation set chose the weights. The table shows its losses (1 = the best constant), of "
    "each candidate and of their mean."
)
ABOUT_MEMBERS = (
    "The prediction of a task is the weighted mean of its members, and that of a member the mean "
    'of its fits. "validation loss" is in units of the trivial loss; that of the ensemble is '
    "slightly optimistic, because the weights were chosen on these samples."
)
# How the predictions of a task are drawn, by its kind.
FIGURES: dict[str, Callable[..., object]] = {
    "classification": plot.confusion,
    "multi_label": plot.right_by_label,
    "forecast": plot.error_by_step,
    "survival": plot.survival_times,
}


@dataclass(frozen=True)
class RunReport:
    """The content of a run's report.

    Attributes
    ----------
    title : str
        The name of the run.
    command : str
        The command, or the call in Python, that made it.
    prepared : Prepared
        The configuration with its data.
    estimator : MultiTaskEstimator or Ensemble
        The fitted model.
    metrics : DataFrame
        ``estimator.evaluate`` on the test sets.
    predictions : mapping of str to DataFrame
        ``estimator.predict`` on the test set of each data set.
    decoded : mapping of str to dict
        ``estimator.decode`` on them; without it, nothing is said of calibration and intervals.
    """

    title: str
    command: str
    prepared: Prepared
    estimator: Model
    metrics: pd.DataFrame
    predictions: Mapping[str, pd.DataFrame]
    decoded: Mapping[str, Decoded] = field(default_factory=dict)


def write_run_report(report: RunReport, folder: Path) -> Path:
    """Write ``report.md``, its figures and ``report.html`` into an existing run folder.

    Returns
    -------
    path
        Of ``report.md``.
    """
    figures = _write_figures(report, folder / "figures")
    metrics = report.metrics
    sections = [
        f"# {markdown(report.title)}",
        _summary(report),
        "## Tasks",
        markdown_table(_by_data_set(report, _described)),
        "## Protocol",
        _protocol(report),
        markdown_table(_by_data_set(report, lambda _, data: labelled_counts(data))),
        "## Metrics on the test set",
        markdown_table(_judged(metrics)),
        _about_metrics(metrics),
    ]
    known = report.estimator, report.prepared.test_sets, report.decoded
    about_classes = class_sections(*known)
    about_calibration = calibration_sections(*known)
    for section in about_classes:
        sections += section.as_markdown()
    sentences = _to_look_at(report)
    if sentences:
        items = "\n".join(f"- {markdown(sentence)}" for sentence in sentences)
        sections += ["## To look at", items]
    for section in about_calibration:
        sections += section.as_markdown()
    for path in figures:
        sections.append(f"![{path.stem}]({path.relative_to(folder).as_posix()})")
    sections += _parts(report.estimator)
    sections += ["## Repeat it", _repeat(report)]
    path = folder / "report.md"
    write_file(path, "\n\n".join(sections) + "\n")
    page = _page(report, sentences, figures, [*about_classes, *about_calibration])
    write_run_page(page, folder)
    return path


def _page(
    report: RunReport,
    to_look_at: Sequence[str],
    figures: Sequence[Path],
    sections: Sequence[Section],
) -> RunPage:
    tables = {
        "Tasks": _by_data_set(report, _described),
        "Labelled samples": _by_data_set(report, lambda _, data: labelled_counts(data)),
    }
    if isinstance(report.estimator, Ensemble):
        tables["Members"] = member_table(report.estimator)
    elif len(candidates := candidate_table(report.estimator)):
        tables["Candidates"] = candidates
    return RunPage(
        title=report.title,
        command=report.command,
        metrics=_judged(report.metrics),
        to_look_at=to_look_at,
        figures=figures,
        sections=sections,
        tables=tables,
        versions=named_values(installed_versions()),
    )


def _parts(model: Model) -> list[str]:
    """Return the section about the members of an ensemble, or about what "auto" has tried."""
    if isinstance(model, Ensemble):
        return ["## Members", ABOUT_MEMBERS, markdown_table(member_table(model))]
    candidates = candidate_table(model)
    if not len(candidates):
        return []
    return ["## Candidates", ABOUT_CANDIDATES, markdown_table(candidates)]


def _to_look_at(report: RunReport) -> list[str]:
    """Say what the user should know of the training and the test."""
    estimator = report.estimator
    found = []
    if isinstance(estimator, MultiTaskEstimator):
        found = after_training(
            estimator.model_,
            estimator.history_,
            estimator.best_epoch_,
            estimator.candidates_,
            [data.validation_set for data in report.prepared.data],
        )
    return found + against_test(kept_losses(estimator), report.metrics)


def _write_figures(report: RunReport, folder: Path) -> list[Path]:
    """Draw the history and, for every task, predictions against labels of the test set."""
    figures = []
    if isinstance(report.estimator, MultiTaskEstimator):
        figures = _history_figures(report.estimator)
    for data_set, test_set in report.prepared.test_sets.items():
        predictions = report.predictions[data_set]
        for task in report.estimator.tasks_:
            if task.columns[0] in predictions:
                if data_set:
                    words = ["test", data_set, task.name]
                else:
                    words = ["test", task.name]
                figures.append(
                    ("_".join(words), _task_figure(task, test_set, predictions))
                )
    known = report.estimator, report.prepared.test_sets, report.decoded
    figures += curve_figures(*known)
    figures += reliability_figures(*known)
    paths = []
    names = file_names([name for name, _ in figures])
    for name, (_, draw) in zip(names, figures, strict=True):
        path = save_figure(draw, folder / f"{name}.png")
        if path is not None:
            paths.append(path)
    return paths


def _task_figure(task: Task, test_set: Samples, predictions: pd.DataFrame) -> Draw:
    columns: str | list[str] = task.columns
    if len(task.columns) == 1:
        columns = task.columns[0]
    draw: Callable[..., object] = FIGURES.get(task.kind, plot.predicted_vs_measured)
    if isinstance(task, Forecast):
        draw = partial(draw, last=last_values(test_set, task))

    def titled(ax: Axes) -> None:
        draw(test_set.y[columns], predictions[columns], ax)
        ax.set_title(short(task.name, max_letters=60))

    return titled


def _history_figures(estimator: MultiTaskEstimator) -> list[tuple[str, Draw]]:
    """Return the figures of the history; weights and gradients only if there are any."""
    others = tasks_without_epochs(estimator.model_)
    epochs = estimator.history_[~estimator.history_["task"].isin(others)]
    if not len(epochs):
        return []
    figures: list[tuple[str, Draw]] = [
        ("history", partial(plot.history, epochs, best=estimator.best_epoch_))
    ]
    if (epochs["weight"] != 1).any():
        figures.append(("weights", partial(plot.weights, epochs)))
    if "gradient_norm" in epochs and (epochs["gradient_norm"] > 0).any():
        figures.append(("gradient_norms", partial(plot.gradient_norms, epochs)))
    if epochs.filter(regex=r"^cosine\(").notna().any(axis=None):
        figures.append(("cosines", partial(plot.cosines, epochs)))
    return figures


def _by_data_set(
    report: RunReport, table: Callable[[RunReport, SplitData], pd.DataFrame]
) -> pd.DataFrame:
    """Concatenate a table of every data set, with their names if they have any."""
    tables = []
    for data in report.prepared.data:
        own = table(report, data)
        if data.name != DataSets.UNNAMED:
            own.insert(0, "data", data.name)
        tables.append(own)
    return pd.concat(tables, ignore_index=True)


def _described(report: RunReport, data: SplitData) -> pd.DataFrame:
    described = report.prepared.describe_tasks(data)
    return described.drop(columns=["declared", "to_change"]).rename(
        columns={"n_labelled": "labelled", "n_samples": "samples"}
    )


def labelled_counts(data: SplitData) -> pd.DataFrame:
    """Return the number of labelled samples per task and set."""
    counts = data.split.counts(data.samples.y)
    return counts.rename_axis("labelled samples").reset_index()


def _judged(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics with a column that says whether each is better than the constant's."""
    table = metrics.drop(columns="higher_is_better").rename(
        columns={"n_labelled": "labelled"}
    )
    table.insert(
        table.columns.get_loc("trivial") + 1, "better", better_than_trivial(metrics)
    )
    return table


def _about_metrics(metrics: pd.DataFrame) -> str:
    text = (
        '"trivial" is the metric of the best constant '
        "prediction (computed from the training labels), and "
        '"better" says whether the value is better than that. '
        "RMSE and MAE are in the units of the label. "
        '"loss" is in units of the constant\'s '
        "loss on the training set: "
        "0 is perfect. "
        "On the test set the constant itself has the loss "
        'in the column "trivial", which need not be 1.'
    )
    present = set(metrics["metric"])
    for name, about in EXPLAINED.items():
        if name in present:
            text += f" {about}"
    return f"{text} {markdown(disagreement(metrics))}".rstrip()


def _summary(report: RunReport) -> str:
    lines = []
    for section, seen in zip(
        report.prepared.config.data, report.estimator.data_, strict=True
    ):
        if section.name:
            name = markdown(f" {section.name!r}")
        else:
            name = ""
        lines.append(
            f"- data{name}: "
            f"{code(section.options['path'])}, {counted(len(seen.channels), 'channel')}, "
            f"samples of up to {seen.n_timepoints} steps; "
            "fingerprint of the training and validation set: "
            f"`{seen.fingerprint}`"
        )
    lines += model_lines(report.estimator)
    return "\n".join(lines)


def _protocol(report: RunReport) -> str:
    rules = []
    for data in report.prepared.data:
        splitter = report.prepared.config.section(data.name).splitter(data.samples)
        if data.name:
            name = f"{data.name!r} "
        else:
            name = ""
        rules.append(
            markdown(
                f"{name}{how_split(splitter)} ({splitter.test:g} for the test set)"
            )
        )
    sentences = [
        f"The samples were split {'; '.join(rules)}.",
        *training_sentences(report.estimator),
    ]
    return " ".join(sentences)


def _repeat(report: RunReport) -> str:
    versions = named_values(installed_versions())
    return (
        f"This run was made by\n\n{code_block(report.command)}\n\n"
        "All settings are in `config.toml` in this folder: "
        "`multitide fit config.toml --output "
        "ANOTHER_FOLDER` repeats the run. "
        f"Versions: {versions}."
    )
