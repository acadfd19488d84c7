"""The data of a study: labels and missing ones, their overlap, channels, and example series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from markupsafe import Markup

from multitide import plot
from multitide.data._samples import Samples
from multitide.plot._study import MAX_CHANNELS
from multitide.plot._style import thinned
from multitide.reports._pages import significant
from multitide.reports._svg import svg
from multitide.study import Comparison
from multitide.study.design._protocol import Question
from multitide.study.design._study_data import StudyData
from multitide.study.results._tables import MISSING
from multitide.tasks import Task

MAX_NAMED_CLASSES = 6
MAX_ROWS = 200_000  # of a long table, for quantiles
N_EXAMPLES = 3
QUANTILES = {"minimum": 0.0, "1 %": 0.01, "median": 0.5, "99 %": 0.99, "maximum": 1.0}


@dataclass(frozen=True)
class LabelRow:
    """The labels of one task: number of samples by kind and set, and what the labels are."""

    name: str
    counts: dict[str, int]
    labels: str


@dataclass(frozen=True)
class Overlap:
    """For every two tasks the samples with both labels, and their share of the row task's."""

    tasks: list[str]
    counts: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True)
class Example:
    """A test sample: its number, its labels as text, and the drawn series."""

    number: int
    labels: str
    svg: Markup


@dataclass(frozen=True)
class DataSection:
    """What the page shows of one data set; `channels` is None without its samples."""

    name: str
    overlap: Overlap
    channels: pd.DataFrame | None
    examples: list[Example]


def label_rows(comparison: Comparison) -> list[LabelRow]:
    """Return the number of labels of each task, with several data sets of each task on each.

    The counts have the keys ``labelled``, ``missing``, ``train``, ``validation`` and ``test``; with
    folds, the latter three are means over the folds.
    """
    by_task = comparison.counts.groupby("task", sort=False)
    means = by_task[["train", "validation", "test"]].mean()
    rows = []
    for question in comparison.questions:
        labels = question.y
        n_labelled = int(labels.notna().any(axis=1).sum())
        counts = {"labelled": n_labelled, "missing": len(labels) - n_labelled}
        for side, mean in means.loc[question.name].items():
            counts[str(side)] = round(float(mean))
        rows.append(LabelRow(question.name, counts, _summary(question.task, labels)))
    return rows


def label_table(rows: Sequence[LabelRow]) -> pd.DataFrame:
    """Return the labels of all tasks as text."""
    titles = {"train": "training", "validation": "validation", "test": "test"}
    table = []
    for row in rows:
        counts = {}
        for name, count in row.counts.items():
            counts[titles.get(name, name)] = f"{count:,}"
        table.append({"task": row.name} | counts | {"labels": row.labels})
    return pd.DataFrame(table)


def data_sets(
    comparison: Comparison, samples: Mapping[str, Samples]
) -> list[DataSection]:
    """Return what the page shows of each data set."""
    sections = []
    for data in comparison.evidence.protocol.data:
        questions = []
        for question in comparison.questions:
            if question.data.name == data.name:
                questions.append(question)
        channels, drawn = None, []
        if data.name in samples:
            own = samples[data.name]
            channels, drawn = channel_table(own), examples(data, own)
        sections.append(DataSection(data.name, overlap(questions), channels, drawn))
    return sections


def overlap(questions: Sequence[Question]) -> Overlap:
    """Count for every two tasks the samples that have a label of both."""
    known = []
    for question in questions:
        known.append(question.y.notna().any(axis=1))
    matrix = np.stack(known, axis=1).astype(int)
    counts = matrix.T @ matrix
    shares = counts / np.maximum(np.diag(counts)[:, None], 1)
    return Overlap([question.name for question in questions], counts, shares)


def channel_table(samples: Samples) -> pd.DataFrame:
    """Return as text the range of each channel, or its number of categories."""
    stride = max(1, -(-len(samples.values) // MAX_ROWS))
    values = samples.values[::stride]
    rows = []
    for name, column in zip(samples.channels, values.T, strict=True):
        finite = column[np.isfinite(column)].astype(float)
        row = {"channel": str(name), "kind": "number"}
        if name in samples.categories:
            row["kind"] = f"{len(samples.categories[name])} categories"
            row |= dict.fromkeys(QUANTILES, MISSING)
        else:
            row |= _quantiles(finite)
        row["missing"] = f"{1 - len(finite) / max(len(column), 1):.1%}"
        rows.append(row)
    return pd.DataFrame(rows)


def _quantiles(values: np.ndarray) -> dict[str, str]:
    if not len(values):
        return dict.fromkeys(QUANTILES, MISSING)
    numbers = np.quantile(values, list(QUANTILES.values()))
    quantiles = {}
    for name, value in zip(QUANTILES, numbers, strict=True):
        quantiles[name] = significant(float(value))
    return quantiles


def examples(data: StudyData, samples: Samples) -> list[Example]:
    """Draw a few test samples, evenly spaced among those with the most labels."""
    rows = data.test["row"].to_numpy()
    n_labels = data.y.iloc[rows].notna().sum(axis=1).to_numpy()
    rows = rows[n_labels == n_labels.max()]
    size = (3.6, 0.9 + 0.34 * min(samples.n_channels, MAX_CHANNELS))
    drawn_examples = []
    for row in rows[thinned(len(rows), N_EXAMPLES)]:
        draw = partial(plot.example_series, samples, int(row))
        drawn = svg(draw, label=f"Series of sample {row}", size=size)
        drawn_examples.append(
            Example(int(row), _labels_in_words(data.y.iloc[row]), drawn)
        )
    return drawn_examples


def _summary(task: Task, labels: pd.DataFrame) -> str:
    """Return the most frequent classes with their counts, or the range of a number."""
    if task.kind == "multi_label":
        by_label = []
        for name in labels:
            by_label.append(f"{name} ({_counts(labels[name].dropna())})")
        return "; ".join(by_label)
    if task.kind == "classification":
        return _counts(labels[task.name].dropna())
    values = pd.to_numeric(labels.stack().dropna()).to_numpy(dtype=float)
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{significant(low)} to {significant(high)}, median {significant(middle)}"


def _counts(labels: pd.Series) -> str:
    counts = labels.astype(str).value_counts()
    frequent = counts.iloc[:MAX_NAMED_CLASSES]
    words = ", ".join(f"{name}: {count}" for name, count in frequent.items())
    n_more = len(counts) - len(frequent)
    if n_more:
        words += f", and {n_more} more classes"
    return words


def _labels_in_words(labels: pd.Series) -> str:
    words = []
    for name, value in labels.items():
        if pd.isna(value):
            words.append(f"{name} missing")
        elif isinstance(value, float):
            words.append(f"{name} {significant(value)}")
        else:
            words.append(f"{name} {value}")
    return ", ".join(words)
