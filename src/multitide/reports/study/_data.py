"""What the data of a study are: labels and their gaps, how tasks' labels overlap, channels, a few series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from multitide import plot
from multitide.data._samples import Samples
from multitide.plot._study import MOST_CHANNELS, thinned
from multitide.reports._svg import svg
from multitide.study import Comparison
from multitide.study.design._protocol import Question
from multitide.study.design._study_data import StudyData
from multitide.tasks import Task

MOST_NAMED_CLASSES = 6
MOST_ROWS = 200_000  # of a long table, for quantiles
N_EXAMPLES = 3


def label_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Return one entry a task: labelled and missing samples, labelled ones on each side, what the labels are.

    Of several data sets, one entry a task on a data set.

    With folds, a side is its mean over the folds.
    """
    sides = comparison.counts.groupby("task", sort=False)[["train", "validation", "test"]].mean()
    rows = []
    for asked in comparison.questions:
        labels = asked.y
        n_labelled = int(labels.notna().any(axis=1).sum())
        counts = {"labelled": n_labelled, "missing": len(labels) - n_labelled}
        counts |= {str(side): round(float(n)) for side, n in sides.loc[asked.name].items()}
        row = {
            "name": asked.name,
            "kind": asked.task.kind,
            "counts": counts,
            "labels": _summary(asked.task, labels),
        }
        rows.append(row)
    return rows


def data_sets(comparison: Comparison, samples: Mapping[str, Samples]) -> list[dict[str, Any]]:
    """Return what the page shows of each data set; of those without samples no ``channels`` and no ``examples``."""
    found = []
    for data in comparison.evidence.protocol.data:
        asked = [question for question in comparison.questions if question.data.name == data.name]
        content: dict[str, Any] = {
            "name": data.name,
            "overlap": overlap(asked),
            "channels": [],
            "examples": [],
        }
        if data.name in samples:
            own = samples[data.name]
            content |= {"channels": channel_rows(own), "examples": examples(data, own)}
        found.append(content)
    return found


def overlap(asked: Sequence[Question]) -> dict[str, Any]:
    """Return, for every two tasks, how many samples have a label of both, and the share of the row's own labels."""
    known = np.stack([question.y.notna().any(axis=1) for question in asked], axis=1).astype(int)
    counts = known.T @ known
    return {
        "tasks": [question.name for question in asked],
        "counts": counts,
        "shares": counts / np.maximum(np.diag(counts)[:, None], 1),
    }


def channel_rows(samples: Samples) -> list[dict[str, Any]]:
    """Return one entry a channel: its range, median and missing share, or its number of categories."""
    values = samples.values[:: max(1, -(-len(samples.values) // MOST_ROWS))]
    rows = []
    for name, column in zip(samples.channels, values.T, strict=True):
        seen = column[np.isfinite(column)].astype(float)
        places = np.quantile(seen, [0, 0.01, 0.5, 0.99, 1]) if len(seen) else np.full(5, np.nan)
        rows.append(
            {
                "name": name,
                "quantiles": [float(value) for value in places],
                "missing": 1 - len(seen) / max(len(column), 1),
                "n_categories": len(samples.categories.get(name, ())),
            }
        )
    return rows


def examples(data: StudyData, samples: Samples) -> list[dict[str, Any]]:
    """Draw a few test samples with their labels: among those with most labels, evenly spaced."""
    rows = data.test["row"].to_numpy()
    n_labels = data.y.iloc[rows].notna().sum(axis=1).to_numpy()
    rows = rows[n_labels == n_labels.max()]
    n_shown = min(samples.n_channels, MOST_CHANNELS)
    size = (3.6, 0.9 + 0.34 * n_shown)
    return [
        {
            "number": int(row),
            "labels": _labels_of(data.y.iloc[row]),
            "svg": svg(
                plot.example_series, samples, int(row), label=f"Series of sample {row}", size=size
            ),
        }
        for row in rows[thinned(len(rows), N_EXAMPLES)]
    ]


def _summary(task: Task, labels: pd.DataFrame) -> str:
    """Say what the labels are: the commonest classes with their counts, or the range of a number."""
    if task.kind == "multi_label":
        return "; ".join(f"{name} ({_counts(labels[name].dropna())})" for name in labels)
    seen = labels.stack().dropna()
    if task.kind == "classification":
        return _counts(labels[task.name].dropna())
    low, middle, high = np.quantile(pd.to_numeric(seen).to_numpy(dtype=float), [0, 0.5, 1])
    return f"{low:.4g} to {high:.4g}, median {middle:.4g}"


def _counts(seen: pd.Series) -> str:
    counts = seen.astype(str).value_counts()
    named = ", ".join(
        f"{name}: {count}" for name, count in counts.iloc[:MOST_NAMED_CLASSES].items()
    )
    more = len(counts) - MOST_NAMED_CLASSES
    return f"{named}, and {more} more classes" if more > 0 else named


def _labels_of(labels: pd.Series) -> list[tuple[str, str]]:
    return [
        (str(name), "not measured" if pd.isna(value) else _short(value))
        for name, value in labels.items()
    ]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
