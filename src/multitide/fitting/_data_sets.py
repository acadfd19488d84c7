"""The data sets of a fit: what the user gave, its tasks, and its training and validation sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from multitide._checks import one_of, suggest
from multitide.data._data_sets import DataSets
from multitide.data._numerals import plain_labels
from multitide.data._panels import panel_of
from multitide.data._samples import Samples
from multitide.data._series_view import SeriesView
from multitide.data._split_data import SplitData
from multitide.data._splitter import Splitter
from multitide.data._weights import as_weights
from multitide.errors import DataError, ParameterError
from multitide.fitting._refuse_other_series import (
    is_sparse,
    labels_frame,
    refuse_other_series,
)
from multitide.fitting._validation_split import training_and_validation
from multitide.tasks import Auto, Task, infer_kind, resolve_tasks, task_names
from multitide.tasks._resolve_tasks import check_listed

# One data set as users give it: Samples, an array, or a list of arrays of different lengths.
Series: TypeAlias = "Samples | SeriesView | ArrayLike"
# Its labels: a DataFrame, or anything that pandas makes one of.
Labels: TypeAlias = "pd.DataFrame | Mapping[str, ArrayLike] | ArrayLike | None"
# How much each sample counts: one number per sample, or a column per task.
SampleWeight: TypeAlias = "pd.DataFrame | Sequence[float] | np.ndarray | None"
# One data set, or several by name.
Data: TypeAlias = "Series | Mapping[str, Samples | tuple[Series, Labels]]"


def to_data_sets(
    X: Data,
    y: Labels = None,
    *,
    static: pd.DataFrame | None = None,
    groups: Sequence[object] | None = None,
    time: Sequence[object] | None = None,
    time_format: str | None = None,
    sample_weight: SampleWeight = None,
) -> DataSets:
    """Return what the user gave as data sets.

    Parameters
    ----------
    X : Samples, array, or mapping of str to Samples or (X, y)
        The series of one data set, or several data sets by name.
    y, static, groups, time, time_format, sample_weight : optional
        As in :meth:`multitide.MultiTaskEstimator.fit`; not together with a mapping.

    Raises
    ------
    DataError
        If a mapping is empty, has a name that is not a text, or comes together with labels.
    """
    if not isinstance(X, Mapping) or is_sparse(X):  # some sparse arrays are mappings
        return DataSets(
            to_samples(
                cast("Series", X),
                y,
                static=static,
                groups=groups,
                time=time,
                time_format=time_format,
                sample_weight=sample_weight,
            )
        )
    others = {
        "y": y,
        "static": static,
        "groups": groups,
        "time": time,
        "time_format": time_format,
        "sample_weight": sample_weight,
    }
    if given := given_names(others):
        raise DataError(
            f"`{given[0]}` must not be given "
            "together with several data sets; "
            "each data set has its own."
        )
    if isinstance(X, DataSets):
        return X
    if list(X) == [DataSets.UNNAMED]:
        raise DataError(
            "`X` must have a name for every data set; got ''. "
            "Give the Samples or the array of "
            "a single data set without a dict."
        )
    by_name = {}
    for name, data in X.items():
        if isinstance(data, tuple):
            by_name[name] = to_samples(*data)
        else:
            by_name[name] = to_samples(data)
    return DataSets(by_name)


def given_names(options: Mapping[str, object]) -> list[str]:
    """Return the names of the options that were given."""
    return [name for name, value in options.items() if value is not None]


def held_out_sets(
    validation: Data | tuple[Series, Labels] | None,
) -> Mapping[str, Samples]:
    """Return the user's own validation samples by data set; none if there are none."""
    if validation is None:
        return {}
    if isinstance(validation, tuple):
        return to_data_sets(*validation)
    return to_data_sets(validation)


def to_samples(
    X: Series,
    y: Labels = None,
    *,
    static: pd.DataFrame | None = None,
    groups: Sequence[object] | None = None,
    time: Sequence[object] | None = None,
    time_format: str | None = None,
    sample_weight: SampleWeight = None,
) -> Samples:
    """Return the series and labels of one data set as :class:`Samples`."""
    labels = None
    if y is not None:
        labels = labels_frame(y)
    if isinstance(X, Samples):
        own = {
            "static": static,
            "groups": groups,
            "time": time,
            "time_format": time_format,
        }
        if given := given_names(own):
            raise DataError(
                f"`{given[0]}` must not be given together with Samples, "
                "which have their own. Give it to Samples.from_arrays."
            )
        if sample_weight is not None:
            X = X.replace(weights=as_weights(sample_weight, len(X), "sample_weight"))
        if labels is None:
            return X
        if len(labels) != len(X):
            raise DataError(
                "`y` must have one row per sample; "
                f"got {len(labels)} rows for {len(X)} samples."
            )
        return X.replace(y=plain_labels(labels).reset_index(drop=True))
    panel = panel_of(X)
    if panel is not None:
        X = cast("Series", panel.series)
    refuse_other_series(X)
    series = cast(np.ndarray, X)
    if isinstance(X, SeriesView):
        series = np.asarray(X)
    return Samples.from_arrays(
        series,
        labels,
        static=static,
        series=groups,
        time=time,
        time_format=time_format,
        channels=None if panel is None else panel.channels,
        weights=None
        if sample_weight is None
        else as_weights(sample_weight, len(series), "sample_weight"),
    )


def split_data_sets(
    data_sets: Mapping[str, Samples],
    tasks: Sequence[Task],
    held_out: Mapping[str, Samples],
    rule: float | Splitter | None,
    seed: int,
    number: int = 0,
    calibration: Mapping[str, Samples] | None = None,
) -> list[SplitData]:
    """Divide every data set into a training, a validation and perhaps a calibration set.

    Parameters
    ----------
    data_sets : mapping of str to Samples
        What the user trains on.
    tasks : sequence of Task
        Each must have labels in both sets of every data set that has any.
    held_out : mapping of str to Samples
        The user's own validation samples of some data sets.
    rule, seed, number
        How to choose validation samples of the other data sets; see
        :func:`training_and_validation`.
    calibration : mapping of str to Samples, optional
        The user's own calibration samples of some data sets.

    Raises
    ------
    ParameterError
        If there are validation or calibration samples of an unknown data set.
    DataError
        If a data set cannot be divided; the message names it.
    """
    calibration = calibration or {}
    check_names(held_out, list(data_sets), "validation")
    check_names(calibration, list(data_sets), "calibration")
    split_data = []
    for name, samples in data_sets.items():
        with naming_data_set(name):
            own = tasks_with_labels(samples, tasks)
            joined, split = training_and_validation(
                samples,
                own,
                held_out.get(name),
                rule,
                seed,
                number,
                calibration.get(name),
            )
            split_data.append(SplitData(name, joined, split))
    return split_data


def resolve_shared_tasks(
    tasks: Sequence[str | Task] | None, data_sets: Mapping[str, Samples]
) -> list[Task]:
    """Turn what the user wrote into declared tasks, which data sets share by their names.

    Parameters
    ----------
    tasks : sequence of str or Task, or None
        As in :func:`multitide.tasks.resolve_tasks`; None takes every column of every data set.
    data_sets : mapping of str to Samples
        A column that several of them have is one task.

    Raises
    ------
    ParameterError
        With every problem of the tasks: no data set has it, its kind differs between data sets, or
        a data set has only some of its columns.
    DataError
        With every problem of the labels, and every data set without any.
    """
    check_listed(tasks)
    if len(data_sets) == 1:
        return resolve_tasks(tasks, next(iter(data_sets.values())).y)
    problems = [*_kind_problems(tasks, data_sets), *_column_problems(tasks, data_sets)]
    if problems:
        raise ParameterError("\n".join(problems))
    labels = pd.concat([samples.y for samples in data_sets.values()], ignore_index=True)
    resolved = resolve_tasks(tasks, labels)
    unused = []
    for name, samples in data_sets.items():
        if not tasks_with_labels(samples, resolved):
            unused.append(name)
    if unused:
        raise DataError(
            "`X` must have labels of a task in every data set; "
            f"{unused} have none of {task_names(resolved)}."
        )
    return resolved


def tasks_with_labels(samples: Samples, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks that have a label in these samples."""
    labelled = []
    for task in tasks:
        if labels_of(samples, task).notna().any(axis=None):
            labelled.append(task)
    return labelled


def labels_of(samples: Samples, task: Task) -> pd.DataFrame:
    """Return the task's columns; all missing if the samples lack any of them."""
    if set(task.columns) <= set(samples.y):
        return samples.y[task.columns]
    return samples.y.reindex(columns=task.columns)


def check_names(given: Mapping[str, object], known: Sequence[str], what: str) -> None:
    """Raise unless all names of data sets are known.

    Parameters
    ----------
    given : mapping
        Its keys are checked.
    known : sequence of str
        The data sets of the fit.
    what : str
        The parameter that is checked.
    """
    required, remedy = f"must be a dict of data sets of the fit, {one_of(known)}", ""
    if list(known) == [DataSets.UNNAMED]:
        remedy = " Give its Samples or array without a dict."
        required = "must be of the one data set of the fit, which has no name"
    problems = []
    for name in given:
        if name in known:
            continue
        if name:
            got = f"{name!r}.{suggest(name, known)}{remedy}"
        else:
            got = f"no dict. Use {{{known[0]!r}: ...}}."
        problems.append(f"`{what}` {required}; got {got}")
    if problems:
        raise ParameterError("\n".join(problems))


@contextmanager
def naming_data_set(name: str) -> Iterator[None]:
    """Name the data set in every line of an error; nothing is added for "", which has no name."""
    try:
        yield
    except (DataError, ParameterError) as error:
        if not name:
            raise
        lines = []
        for line in str(error).splitlines():
            lines.append(f"In the data set {name!r}: {line}")
        raise type(error)("\n".join(lines)) from error


def _kind_problems(
    tasks: Sequence[str | Task] | None, data_sets: Mapping[str, Samples]
) -> list[str]:
    """Name the tasks of undeclared kind whose labels suggest different kinds."""
    problems = []
    for name in _undeclared(tasks, data_sets):
        kinds = {}
        for data_set, samples in data_sets.items():
            if name in samples.y and samples.y[name].notna().any():
                kinds[data_set] = infer_kind(samples.y[name])
        if len(set(kinds.values())) > 1:
            described = []
            for data_set, kind in kinds.items():
                described.append(f"a {kind} in {data_set!r}")
            problems.append(
                "`tasks` must be of one kind in all data sets; "
                f"by its labels {name!r} is {', '.join(described)}. "
                "Declare its kind, or give "
                "the columns different names."
            )
    return problems


def _undeclared(
    tasks: Sequence[str | Task] | None, data_sets: Mapping[str, Samples]
) -> Sequence[str]:
    """Return the names of the tasks whose kind is inferred from their labels."""
    if tasks is None:
        columns = []
        for samples in data_sets.values():
            columns.extend(samples.y)
        return list(dict.fromkeys(columns))
    names = []
    for task in tasks:
        if isinstance(task, str):
            names.append(task)
        elif isinstance(task, Auto):
            names.append(task.name)
    return names


def _column_problems(
    tasks: Sequence[str | Task] | None, data_sets: Mapping[str, Samples]
) -> list[str]:
    """Name the data sets that have some of a task's columns, but not all."""
    problems = []
    declared = []
    for task in tasks or ():
        if isinstance(task, Task):
            declared.append(task)
    for task in declared:
        for name, samples in data_sets.items():
            missing = []
            for column in task.columns:
                if column not in samples.y:
                    missing.append(column)
            if 0 < len(missing) < len(task.columns):
                problems.append(
                    "`tasks` must have all of their "
                    "columns in a data set, or none; "
                    f"{name!r} has some of "
                    f"{task.name!r}, but not {missing}. "
                    "Add empty columns for labels "
                    "that are missing there."
                )
    return problems
