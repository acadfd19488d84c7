"""Per task: the metrics of all arms, learning curves, and the predictions of one arm."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd
from markupsafe import Markup

from multitide import plot
from multitide.plot._confusion import Confusion, confusion_table
from multitide.plot._style import thinned
from multitide.reports._pages import Row, significant
from multitide.reports._svg import svg
from multitide.reports.study._sentences import is_baseline
from multitide.study import Comparison
from multitide.study.design._protocol import Question
from multitide.study.results._tables import MISSING
from multitide.tasks._metric_table import goodness

MAX_RUNS = 10
MAX_LOSS = 3.0  # in units of the trivial loss; a run that diverges leaves the figure
# The figure of a task with several columns: its title and how to draw it.
SEVERAL_COLUMNS: dict[str, tuple[str, Callable[..., object]]] = {
    "forecast": ("Error by step", plot.error_by_step),
    "multi_label": ("Correct predictions by label", plot.right_by_label),
    "survival": ("Times, predicted and measured", plot.survival_times),
}


@dataclass(frozen=True)
class MetricRow:
    """One metric of a task.

    Attributes
    ----------
    metric, better : str
        Its name, and "higher", "lower" or "near" the level where it is best.
    cells : dict of str to dict
        For each arm its row of ``comparison.figures``, and whether it is among the
        ``best``.
    trivial : dict
        The row that holds the constant predictor's figure as ``trivial``.
    """

    metric: str
    better: str
    cells: dict[str, Row]
    trivial: Row


@dataclass(frozen=True)
class Curves:
    """The learning curves of one arm."""

    arm: str
    n_runs: int
    svg: Markup


@dataclass(frozen=True)
class Predictions:
    """What one run of an arm predicted on the labelled test samples.

    Attributes
    ----------
    arm : str
        The arm.
    seed : int
        The number of the seed, from 1.
    n_labelled, n_drawn : int
        Number of labelled test samples, and of those that the figures show.
    confusion : Confusion or None
        Of a classification.
    figures : list of (str, Markup)
        Titles and figures.
    """

    arm: str
    seed: int
    n_labelled: int
    n_drawn: int
    confusion: Confusion | None = None
    figures: list[tuple[str, Markup]] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What the page shows of one task, with several data sets of a task on one of them."""

    name: str
    kind: str
    arms: list[str]
    metrics: list[MetricRow]
    curves: list[Curves]
    predictions: Predictions | None

    @property
    def table(self) -> pd.DataFrame:
        """The metrics as text: one row per metric, one column per arm."""
        rows = []
        for metric in self.metrics:
            row = {"metric": metric.metric}
            for arm in self.arms:
                row[arm] = _mean_and_sd(metric.cells.get(arm))
            row["trivial"] = significant(metric.trivial["trivial"])
            row["better is"] = metric.better
            rows.append(row)
        return pd.DataFrame(rows)


def _mean_and_sd(row: Row | None) -> str:
    if row is None:
        return MISSING
    if math.isnan(row["sd"]):
        return significant(row["mean"])
    return f"{significant(row['mean'])} ± {significant(row['sd'])}"


def task_outcome(comparison: Comparison, question: Question) -> Outcome:
    """Return what the page shows of one task."""
    figures = comparison.figures
    arms = list(figures.loc[figures["task"] == question.name, "arm"].unique())
    arm = shown_arm(comparison, question.name)
    return Outcome(
        name=question.name,
        kind=question.task.kind,
        arms=arms,
        metrics=metric_rows(comparison, question.name),
        curves=learning_curves(comparison, question),
        predictions=None if arm is None else _predictions(comparison, question, arm),
    )


def metric_rows(comparison: Comparison, task: str) -> list[MetricRow]:
    """Return the metrics of a task for all arms, with the best of each marked."""
    figures = comparison.figures
    rows = []
    for metric, of_metric in figures[figures["task"] == task].groupby(
        "metric", sort=False
    ):
        level = comparison.evidence.targets[task, 0].level_of(str(metric))
        good = goodness(str(metric), of_metric["mean"], level)
        best = _within_the_spread(of_metric, good)
        if level is not None:
            better = f"near {level:g}"
        elif of_metric["higher_is_better"].iloc[0]:
            better = "higher"
        else:
            better = "lower"
        differ = of_metric["mean"].nunique() > 1
        cells = {}
        for row in of_metric.to_dict("records"):
            cells[row["arm"]] = row | {"best": differ and row["arm"] in best}
        trivial = of_metric.iloc[0].to_dict()
        rows.append(MetricRow(metric, better, cells, trivial))
    return rows


def _within_the_spread(of_metric: pd.DataFrame, good: pd.Series) -> set[str]:
    """Return the best arm, and those that the spread over seeds does not tell from it.

    None if that is so of every arm, or if the metric is not defined for any.
    """
    if good.isna().all():
        return set()
    first = good.idxmax()
    spread = np.hypot(
        of_metric["sd"].fillna(0.0), np.nan_to_num(of_metric.loc[first, "sd"])
    )
    within = (of_metric["mean"] - of_metric.loc[first, "mean"]).abs() <= spread
    if within.all():
        return set()
    return set(of_metric.loc[within, "arm"])


def shown_arm(comparison: Comparison, task: str) -> str | None:
    """Return the arm whose predictions are drawn: one that shares a network, if there is any."""

    def rank(arm: str) -> int:
        if is_baseline(comparison, arm):
            return 2
        groups = comparison.settings[arm]["groups"]
        shares = any(task in group and len(group) > 1 for group in groups)
        if shares:
            return 0
        return 1

    candidates = []
    for arm in comparison.arms:
        if comparison.evidence.seeds(arm, task):
            candidates.append(arm)
    return min(candidates, key=rank, default=None)


def learning_curves(comparison: Comparison, question: Question) -> list[Curves]:
    """Draw the losses of training and validation, one figure per arm that has epochs.

    A network trained on several data sets has one curve per task, over the samples of all.
    """
    histories = {}
    for arm in comparison.arms:
        of_arm = _histories(comparison, arm, question)
        if of_arm:
            histories[arm] = of_arm
    top = _highest_loss(histories)
    curves = []
    for arm, of_arm in histories.items():
        kept = _kept_epochs(comparison, arm, question)
        draw = partial(plot.learning_curves, of_arm, kept=kept, top=top)
        drawn = svg(draw, label=f"Learning curves of {question.name}, {arm}")
        curves.append(Curves(arm, len(of_arm), drawn))
    return curves


def _highest_loss(
    histories: Mapping[str, Mapping[Hashable, pd.DataFrame]],
) -> float | None:
    """Return where the axis ends: the same for all arms, so that they can be compared by eye."""
    highest = []
    for of_arm in histories.values():
        for rows in of_arm.values():
            highest.append(rows["loss"].max())
    if not highest:
        return None
    return 1.05 * min(float(np.nanmax(highest)), MAX_LOSS)


def _first_runs(comparison: Comparison, arm: str) -> list[tuple[str, int, int]]:
    return [run for run in comparison.evidence.run_keys if run[0] == arm][:MAX_RUNS]


def _histories(
    comparison: Comparison, arm: str, question: Question
) -> dict[Hashable, pd.DataFrame]:
    """Return for each of the first runs the history of the task's network."""
    histories: dict[Hashable, pd.DataFrame] = {}
    for run in _first_runs(comparison, arm):
        _, seed, fold = run
        fit = comparison.evidence.fit(arm, question.name, seed, fold)
        if fit is not None and len(fit.history):
            histories[run] = fit.history[fit.history["task"] == question.task.name]
    return histories


def _kept_epochs(
    comparison: Comparison, arm: str, question: Question
) -> dict[Hashable, int]:
    """Return for each of the first runs the epoch whose weights were kept."""
    kept: dict[Hashable, int] = {}
    for run in _first_runs(comparison, arm):
        _, seed, fold = run
        fit = comparison.evidence.fit(arm, question.name, seed, fold)
        if fit is not None:
            best = fit.facts.get("best_epoch") or {}
            if question.task.name in best:
                kept[run] = best[question.task.name]
    return kept


def weights(comparison: Comparison) -> list[tuple[str, Markup]]:
    """Draw the loss weights of the first run of each arm that changes them."""
    figures = []
    for arm in comparison.arms:
        runs = _first_runs(comparison, arm)
        if not runs:
            continue
        history = comparison.history(*runs[0])
        if "weight" in history and history["weight"].nunique() > 1:
            draw = partial(plot.task_weights, history)
            figures.append((arm, svg(draw, label=f"Loss weights, {arm}")))
    return figures


def _predictions(comparison: Comparison, question: Question, arm: str) -> Predictions:
    """Draw what one run of an arm predicted on the labelled test samples."""
    seed = comparison.evidence.seeds(arm, question.name)[0]
    if len(question.task.columns) > 1:
        return _of_several_columns(comparison, question, arm, seed)
    tables = _by_fold(comparison, arm, question.name, seed)
    # By position: a class may be called "label".
    pairs = pd.concat([table.iloc[:, 1:3] for table in tables], ignore_index=True)
    probabilities = pd.concat(
        [table.iloc[:, 3:] for table in tables], ignore_index=True
    )
    known = pairs["label"].notna().to_numpy()
    n_labelled = int(known.sum())
    if not n_labelled:
        return Predictions(arm, seed + 1, 0, 0)
    pairs = pairs[known].reset_index(drop=True)
    labels, predicted = pairs["label"].rename(question.name), pairs["predicted"]
    probabilities = probabilities[known].reset_index(drop=True).fillna(0.0)
    if probabilities.shape[1]:
        draw = partial(plot.reliability, labels, probabilities)
        figures = [
            ("Reliability", svg(draw, label=f"Reliability of {question.name}, {arm}"))
        ]
        confusion = confusion_table(labels, predicted)
        return Predictions(arm, seed + 1, n_labelled, n_labelled, confusion, figures)
    few = thinned(n_labelled)
    order, order_name = _order(question.data.test[known])
    labels, predicted = labels.iloc[few], predicted.iloc[few]
    what = f"{question.name}, {arm}"
    figures = _regression_figures(labels, predicted, order[few], order_name, what)
    return Predictions(arm, seed + 1, n_labelled, len(few), figures=figures)


def _of_several_columns(
    comparison: Comparison, question: Question, arm: str, seed: int
) -> Predictions:
    columns = question.task.columns
    table = pd.concat(_by_fold(comparison, arm, question.name, seed), ignore_index=True)
    labels, predicted = pd.DataFrame(), pd.DataFrame()
    for column in columns:
        labels[column] = table[f"label {column}"]
        predicted[column] = table[f"predicted {column}"]
    n_labelled = int(labels.notna().any(axis=1).sum())
    figures = []
    if n_labelled:
        title, draw = SEVERAL_COLUMNS[question.task.kind]
        drawn = svg(
            partial(draw, labels, predicted), label=f"{title} of {question.name}, {arm}"
        )
        figures.append((title, drawn))
    return Predictions(arm, seed + 1, n_labelled, n_labelled, figures=figures)


def _by_fold(
    comparison: Comparison, arm: str, task: str, seed: int
) -> list[pd.DataFrame]:
    """Return the predictions of one seed on the test samples of each fold."""
    folds = range(comparison.evidence.protocol.n_folds)
    tables = []
    for fold in folds:
        tables.append(comparison.predictions(arm, task, seed, fold))
    return tables


def _regression_figures(
    labels: pd.Series,
    predicted: pd.Series,
    order: np.ndarray,
    order_name: str,
    what: str,
) -> list[tuple[str, Markup]]:
    scatter = partial(plot.predicted_vs_measured, labels.rename(""), predicted)
    over = partial(plot.residuals, order, labels, predicted)
    return [
        (
            "Predicted against measured",
            svg(scatter, label=f"{what}: predicted and measured"),
        ),
        (
            f"Residuals over {order_name}",
            svg(over, label=f"{what}: residuals over {order_name}"),
        ),
    ]


def _order(test: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Return the time of the test rows, or their numbers if it is unknown."""
    if "time" in test and test["time"].dtype.kind in "Mif":
        return test["time"].to_numpy(), "time"
    return test["row"].to_numpy(), "the order of the samples"
