"""Domains: the data sets that one network learns, each with its own series; a plain fit has one, without a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from multitide._checks import one_of, suggest
from multitide.data._samples import Samples, SeriesView
from multitide.data._splits import Splitter
from multitide.errors import DataError, ParameterError
from multitide.fitting._validation_split import learning_sides
from multitide.tasks import Auto, Task, infer_kind, resolve_tasks

PLAIN = ""  # the name of the data set of a fit that was given no names


@dataclass(frozen=True)
class Domain:
    """One data set of a fit.

    Attributes
    ----------
    name : str
        As the user calls it; "" if it is the only one and has none.
    samples : Samples
        Training and validation samples.
    train, validation : ndarray of int
        Which of them are for learning, and which choose the epoch (may be empty).
    """

    name: str
    samples: Samples
    train: np.ndarray
    validation: np.ndarray


def learning_domains(
    given: Mapping[str, Samples],
    tasks: Sequence[Task],
    held_out: Mapping[str, Samples],
    rule: float | Splitter | None,
    seed: int,
) -> list[Domain]:
    """Return the data sets with what is learned from and what chooses the epoch; see :func:`learning_sides`.

    Parameters
    ----------
    given : mapping of str to Samples
        What the user wants to learn from.
    tasks : sequence of Task
        Each must have labels on both sides of every data set that has any.
    held_out : mapping of str to Samples
        The user's own validation samples of some data sets.
    rule, seed
        Of the others.

    Raises
    ------
    ParameterError
        If there are validation samples of an unknown data set.
    DataError
        With what is wrong, and in which data set.
    """
    check_names(held_out, list(given), "validation")
    domains = []
    for name, samples in given.items():
        with in_domain(name):
            sides = learning_sides(
                samples, tasks_of(samples, tasks), held_out.get(name), rule, seed
            )
            domains.append(Domain(name, *sides))
    return domains


def resolve_domain_tasks(
    tasks: Sequence[str | Task] | None, given: Mapping[str, Samples]
) -> list[Task]:
    """Turn what the user wrote into declared tasks; a column that several data sets have is one task.

    Parameters
    ----------
    tasks : sequence of str or Task, or None
        As in :func:`multitide.tasks.resolve_tasks`; None takes every column of every data set.
    given : mapping of str to Samples
        The data sets.

    Raises
    ------
    ParameterError
        With every problem of the tasks: one that no data set has, one that is classes here and
        numbers there, one of several columns of which a data set has some.
    DataError
        With every problem of the labels, and every data set without any.
    """
    if len(given) == 1:
        return resolve_tasks(tasks, next(iter(given.values())).y)
    problems = _kind_problems(tasks, given) + _halved_tasks(tasks, given)
    if problems:
        raise ParameterError("\n".join(problems))
    resolved = resolve_tasks(
        tasks, pd.concat([samples.y for samples in given.values()], ignore_index=True)
    )
    idle = [name for name, samples in given.items() if not tasks_of(samples, resolved)]
    if idle:
        raise DataError(
            f"`X` must have labels of a task in every data set; {idle} have none of {[task.name for task in resolved]}."
        )
    return resolved


def tasks_of(samples: Samples, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks that have a label in these samples."""
    return [task for task in tasks if labels_of(samples, task).notna().any(axis=None)]


def labels_of(samples: Samples, task: Task) -> pd.DataFrame:
    """Return the task's columns; all missing where the samples have none of that name."""
    return (
        samples.y[task.columns]
        if set(task.columns) <= set(samples.y)
        else samples.y.reindex(columns=task.columns)
    )


def check_names(given: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    """Raise unless all names of data sets are known."""
    asked = (
        f"`{what}` must be a dict of data sets of the fit, {one_of(known)}"
        if list(known) != [PLAIN]
        else (f"`{what}` must be of the one data set of the fit, which has no name")
    )
    problems = [
        f"{asked}; got {repr(name) if name else 'no dict'}.{suggest(name, known) if name else ''}"
        for name in given
        if name not in known
    ]
    if problems:
        raise ParameterError("\n".join(problems))


def as_data_sets(X: Any, y: Any = None, **rest: Any) -> dict[str, Samples]:
    """Return what the user gave as data sets by name; what is no dict is the only one, without a name.

    Parameters
    ----------
    X : dict of str to Samples or (X, y); or what :func:`as_samples` takes
        The series.
    y, **rest
        As in :func:`as_samples`; not with a dict.

    Raises
    ------
    DataError
        If a dict is empty, has a name that is no text, or stands beside labels.
    """
    if not isinstance(X, Mapping):
        return {PLAIN: as_samples(X, y, **rest)}
    beside = [name for name, value in {"y": y, **rest}.items() if value is not None]
    problems = [
        f"`{name}` must not be given with several data sets; each has its own." for name in beside
    ]
    if list(X) != [PLAIN] and not (X and all(isinstance(name, str) and name.strip() for name in X)):
        problems.append(f"`X` must have a name, a text, for every data set; got {list(X)}.")
    if problems:
        raise DataError("\n".join(problems))
    return {
        name: as_samples(*(given if isinstance(given, tuple) else (given,)))
        for name, given in X.items()
    }


def plain_or_dict(by_name: Mapping[str, Any]) -> Any:
    """Return what belongs to the only data set of a plain fit, or all by their names: what `fit` takes."""
    return by_name[PLAIN] if list(by_name) == [PLAIN] else dict(by_name)


def like(X: Any, by_name: Mapping[str, Any]) -> Any:
    """Return results by data set where the user gave a dict, else the only result."""
    return dict(by_name) if isinstance(X, Mapping) else next(iter(by_name.values()))


def as_samples(
    X: Any,
    y: Any = None,
    *,
    static: pd.DataFrame | None = None,
    groups: Sequence[Any] | None = None,
    time: Sequence[Any] | None = None,
) -> Samples:
    """Return what the user gave as `Samples`."""
    if isinstance(X, Samples):
        if y is not None:
            return X.replace(y=pd.DataFrame(y).reset_index(drop=True))
        return X
    if isinstance(X, (str, Path)):
        raise DataError(
            f"`X` must be Samples or an array; got the path {str(X)!r}. Use multitide.read_table(path)."
        )
    labels = None if y is None else pd.DataFrame(y)
    if labels is not None:
        labels.columns = [str(column) for column in labels.columns]
    return Samples.from_arrays(
        np.asarray(X) if isinstance(X, SeriesView) else X,
        labels,
        static=static,
        series=groups,
        time=time,
    )


def _kind_problems(tasks: Sequence[str | Task] | None, given: Mapping[str, Samples]) -> list[str]:
    """Name the tasks whose kind is read from the labels, and is not the same in all data sets."""
    columns = dict.fromkeys(column for samples in given.values() for column in samples.y)
    asked = [
        task if isinstance(task, str) else task.name
        for task in (columns if tasks is None else tasks)
        if isinstance(task, (str, Auto))
    ]
    problems = []
    for task in asked:
        kinds = {
            name: infer_kind(s.y[task])
            for name, s in given.items()
            if task in s.y and s.y[task].notna().any()
        }
        if len(set(kinds.values())) > 1:
            said = ", ".join(f"a {kind} in {name!r}" for name, kind in kinds.items())
            problems.append(
                f"`tasks` must be of one kind in all data sets; by its labels {task!r} is {said}. "
                "Declare its kind, or give the columns different names."
            )
    return problems


def _halved_tasks(tasks: Sequence[str | Task] | None, given: Mapping[str, Samples]) -> list[str]:
    """Name the data sets that have some of a task's columns, but not all."""
    problems = []
    for task in (task for task in tasks or () if isinstance(task, Task)):
        for name, samples in given.items():
            missing = [column for column in task.columns if column not in samples.y]
            if 0 < len(missing) < len(task.columns):
                problems.append(
                    f"`tasks` must have all of their columns in a data set, or none; {name!r} has some of "
                    f"{task.name!r}, but not {missing}. Add columns of blanks for what nobody knows there."
                )
    return problems


@contextmanager
def in_domain(name: str) -> Iterator[None]:
    """Say in an error of ours which data set has it, line by line; nothing is added where it has no name."""
    try:
        yield
    except (DataError, ParameterError) as error:
        if not name:
            raise
        lines = (f"In the data set {name!r}: {line}" for line in str(error).splitlines())
        raise type(error)("\n".join(lines)) from error
