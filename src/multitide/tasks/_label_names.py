"""The names of tasks and of their columns, and which samples have their labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from multitide.tasks._task import Task


def task_names(tasks: Iterable[str | Task]) -> list[str]:
    """Return the names of tasks, which may be given by their names."""
    names = []
    for task in tasks:
        if isinstance(task, Task):
            task = task.name
        names.append(task)
    return names


def label_names(tasks: Iterable[Task]) -> list[str]:
    """Return the columns of `y` that hold the labels of these tasks."""
    names: list[str] = []
    for task in tasks:
        names.extend(task.columns)
    return names


def labelled(tasks: Sequence[Task], y: pd.DataFrame) -> pd.DataFrame:
    """Return one column per task: 1 where it has a label, NaN elsewhere."""
    known = {}
    for task in tasks:
        there = y[task.columns].notna()
        if task.needs_all_columns:
            has_label = there.all(axis=1)
        else:
            has_label = there.any(axis=1)
        known[task.name] = np.where(has_label, 1.0, np.nan)
    return pd.DataFrame(known, index=y.index)
