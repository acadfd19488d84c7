"""Which samples train the network, and which choose the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd

from multitide._checks import check_fraction
from multitide.data._default_rule import default_rule
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.errors import DataError, ParameterError
from multitide.tasks import Task, label_names
from multitide.tasks._declared_kinds import with_declared_kinds


def training_and_validation(
    samples: Samples,
    tasks: Sequence[Task],
    held_out: Samples | None,
    rule: float | Splitter | None,
    seed: int,
    number: int = 0,
) -> tuple[Samples, Split]:
    """Divide samples into a training and a validation set.

    Parameters
    ----------
    samples : Samples
        What the user trains on.
    tasks : sequence of Task
        Each must have labels in both sets. Tasks that are missing from `held_out` are the
        exception: the other tasks choose the epoch.
    held_out : Samples or None
        The user's own validation samples, which replace `rule`.
    rule : float, Splitter or None
        The estimator's `validation`.
    seed : int
        Seed of a random split.
    number : int, default=0
        Of the split; see :meth:`Splitter.hold_out`.

    Returns
    -------
    samples : Samples
        All samples, followed by those of `held_out`.
    split : Split
        The two sets as indices into them; the test set is empty.

    Raises
    ------
    DataError
        If a task has no label in one of the sets, or `held_out` has no label at all.
    """
    columns = label_names(tasks)
    if held_out is not None:
        return _joined(samples, held_out, columns)
    if rule is None:
        return samples, _split(np.arange(len(samples)), [])
    splitter, fraction = _resolve_rule(rule, samples, seed)
    labelled = np.flatnonzero(samples.y[columns].notna().any(axis=1).to_numpy())
    # Columns without any label belong to tasks that only other data sets have.
    known = []
    for column in columns:
        if samples.y[column].notna().any():
            known.append(column)
    y = samples.y[known].iloc[labelled].reset_index(drop=True)
    drawn = with_declared_kinds(samples[labelled].replace(y=y), tasks)
    train, validation = splitter.hold_out(drawn, fraction, number)
    _check_labels(y, tasks, {"training": train, "validation": validation})
    return samples, _split(labelled[train], labelled[validation])


def default_splitter(samples: Samples, seed: int) -> Splitter:
    """Return the way to hold samples out that does not leak; see `default_rule`."""
    codes, ids = pd.factorize(pd.Series(samples.series))
    ends = pd.Series(samples.starts + samples.lengths).groupby(codes).max()
    rows = ends - pd.Series(samples.starts).groupby(codes).min()
    by = default_rule(
        len(ids),
        len(samples),
        has_time=samples.finish is not None,
        room=float(rows.max() / samples.lengths.max()),
    )
    return Splitter(by=by, random_state=seed)


def _joined(
    samples: Samples, held_out: Samples, columns: list[str]
) -> tuple[Samples, Split]:
    missing = []
    for column in columns:
        if column not in held_out.y:
            missing.append(column)
    if missing:
        raise DataError(
            f"`validation` must have a column for every task; {missing} are missing."
        )
    if held_out.y[columns].isna().all(axis=None):
        raise DataError(
            "`validation` must have a label of some task; "
            f"got none in {len(held_out)} rows. "
            "Give samples that have one, or validation=None."
        )
    own = samples.replace(y=samples.y[columns])
    joined = own.joined(held_out.replace(y=held_out.y[columns]))
    return joined, _split(np.arange(len(samples)), np.arange(len(samples), len(joined)))


def _resolve_rule(
    rule: float | Splitter, samples: Samples, seed: int
) -> tuple[Splitter, float]:
    if isinstance(rule, Splitter):
        return rule, rule.validation
    return default_splitter(samples, seed), rule


def check_validation(rule: object) -> None:
    """Raise unless the estimator's `validation` says how to hold samples out."""
    if rule is None or isinstance(rule, Splitter):
        return
    if isinstance(rule, bool) or not isinstance(rule, Real):
        raise ParameterError(
            f"`validation` must be a fraction, a Splitter or None; got {rule!r}."
        )
    check_fraction("validation", rule)


def _split(train: np.ndarray, validation: Sequence[int] | np.ndarray) -> Split:
    none = np.array([], dtype=np.int64)
    return Split(train, np.asarray(validation, dtype=np.int64), none)


def _check_labels(
    y: pd.DataFrame, tasks: Sequence[Task], sets: dict[str, np.ndarray]
) -> None:
    """Raise if a task has no label in a set."""
    problems = []
    for name, rows in sets.items():
        for task in tasks:
            if not y.reindex(columns=task.columns).iloc[rows].notna().any(axis=None):
                problems.append(
                    f"Task {task.name!r} must "
                    f"have labels for {name}; "
                    f"got none in {len(rows)} rows."
                )
    if problems:
        remedy = (
            "Give `validation` samples that have them, a "
            "Splitter with another rule, or validation=None."
        )
        raise DataError("\n".join([*problems, remedy]))
