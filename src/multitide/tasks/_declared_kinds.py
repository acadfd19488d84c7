"""Labels as the kinds of their tasks say: splits know nothing of tasks."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from multitide.data._samples import Samples
from multitide.data._strata import class_columns
from multitide.tasks._classification import Classification
from multitide.tasks._label_column import as_numbers
from multitide.tasks._regression import Regression
from multitide.tasks._task import Task


def with_declared_kinds(samples: Samples, tasks: Sequence[str | Task]) -> Samples:
    """Return samples to split, with declared classes as categories and numbers as numbers.

    A split takes whole numbers of many distinct values for numbers, and text for classes. If a
    task says that numbers are classes, the training set gets an example of each.

    Parameters
    ----------
    samples : Samples
    tasks : sequence of str or Task
        Those without a declared kind change nothing.
    """
    known = class_columns(samples.y)
    changed = {}
    for task in tasks:
        if not isinstance(task, Task) or task.columns[0] not in samples.y:
            continue
        column = samples.y[task.columns[0]]
        if isinstance(task, Classification) and task.columns[0] not in known:
            changed[task.columns[0]] = column.astype("category")
        elif isinstance(task, Regression) and not pd.api.types.is_numeric_dtype(column):
            changed[task.columns[0]] = pd.Series(as_numbers(column)[0])
    if not changed:
        return samples
    return samples.replace(y=samples.y.assign(**changed))
