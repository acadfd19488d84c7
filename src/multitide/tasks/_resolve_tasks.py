"""Turn names and specs into declared tasks that fit the labels."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from multitide._checks import a_kind, gathering, one_of, raise_problems, suggest
from multitide.errors import DataError, ParameterError
from multitide.tasks._kinds import Auto, how_to_change_kind
from multitide.tasks._label_column import shorten
from multitide.tasks._task import Task

T = TypeVar("T")

log = logging.getLogger("multitide")


class ResolvedTask(NamedTuple):
    """A declared task, and why it has its kind; `reason` is "" if the user declared the kind."""

    task: Task
    reason: str


def infer_tasks(y: pd.DataFrame) -> list[Task]:
    """Return one task for each column of `y`, with inferred kinds; see :func:`resolve_tasks`."""
    return resolve_tasks(None, y)


def resolve_tasks(tasks: Sequence[str | Task] | None, y: pd.DataFrame) -> list[Task]:
    """Turn what the user wrote into declared tasks, checked against the labels.

    The logger "multitide" reports which kinds were inferred and which columns were ignored;
    :func:`describe_tasks` returns the same as a table.

    Parameters
    ----------
    tasks : sequence of str or Task, or None
        For a name (or an :class:`Auto`), the kind is inferred from the labels. None takes every
        column of `y`.
    y : DataFrame
        The labels, with the columns of all tasks.

    Raises
    ------
    ParameterError
        With all problems of the tasks: an unknown column (with a suggestion), a duplicate name, an
        invalid parameter.
    DataError
        With all problems of the labels.
    """
    resolved = resolve_with_reasons(tasks, y)
    for task, reason in resolved:
        if reason:
            _log_inferred_kind(task, reason, how_to_change_kind(task, y[task.columns]))
    used = set()
    for task, _ in resolved:
        for column in task.columns:
            used.add(column)
    unused = []
    for column in y.columns:
        if column not in used:
            unused.append(column)
    if unused:
        log.info(
            "Columns of `y` that belong to no task are ignored: %s.",
            shorten(unused, 20),
        )
    return [task for task, _ in resolved]


def _log_inferred_kind(task: Task, reason: str, change: str) -> None:
    if change:
        remedy = f" To change it: {change}."
    else:
        remedy = ""
    log.info("`%s` is a %s by its labels (%s).%s", task.name, task.kind, reason, remedy)


def resolve_with_reasons(
    tasks: Sequence[str | Task] | None, y: pd.DataFrame
) -> list[ResolvedTask]:
    """Return each declared task with the reason for its kind; see :func:`resolve_tasks`."""
    specs = _as_specs(y.columns if tasks is None else tasks)
    raise_problems(_spec_problems(specs, y))
    problems: list[str] = []
    resolved = []
    for spec in specs:
        task, reason = spec, ""
        label_problems = spec.label_problems(y[spec.columns])
        if isinstance(spec, Auto) and not label_problems:
            task, reason = spec.resolve(y[spec.name])
            label_problems = task.label_problems(y[task.columns])
        problems += label_problems
        resolved.append(ResolvedTask(task, reason))
    if problems:
        raise DataError("\n".join(problems))
    return resolved


def _as_specs(tasks: Iterable[str | Task]) -> list[Task]:
    check_listed(tasks)
    specs = []
    for task in tasks:
        specs.append(Auto(task) if isinstance(task, str) else task)
    return specs


def check_listed(tasks: object) -> None:
    """Raise unless `tasks` is a list of something, or None."""
    is_text = isinstance(tasks, str)
    listing = (Sequence, Set, np.ndarray, pd.Index, pd.Series)
    if tasks is None or (isinstance(tasks, listing) and not is_text):
        return
    if is_text:
        got, remedy = repr(tasks), f"Use tasks=[{tasks!r}]."
    elif hasattr(tasks, "get_params"):
        got, remedy = a_kind(tasks), "Give an estimator as estimator=..."
    else:
        got, remedy = a_kind(tasks), "Use, for instance, tasks=['load']."
    raise ParameterError(
        f"`tasks` must be a list of names or tasks; got {got}. {remedy}"
    )


def _spec_problems(specs: Sequence[Task], y: pd.DataFrame) -> list[str]:
    if not specs:
        return ["`tasks` must name at least one column of `y`; got none."]
    columns = list(y.columns)
    problems = _column_name_problems(columns)
    if problems:
        return problems
    names: list[str] = []
    owned: list[str] = []
    for spec in specs:
        if not isinstance(spec, Task):
            problems.append(
                "`tasks` must hold names or tasks "
                "such as Regression('load'); "
                f"got {spec!r}."
            )
            continue
        wrong = _task_problems(spec, columns)
        if spec.name in names:
            problems.append(
                f"`tasks` must have names that differ; got {spec.name!r} twice."
            )
        else:
            problems += wrong
        names.append(spec.name)
        if not wrong:
            owned += spec.columns
    shared = _repeated(owned) - set(names)
    if shared:
        problems.append(
            "`tasks` must not share columns of `y`; "
            f"got {shorten(sorted(shared))} in two tasks."
        )
    return problems


def _column_name_problems(columns: list[object]) -> list[str]:
    problems = []
    not_text = []
    for column in columns:
        if not isinstance(column, str):
            not_text.append(column)
    if not_text:
        problems.append(
            "`y` must have text as column names; "
            f"got {shorten(not_text)}. Use y.rename(columns=str)."
        )
    repeated = _repeated(columns)
    if repeated:
        written = shorten(sorted(repeated, key=str))
        problems.append(
            f"`y` must have each column once; got {written} more than once."
        )
    return problems


def _task_problems(spec: Task, columns: list[str]) -> list[str]:
    """Return the invalid parameters of a task, or else its unknown columns."""
    problems: list[str] = []
    with gathering(problems):
        spec.check(f"tasks.{spec.name}")
    # Its columns would follow from them, perhaps a hundred million of them.
    if problems:
        return problems
    known = set(columns)
    for name in spec.columns:
        if name not in known:
            problems.append(_unknown_column(name, columns))
    return problems


def _unknown_column(name: str, columns: list[str]) -> str:
    if not columns:
        return (
            "`tasks` must name columns of `y`, which has none; "
            f"got {name!r}. Give `y` to Samples.from_arrays."
        )
    return (
        f"`tasks` must name columns of `y`, {one_of(columns)}; "
        f"got {name!r}.{suggest(name, columns)}"
    )


def _repeated(values: Sequence[T]) -> set[T]:
    repeated = set()
    for value, n in Counter(values).items():
        if n > 1:
            repeated.add(value)
    return repeated
