"""Which kind of task a column of labels is, when nobody said so; and what was decided, as a table."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, NoReturn

import pandas as pd

from multitide._checks import one_of, suggest
from multitide.errors import DataError, ParameterError
from multitide.tasks._classification import Classification
from multitide.tasks._labels import as_numbers, distinct_values, shorten, strange_values
from multitide.tasks._regression import Regression
from multitide.tasks._task import Task

# Whole numbers of at most so many distinct values are classes.
MOST_NUMBERED_CLASSES = 10

log = logging.getLogger("multitide")


@dataclass
class Auto(Task):
    """A task whose kind is read from its labels; :func:`resolve_tasks` makes a declared one of it."""

    kind: ClassVar[str] = "auto"

    def label_problems(self, labels: pd.DataFrame) -> list[str]:
        """Say what keeps a kind from being read."""
        _, values = distinct_values(labels[self.name])
        if not values:
            return [
                f"`{self.name}` must have a label in some row; got none in {len(labels)} rows. Leave the task out."
            ]
        if strange := strange_values(values):
            return [
                f"`{self.name}` must hold text, booleans or finite numbers; got {shorten(strange)}. Replace them."
            ]
        return []

    def fit_target(self, labels: pd.DataFrame) -> NoReturn:
        """Refuse: the kind must be known first."""
        raise ParameterError(
            f"`{self.name}.kind` must be known before it learns; call `resolve_tasks` first."
        )

    def target_from_config(self, config: dict[str, Any]) -> NoReturn:
        """Refuse: a task of no kind has no target."""
        self.fit_target(pd.DataFrame())

    def resolve(self, labels: pd.Series) -> tuple[Task, str]:
        """Return the declared task that these labels ask for, and why."""
        kind, why = _kind_and_reason(labels)
        if self.label_at == "mean":
            kind, why = "regression", "a mean over the window is a number"
        shared = {field.name: getattr(self, field.name) for field in fields(self)}
        return (Classification if kind == "classification" else Regression)(**shared), why


def infer_kind(labels: pd.Series) -> str:
    """Say which kind of task a column of labels is.

    Text, booleans and whole numbers of at most 10 distinct values are classes; all else are
    numbers. A missing label changes nothing, although pandas makes floats of whole numbers then.

    Parameters
    ----------
    labels : Series
        One label a row; NaN, None and blanks are missing.

    Returns
    -------
    str
        "classification" or "regression".

    Raises
    ------
    DataError
        If there is no label, or one that is neither text nor boolean nor finite number.
    """
    labels = pd.Series(labels)
    name = "labels" if labels.name is None else str(labels.name)
    if problems := Auto(name).label_problems(labels.to_frame(name)):
        raise DataError("\n".join(problems))
    return _kind_and_reason(labels)[0]


def infer_tasks(y: pd.DataFrame) -> list[Task]:
    """Return one task for every column of `y`, its kind inferred; see :func:`resolve_tasks`."""
    return resolve_tasks(None, y)


def resolve_tasks(tasks: Sequence[str | Task] | None, y: pd.DataFrame) -> list[Task]:
    """Turn what the user wrote into declared tasks, checked against the labels.

    What was inferred or left out is said by the logger "multitide"; :func:`describe_tasks` has it
    as a table.

    Parameters
    ----------
    tasks : sequence of str or Task, or None
        A name (or an :class:`Auto`) gets its kind from the labels; None takes every column of `y`.
    y : DataFrame
        One column a task.

    Raises
    ------
    ParameterError
        With every problem of the tasks themselves: an unknown column (with a "did you mean"), a
        name given twice, a parameter outside its range.
    DataError
        With every problem of the labels.
    """
    resolved = _resolve(tasks, y)
    for task, why in resolved:
        if why:
            change = _change(task, y[task.columns])
            log.info(
                "`%s` is a %s by its labels (%s).%s",
                task.name,
                task.kind,
                why,
                change and f" Else: {change}.",
            )
    named = {column for task, _ in resolved for column in task.columns}
    if unused := [column for column in y.columns if column not in named]:
        log.info("Columns of `y` that no task names are left out: %s.", shorten(unused, 20))
    return [task for task, _ in resolved]


def _resolve(tasks: Sequence[str | Task] | None, y: pd.DataFrame) -> list[tuple[Task, str]]:
    """Return each declared task with the reason for its kind, "" where the user declared it."""
    specs = [
        Auto(task) if isinstance(task, str) else task
        for task in (y.columns if tasks is None else tasks)
    ]
    if problems := _spec_problems(specs, y):
        raise ParameterError("\n".join(problems))
    problems, resolved = [], []
    for spec in specs:
        found = spec.label_problems(y[spec.columns])
        task, why = spec, ""
        if isinstance(spec, Auto) and not found:
            task, why = spec.resolve(y[spec.name])
            found = task.label_problems(y[task.columns])
        problems += found
        resolved.append((task, why))
    if problems:
        raise DataError("\n".join(problems))
    return resolved


def _spec_problems(specs: Sequence[Any], y: pd.DataFrame) -> list[str]:
    columns = list(y.columns)
    if not specs:
        return ["`tasks` must name at least one column of `y`; got none."]
    problems = []
    if odd := [column for column in columns if not isinstance(column, str)]:
        problems.append(
            f"`y` must have text as column names; got {shorten(odd)}. Use y.rename(columns=str)."
        )
    if twice := sorted({column for column in columns if columns.count(column) > 1}, key=str):
        problems.append(f"`y` must have each column once; got {shorten(twice)} more than once.")
    if problems:
        return problems
    names = [getattr(spec, "name", None) for spec in specs]
    for i, (spec, name) in enumerate(zip(specs, names, strict=True)):
        if not isinstance(spec, Task):
            problems.append(
                f"`tasks` must hold names or tasks such as Regression('load'); got {spec!r}."
            )
        elif name in names[:i]:
            problems.append(f"`tasks` must have names that differ; got {name!r} twice.")
        else:
            problems += [
                _unknown(column, columns) for column in spec.columns if column not in columns
            ]
            problems += _violations(spec)
    owned = [column for spec in specs if isinstance(spec, Task) for column in spec.columns]
    if shared := sorted({column for column in owned if owned.count(column) > 1} - set(names)):
        problems.append(
            f"`tasks` must not share columns of `y`; got {shorten(shared)} in two tasks."
        )
    return problems


def _unknown(column: str, columns: list[str]) -> str:
    if not columns:
        return f"`tasks` must name columns of `y`, which has none; got {column!r}. Give `y` to Samples.from_arrays."
    return f"`tasks` must name columns of `y`, {one_of(columns)}; got {column!r}.{suggest(column, columns)}"


def _violations(spec: Task) -> list[str]:
    try:
        spec.check(f"tasks.{spec.name}")
    except ParameterError as error:
        return [str(error)]
    return []


def _kind_and_reason(labels: pd.Series) -> tuple[str, str]:
    _, values = distinct_values(labels)
    n = len(values)
    if any(isinstance(value, str) for value in values):
        return "classification", f"text of {n} distinct values"
    if all(isinstance(value, bool) for value in values):
        return "classification", "booleans"
    if not all(isinstance(value, int) for value in values):
        return "regression", "numbers that are not whole"
    if n <= MOST_NUMBERED_CLASSES:
        return "classification", f"whole numbers of at most {MOST_NUMBERED_CLASSES} distinct values"
    return "regression", f"whole numbers of {n} distinct values"


def _change(task: Task, labels: pd.DataFrame) -> str:
    """Return the line of a configuration that makes the other kind of the task, where its labels allow one."""
    if task.kind not in ("classification", "regression"):
        return ""
    if task.kind == "regression":
        return 'kind = "classification"'
    return "" if as_numbers(labels[task.name])[1] else 'kind = "regression"'
