"""What the report of a run says about classes: thresholds, and what is right class by class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from multitide import plot
from multitide.data._data_sets import DataSets
from multitide.data._recordings import recordings_of_rows
from multitide.data._samples import Samples
from multitide.model._class_tables import class_table, confusion_matrix
from multitide.model._fitted_model import FittedModel
from multitide.reports._figures import Draw
from multitide.reports._model_lines import Model
from multitide.reports._section import Section
from multitide.tasks import ClassificationTarget
from multitide.training._decode_samples import Decoded

CURVES: dict[str, Callable[..., object]] = {
    "precision_recall": plot.precision_recall_curve,
    "roc": plot.roc_curve,
}
MOST_ROWS = 40  # of the table by class
MOST_CLASSES = 10  # of a confusion matrix; larger ones are drawn only
ABOUT_CONFUSION = "Numbers of labels, and their shares of the true class."
ABOUT_DECISIONS = (
    "The positive class is predicted from this probability on. It was chosen on held-out samples, "
    "on which the measure has the value in the table; with a threshold of 0.5 it would have the "
    'value in the column "at 0.5".'
)


def class_sections(
    model: Model, test_sets: DataSets, decoded: Mapping[str, Decoded]
) -> list[Section]:
    """Return the sections about thresholds and classes; none for a model of numbers."""
    sections = []
    decisions = decision_rows(model)
    if len(decisions):
        sections.append(Section("Decisions", ABOUT_DECISIONS, [decisions]))
    by_class = _by_class(model, test_sets, decoded)
    if len(by_class):
        about = positive_sentence(model)
        sections.append(Section("Classes on the test set", about, [by_class]))
    for name, samples in test_sets.items():
        for task, table in _confusions(model, samples, decoded.get(name, {})).items():
            of_data = f" of {name}" if name else ""
            title = f"Confusion of {task}{of_data}"
            sections.append(Section(title, ABOUT_CONFUSION, [table]))
    return sections


def _confusions(
    model: Model, samples: Samples, decoded: Decoded
) -> dict[str, pd.DataFrame]:
    """Return, by task, how many labels of each class got each prediction, with their shares."""
    tables = {}
    for task, values in decoded.items():
        target = model.targets_.target(task)
        if not isinstance(target, ClassificationTarget):
            continue
        if not samples.y[target.task.columns].notna().any(axis=None):
            continue
        matrix = confusion_matrix(target, samples, values)
        if matrix is not None and len(matrix) <= MOST_CLASSES:
            tables[task] = _with_shares(matrix)
    return tables


def _with_shares(matrix: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of a confusion matrix as text, with the share of their row."""
    totals = matrix.sum(axis=1)
    table = pd.DataFrame({"true class": [str(name) for name in matrix.index]})
    for name in matrix:
        cells = []
        for count, total in zip(matrix[name], totals, strict=True):
            share = f" ({count / total:.0%})" if total else ""
            cells.append(f"{count:.6g}{share}")
        table[f"predicted {name}"] = cells
    return table


def decision_rows(model: FittedModel) -> pd.DataFrame:
    """Return the thresholds of a model, ready to be shown; empty if no rule has chosen any."""
    table = model.decisions_
    if not len(table):
        return pd.DataFrame()
    names = {
        "positive": "positive class",
        "threshold": "from probability",
        "at_half": "at 0.5",
        "n_labels": "held-out labels",
    }
    if not table["label"].astype(bool).any():
        table = table.drop(columns="label")
    numbers = ["threshold", "value", "at_half"]
    return table.astype(dict.fromkeys(numbers, float)).rename(columns=names)


def positive_sentence(model: FittedModel) -> str:
    """Say which class the metrics of two classes are about; "" without such tasks."""
    parts = []
    for task, value in model.positive_classes_.items():
        parts.append(f"{value!r} of {task!r}")
    if not parts:
        return ""
    return (
        "precision, recall, f1, roc_auc and average_precision are those of the positive class: "
        f"{', '.join(parts)}."
    )


def _by_class(
    model: Model, test_sets: DataSets, decoded: Mapping[str, Decoded]
) -> pd.DataFrame:
    tables = []
    for name, samples in test_sets.items():
        for task, values in decoded.get(name, {}).items():
            target = model.targets_.target(task)
            if not samples.y[target.task.columns].notna().any(axis=None):
                continue
            table = class_table(target, samples, values)
            if table is None:
                continue
            table = table.rename_axis("class").reset_index()
            table.insert(0, "task", task)
            if name:
                table.insert(0, "data", name)
            tables.append(table.astype({"class": str}))
    if not tables:
        return pd.DataFrame()
    return pd.concat(tables, ignore_index=True).head(MOST_ROWS)


def curve_figures(
    model: Model, test_sets: DataSets, decoded: Mapping[str, Decoded]
) -> list[tuple[str, Draw]]:
    """Return the ROC and precision-recall curves of tasks with two classes, by their names."""
    figures: list[tuple[str, Draw]] = []
    for name, samples in test_sets.items():
        groups = recordings_of_rows(samples, np.arange(len(samples)))
        for task, values in decoded.get(name, {}).items():
            target = model.targets_.target(task)
            place = getattr(target, "positive", None)
            if not isinstance(target, ClassificationTarget) or place is None:
                continue
            codes = target.truth(samples.y[target.task.columns])
            title = f"{task}: {target.classes[place]}"
            yes = pd.Series(codes == place, name=title).where(codes >= 0)
            if yes.dropna().nunique() < 2:
                continue
            words = "_".join(["test", name, task] if name else ["test", task])
            for curve, draw in CURVES.items():
                drawing = partial(draw, yes, values[:, place], groups=groups)
                figures.append((f"{words}_{curve}", drawing))
    return figures
