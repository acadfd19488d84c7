"""Task by task: figures beside the trivial predictor, learning curves, and what the shared network answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from multitide import plot
from multitide.plot._study import thinned
from multitide.reports._svg import svg
from multitide.reports.study._sentences import is_baseline
from multitide.study import Comparison
from multitide.study.design._protocol import Question

MOST_CLASSES = 20
MOST_RUNS = 10
HIGHEST_LOSS = 3.0  # in units of the trivial loss; a run that diverges leaves the picture
OTHERS = "(others)"
# How the answers to a task of several columns are drawn.
SEVERAL: dict[str, tuple[str, Callable[..., Any]]] = {
    "forecast": ("Error by step", plot.error_by_step),
    "multi_label": ("Right answers by label", plot.right_by_label),
}


def task_outcome(comparison: Comparison, asked: Question) -> dict[str, Any]:
    """Return what the page shows of one task, with several data sets on one of them."""
    arm = shown_arm(comparison, asked.name)
    return {
        "name": asked.name,
        "kind": asked.task.kind,
        "figures": figure_rows(comparison, asked.name),
        "arms": list(comparison.figures.query("task == @asked.name")["arm"].unique()),
        "curves": learning_curves(comparison, asked),
        "arm": arm,
        **({} if arm is None else _answers(comparison, asked, arm)),
    }


def figure_rows(comparison: Comparison, task: str) -> list[dict[str, Any]]:
    """Return one entry a metric: the figure of every arm, the best of them marked, and the trivial predictor's."""
    figures = comparison.figures
    rows = []
    for metric, found in figures[figures["task"] == task].groupby("metric", sort=False):
        higher = bool(found["higher_is_better"].iloc[0])
        best = found["mean"].max() if higher else found["mean"].min()
        differ = found["mean"].nunique() > 1
        cells = {
            row["arm"]: row | {"best": differ and row["mean"] == best}
            for row in found.to_dict("records")
        }
        rows.append(
            {
                "metric": metric,
                "better": "higher" if higher else "lower",
                "cells": cells,
                **_trivial(found),
            }
        )
    return rows


def shown_arm(comparison: Comparison, task: str) -> str | None:
    """Return the arm whose answers are drawn: the first that shares a network, else the first network, else any."""
    answering = [arm for arm in comparison.arms if comparison.evidence.seeds(arm, task)]

    def rank(arm: str) -> int:
        groups = comparison.settings[arm]["groups"]
        shares = any(task in group and len(group) > 1 for group in groups)
        return 2 if is_baseline(comparison, arm) else 0 if shares else 1

    return min(answering, key=rank, default=None)


def learning_curves(comparison: Comparison, asked: Question) -> list[dict[str, Any]]:
    """Draw the losses of training and validation, one figure an arm that has epochs.

    A network that learned a task of several data sets has one curve for it, over the rows of all.
    """
    found = {arm: _histories(comparison, arm, asked) for arm in comparison.arms}
    found = {arm: (histories, kept) for arm, (histories, kept) in found.items() if histories}
    # The same height for all arms, so that they can be compared by eye.
    highest = [rows["loss"].max() for histories, _ in found.values() for rows in histories.values()]
    top = 1.05 * min(float(np.nanmax(highest)), HIGHEST_LOSS) if highest else None
    figures = []
    for arm, (histories, kept) in found.items():
        draw = partial(plot.learning_curves, kept=kept, top=top)
        drawn = svg(draw, histories, label=f"Learning curves of {asked.name}, {arm}")
        figures.append({"arm": arm, "n_runs": len(histories), "svg": drawn})
    return figures


def weights(comparison: Comparison) -> list[dict[str, Any]]:
    """Draw the weights of the losses of each arm that changes them, for its first run."""
    figures = []
    for arm in comparison.arms:
        runs = [name for name in comparison.evidence.run_keys if name[0] == arm]
        history = comparison.history(*runs[0]) if runs else pd.DataFrame()
        if "weight" in history and history["weight"].nunique() > 1:
            drawn = svg(plot.task_weights, history, label=f"Weights of the losses, {arm}")
            figures.append({"arm": arm, "svg": drawn})
    return figures


def confusion_table(measured: pd.Series, predicted: pd.Series) -> dict[str, Any]:
    """Return counts and shares of predicted classes, a row a true class; rare classes of many are put together."""
    known = measured.notna().to_numpy()
    true, answer = measured[known].map(_as_written), predicted[known].map(_as_written)
    counts = pd.concat([true, answer]).value_counts()
    if len(counts) > MOST_CLASSES:
        common = set(counts.index[: MOST_CLASSES - 1])
        true, answer = (values.where(values.isin(common), OTHERS) for values in (true, answer))
    classes = sorted(set(true) | set(answer), key=_as_ordered)
    table = pd.crosstab(true.to_numpy(), answer.to_numpy()).reindex(
        index=classes, columns=classes, fill_value=0
    )
    values = table.to_numpy()
    return {
        "classes": classes,
        "counts": values,
        "shares": values / np.maximum(values.sum(axis=1, keepdims=True), 1),
    }


def joined_predictions(
    comparison: Comparison, arm: str, task: str, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the answers of one seed on all test rows, and the probabilities of classes; folds follow each other."""
    folds = range(comparison.evidence.protocol.n_folds)
    tables = [comparison.predictions(arm, task, seed, fold) for fold in folds]
    # By place: a class may be called "label".
    answers = pd.concat([table.iloc[:, :3] for table in tables], ignore_index=True)
    probabilities = pd.concat([table.iloc[:, 3:] for table in tables], ignore_index=True).fillna(
        0.0
    )
    return answers, probabilities


def _trivial(found: pd.DataFrame) -> dict[str, Any]:
    row = found.iloc[0]
    return {"trivial": row["trivial"], "trivial_arm": row["arm"]}


def _histories(
    comparison: Comparison, arm: str, asked: Question
) -> tuple[dict[Any, pd.DataFrame], dict[Any, int]]:
    histories: dict[Any, pd.DataFrame] = {}
    kept: dict[Any, int] = {}
    for run in [name for name in comparison.evidence.run_keys if name[0] == arm][:MOST_RUNS]:
        fit, task = comparison.evidence.fit(arm, asked.name, *run[1:]), asked.task.name
        if fit is not None and len(fit.history):
            histories[run] = fit.history[fit.history["task"] == task]
            best: Mapping[str, int] = fit.facts.get("best_epoch") or {}
            kept |= {run: best[task]} if task in best else {}
    return histories, kept


def _answers(comparison: Comparison, asked: Question, arm: str) -> dict[str, Any]:
    """Draw what one run of an arm answered on the test rows that have a label."""
    name, seed = asked.name, comparison.evidence.seeds(arm, asked.name)[0]
    if len(asked.task.columns) > 1:
        return _several_answers(comparison, asked, arm, seed)
    answers, probabilities = joined_predictions(comparison, arm, name, seed)
    known = answers["label"].notna().to_numpy()
    answers, probabilities = (
        answers[known].reset_index(drop=True),
        probabilities[known].reset_index(drop=True),
    )
    measured, predicted = answers["label"].rename(name), answers["predicted"]
    said: dict[str, Any] = {"seed": seed + 1, "n_drawn": len(answers), "n_labelled": len(answers)}
    if not len(answers):
        return said
    if probabilities.shape[1]:
        label = f"Reliability of {name}, {arm}"
        drawn = [("Reliability", svg(plot.reliability, measured, probabilities, label=label))]
        return said | {"confusion": confusion_table(measured, predicted), "drawn": drawn}
    rows, by = _order(asked.data.test[known])
    few = thinned(len(answers))
    drawn = _regression_figures(name, arm, measured.iloc[few], predicted.iloc[few], rows[few], by)
    return said | {"n_drawn": len(few), "drawn": drawn}


def _several_answers(
    comparison: Comparison, asked: Question, arm: str, seed: int
) -> dict[str, Any]:
    """Draw what one run answered to a task of several columns."""
    folds = range(comparison.evidence.protocol.n_folds)
    table = pd.concat(
        [comparison.predictions(arm, asked.name, seed, fold) for fold in folds], ignore_index=True
    )
    measured, predicted = (
        table[[f"{word} {column}" for column in asked.task.columns]].set_axis(
            asked.task.columns, axis=1
        )
        for word in ("label", "predicted")
    )
    n_labelled = int(measured.notna().any(axis=1).sum())
    said: dict[str, Any] = {"seed": seed + 1, "n_drawn": n_labelled, "n_labelled": n_labelled}
    if not n_labelled:
        return said
    title, draw = SEVERAL[asked.task.kind]
    return said | {
        "drawn": [(title, svg(draw, measured, predicted, label=f"{title} of {asked.name}, {arm}"))]
    }


def _regression_figures(
    task: str, arm: str, measured: pd.Series, predicted: pd.Series, order: np.ndarray, by: str
) -> list[tuple[str, Markup]]:
    scatter = svg(
        plot.predicted_vs_measured,
        measured.rename(""),
        predicted,
        label=f"{task}, {arm}: predicted and measured",
    )
    over = svg(
        plot.residuals, order, measured, predicted, label=f"{task}, {arm}: residuals over {by}"
    )
    return [("Predicted against measured", scatter), (f"Residuals over {by}", over)]


def _order(test: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Return when the labelled test rows were, or their numbers where nobody knows."""
    if "time" in test and test["time"].dtype.kind in "Mif":
        return test["time"].to_numpy(), "time"
    return test["row"].to_numpy(), "the order of the samples"


def _as_ordered(name: str) -> tuple[bool, float, str]:
    """Put numbers as numbers before text, and what was put together at the end."""
    try:
        return False, float(name), name
    except ValueError:
        return True, float(name == OTHERS), name


def _as_written(value: Any) -> str:
    """Return a class as text: a column of whole numbers with gaps holds 1.0 where the user wrote 1."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
