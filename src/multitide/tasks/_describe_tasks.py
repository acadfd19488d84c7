"""Describe which kind each task has, and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from multitide._checks import check_type
from multitide.tasks._kinds import how_to_change_kind
from multitide.tasks._label_column import as_numbers, distinct_values
from multitide.tasks._resolve_tasks import resolve_with_reasons
from multitide.tasks._task import Task

MOST_CLASSES_SHOWN = 6


def describe_tasks(tasks: Sequence[str | Task] | None, y: pd.DataFrame) -> pd.DataFrame:
    """Describe which kind each task has, why, and how to change it.

    Parameters
    ----------
    tasks, y
        As in :func:`resolve_tasks`.

    Returns
    -------
    DataFrame
        One row per task: ``task``, ``kind``, ``declared`` (bool), ``why``, ``n_labelled``,
        ``n_samples``, ``values`` (the classes with their counts, or the range) and ``to_change``
        (the configuration line for another kind).
    """
    check_type("y", y, pd.DataFrame, "Give the table of the labels.")
    rows = []
    for task, reason in resolve_with_reasons(tasks, y):
        labels = y[task.columns]
        n_labelled, values = _summary(task, labels)
        rows.append(
            {
                "task": task.name,
                "kind": task.kind,
                "declared": not reason,
                "why": reason or "declared",
                "n_labelled": n_labelled,
                "n_samples": len(labels),
                "values": values,
                "to_change": how_to_change_kind(task, labels),
            }
        )
    return pd.DataFrame(rows)


def _summary(task: Task, labels: pd.DataFrame) -> tuple[int, str]:
    """Return the number of labelled rows, and the counts of the classes or the range of numbers."""
    if task.kind in ("classification", "multi_label"):
        return _class_summary(labels)
    numbers = np.stack([as_numbers(labels[column])[0] for column in labels])
    n_labelled = int((~np.isnan(numbers)).any(axis=0).sum())
    return n_labelled, f"{np.nanmin(numbers):.6g} ... {np.nanmax(numbers):.6g}"


def _class_summary(labels: pd.DataFrame) -> tuple[int, str]:
    has_label = np.zeros(len(labels), dtype=bool)
    written = []
    for column in labels:
        positions, values = distinct_values(labels[column])
        has_label |= positions >= 0
        counts = _written_counts(positions, values)
        written.append(counts if labels.shape[1] == 1 else f"{column}: {counts}")
    return int(has_label.sum()), "; ".join(written)


def _written_counts(positions: np.ndarray, values: Sequence[object]) -> str:
    """Write the most frequent classes with their counts, and the number of remaining classes."""
    counts = np.bincount(positions[positions >= 0], minlength=len(values))
    order = np.argsort(-counts, kind="stable")
    shown = order[:MOST_CLASSES_SHOWN]
    written = ", ".join(f"{values[i]} ({counts[i]})" for i in shown)
    rest = len(values) - len(shown)
    if rest:
        return f"{written} and {rest} more"
    return written
