"""Which samples are learned from, and which choose the epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from multitide._checks import check_fraction
from multitide.data._samples import Samples
from multitide.data._splits import Splitter
from multitide.errors import DataError, ParameterError
from multitide.tasks import Task

FEW_SERIES = 10


def learning_sides(
    samples: Samples,
    tasks: Sequence[Task],
    held_out: Samples | None,
    rule: float | Splitter | None,
    seed: int,
) -> tuple[Samples, np.ndarray, np.ndarray]:
    """Return all samples with the numbers of those for training and of those for validation.

    Parameters
    ----------
    samples : Samples
        What the user wants to learn from.
    tasks : sequence of Task
        Each must have labels on both sides, but for a task that `held_out` does not know: others
        choose the epoch.
    held_out : Samples or None
        The user's own validation samples; then `rule` is not used.
    rule : float, Splitter or None
        The estimator's `validation`.
    seed : int
        Of a random cut.

    Raises
    ------
    DataError
        If a task has no label on a side; with `held_out`, if that has a label of no task.
    """
    columns = [column for task in tasks for column in task.columns]
    if held_out is not None:
        missing = [column for column in columns if column not in held_out.y]
        if missing:
            raise DataError(
                f"`validation` must have a column for every task; {missing} are missing."
            )
        if held_out.y[columns].isna().all(axis=None):
            raise DataError(
                f"`validation` must have a label of some task; got none in {len(held_out)} rows. "
                "Give samples that have one, or validation=None."
            )
        joined = samples.replace(y=samples.y[columns]).joined(
            held_out.replace(y=held_out.y[columns])
        )
        return joined, np.arange(len(samples)), np.arange(len(samples), len(joined))
    if rule is None:
        return samples, np.arange(len(samples)), np.array([], dtype=np.int64)
    if not isinstance(rule, Splitter):
        if isinstance(rule, bool) or not isinstance(rule, (int, float)):
            raise ParameterError(f"`validation` must be a share, a Splitter or None; got {rule!r}.")
        check_fraction("validation", rule)
    labelled = np.flatnonzero(samples.y[columns].notna().any(axis=1).to_numpy())
    splitter, share = (
        (rule, rule.validation)
        if isinstance(rule, Splitter)
        else (fitting_rule(samples, seed), rule)
    )
    known = [
        column for column in columns if samples.y[column].notna().any()
    ]  # the others are in other data sets
    useful = samples[labelled].replace(y=samples.y[known].iloc[labelled].reset_index(drop=True))
    train, validation = splitter.hold_out(useful, share)
    check_sides(useful.y, tasks, train, validation)
    return samples, labelled[train], labelled[validation]


def fitting_rule(samples: Samples, seed: int) -> Splitter:
    """Return the honest way to hold samples out, by what they are.

    Windows of one recording overlap or follow each other: random rows would leak. With many
    recordings whole ones are held out; with few, the end of the time is.
    """
    n_series = len(pd.unique(pd.Series(samples.series)))
    if n_series == len(samples):
        return Splitter(by="random", random_state=seed)
    if samples.finish is not None and n_series < FEW_SERIES:
        return Splitter(by="time", random_state=seed)
    if n_series > 1:
        return Splitter(by="group", random_state=seed)
    return Splitter(by="random", random_state=seed)


def check_sides(
    y: pd.DataFrame, tasks: Sequence[Task], train: np.ndarray, validation: np.ndarray
) -> None:
    """Raise if a task has no label on a side."""
    problems = [
        f"Task {task.name!r} must have labels for {side}; got none in {len(rows)} rows."
        for side, rows in (("training", train), ("validation", validation))
        for task in tasks
        if not y.reindex(columns=task.columns).iloc[rows].notna().any(axis=None)
    ]
    if problems:
        remedy = "Give `validation` samples that have them, a Splitter with another rule, or validation=None."
        raise DataError("\n".join([*problems, remedy]))
