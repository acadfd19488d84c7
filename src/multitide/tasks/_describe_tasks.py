"""Describe what each task was taken for, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from multitide.tasks._kinds import _change, _resolve
from multitide.tasks._labels import as_numbers, distinct_values
from multitide.tasks._task import Task


def describe_tasks(tasks: Sequence[str | Task] | None, y: pd.DataFrame) -> pd.DataFrame:
    """Say what each task was taken for, and why, and how to change it.

    Parameters
    ----------
    tasks, y
        What :func:`resolve_tasks` is given.

    Returns
    -------
    DataFrame
        One row a task: ``task``, ``kind``, ``declared`` (bool), ``why``, ``n_labelled``,
        ``n_samples``, ``values`` (classes with their counts, or the range), ``to_change`` (the line
        of a configuration).
    """
    rows = []
    for task, why in _resolve(tasks, y):
        labels = y[task.columns]
        n_labelled, values = _summary(task, labels)
        rows.append(
            {
                "task": task.name,
                "kind": task.kind,
                "declared": not why,
                "why": why or "declared",
                "n_labelled": n_labelled,
                "n_samples": len(labels),
                "values": values,
                "to_change": _change(task, labels),
            }
        )
    return pd.DataFrame(rows)


def _summary(task: Task, labels: pd.DataFrame) -> tuple[int, str]:
    """Return the number of labelled rows, and the classes with their counts or the range of the numbers."""
    if task.kind in ("classification", "multi_label"):
        positions, written = zip(*(_counted(labels[column]) for column in labels), strict=True)
        known = np.any([found >= 0 for found in positions], axis=0)
        pairs = zip(labels, written, strict=True)
        return int(known.sum()), written[0] if len(written) == 1 else "; ".join(
            f"{c}: {text}" for c, text in pairs
        )
    numbers = np.stack([as_numbers(labels[column])[0] for column in labels])
    n_labelled = int((~np.isnan(numbers)).any(axis=0).sum())
    return n_labelled, f"{np.nanmin(numbers):.6g} ... {np.nanmax(numbers):.6g}"


def _counted(labels: pd.Series) -> tuple[np.ndarray, str]:
    """Return the position of each row's class, and the classes with their counts."""
    positions, values = distinct_values(labels)
    counts = np.bincount(positions[positions >= 0], minlength=len(values))
    order = np.argsort(-counts, kind="stable")
    return positions, _shorten_counts([(values[i], int(counts[i])) for i in order])


def _shorten_counts(counts: list[tuple[Any, int]], most: int = 6) -> str:
    """Write classes with their counts: the most frequent ones, then how many more."""
    rest = len(counts) - most
    written = ", ".join(f"{value} ({count})" for value, count in counts[:most])
    return written + (f" and {rest} more" if rest > 0 else "")
