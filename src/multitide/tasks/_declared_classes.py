"""Numbers that the user declared to be classes, as classes: splits know nothing of tasks."""

from __future__ import annotations

from collections.abc import Sequence

from multitide.data._samples import Samples
from multitide.data._strata import class_columns
from multitide.tasks._classification import Classification
from multitide.tasks._task import Task


def with_declared_classes(samples: Samples, tasks: Sequence[str | Task]) -> Samples:
    """Return samples to split, whose columns of declared classes are categories.

    A split takes whole numbers of many distinct values for numbers. If a task says that they are
    classes, the training set gets an example of each.

    Parameters
    ----------
    samples : Samples
    tasks : sequence of str or Task
        Those without a declared kind change nothing.
    """
    known = class_columns(samples.y)
    declared = {}
    for task in tasks:
        if not isinstance(task, Classification):
            continue
        for column in task.columns:
            if column in samples.y and column not in known:
                declared[column] = samples.y[column].astype("category")
    if not declared:
        return samples
    return samples.replace(y=samples.y.assign(**declared))
