"""Which samples train the network, which choose the epoch, and which calibrate it."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd

from multitide._checks import check_fraction
from multitide.data._calibration_labels import check_calibration_labels
from multitide.data._default_rule import default_rule
from multitide.data._samples import Samples
from multitide.data._split import Split, nobody
from multitide.data._splitter import Splitter
from multitide.errors import DataError, ParameterError
from multitide.tasks import Task, label_names
from multitide.tasks._declared_kinds import with_declared_kinds

MORE_SAMPLES = "Give more of them, or leave it out: the validation set then serves."


def training_and_validation(
    samples: Samples,
    tasks: Sequence[Task],
    held_out: Samples | None,
    rule: float | Splitter | None,
    seed: int,
    number: int = 0,
    calibration: Samples | None = None,
) -> tuple[Samples, Split]:
    """Divide samples into a training, a validation and perhaps a calibration set.

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
        Of the split; see :meth:`Splitter.hold_out`. The calibration set is the same for all.
    calibration : Samples, optional
        The user's own calibration samples, which replace those that `rule` holds out.

    Returns
    -------
    samples : Samples
        All samples, followed by those of `held_out` and `calibration`.
    split : Split
        The sets as indices into them; the test set is empty.

    Raises
    ------
    DataError
        If a task has no label in one of the sets, or `held_out` has no label at all.
    """
    columns = label_names(tasks)
    train = np.arange(len(samples))
    calibrates = nobody()
    if calibration is None and isinstance(rule, Splitter):
        samples = rule.with_unit(samples)
        if rule.calibration:
            drawn, rows = _labelled(samples, tasks)
            kept, held = rule.hold_out_calibration(drawn)
            train, calibrates = rows[kept], rows[held]
    if held_out is not None:
        samples, validation = _appended(samples, held_out, columns, "validation")
    elif rule is None:
        validation = nobody()
    else:
        train, validation = _held_out(samples, train, tasks, rule, seed, number)
    if calibration is not None:
        samples, calibrates = _appended(samples, calibration, columns, "calibration")
        check_calibration_labels(calibration.y[columns], MORE_SAMPLES)
    return samples, Split(train, validation, nobody(), calibrates)


def _held_out(
    samples: Samples,
    rows: np.ndarray,
    tasks: Sequence[Task],
    rule: float | Splitter,
    seed: int,
    number: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Divide the labelled samples among some rows into a training and a validation set."""
    splitter, fraction = _resolve_rule(rule, samples, seed)
    drawn, labelled = _labelled(samples[rows], tasks)
    train, validation = splitter.hold_out(drawn, fraction, number)
    _check_labels(drawn.y, tasks, {"training": train, "validation": validation})
    return rows[labelled[train]], rows[labelled[validation]]


def _labelled(samples: Samples, tasks: Sequence[Task]) -> tuple[Samples, np.ndarray]:
    """Return the samples with a label of some task, and their positions."""
    columns = label_names(tasks)
    labelled = np.flatnonzero(samples.y[columns].notna().any(axis=1).to_numpy())
    # Columns without any label belong to tasks that only other data sets have.
    known = []
    for column in columns:
        if samples.y[column].notna().any():
            known.append(column)
    y = samples.y[known].iloc[labelled].reset_index(drop=True)
    return with_declared_kinds(samples[labelled].replace(y=y), tasks), labelled


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


def _appended(
    samples: Samples, more: Samples, columns: list[str], name: str
) -> tuple[Samples, np.ndarray]:
    """Return the samples followed by a set of the user's own, and the positions of that."""
    missing = []
    for column in columns:
        if column not in more.y:
            missing.append(column)
    if missing:
        raise DataError(
            f"`{name}` must have a column for every task; {missing} are missing."
        )
    if more.y[columns].isna().all(axis=None):
        raise DataError(
            f"`{name}` must have a label of some task; "
            f"got none in {len(more)} rows. "
            f"Give samples that have one, or {name}=None."
        )
    own = samples.replace(y=samples.y[columns])
    joined = own.joined(more.replace(y=more.y[columns]))
    return joined, np.arange(len(samples), len(joined))


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
