"""Read `.ts` files as `read_table` does; their cases already are samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from multitide.data._samples import Samples
from multitide.data.tables._reading import ColumnRole, Reading
from multitide.data.tables._task_column import TaskColumn
from multitide.data.tables._ts_format import read_ts
from multitide.errors import DataError, ParameterError


def read_ts_samples(
    path: str | Path, reading: Reading, labels: object = None
) -> Samples:
    """Read a ``.ts`` file.

    Parameters
    ----------
    path : path
    reading : Reading
        The options that were given; only one task can be.
    labels : object, optional
        The second table that was given; must be None, as the file holds its labels.

    Raises
    ------
    DataError
        As :func:`read_ts` says.
    ParameterError
        If any option but the name of one task was given.
    """
    if labels is not None:
        given = type(labels).__name__
        if isinstance(labels, (str, Path)):
            given = repr(str(labels))
        raise ParameterError(
            "`labels` must be left out for a "
            ".ts file, which holds its labels; "
            f"got {given}. "
            "Use a table with one row per time step instead."
        )
    others = replace(reading, tasks=None).changed()
    tasks = reading.tasks or (TaskColumn("label", "label"),)
    if others or len(tasks) != 1:
        unusable = others or reading.task_names
        raise ParameterError(
            "`tasks` must be one name, and "
            "the only option, for a .ts file; "
            f"got {unusable}."
        )
    samples = read_ts(path, task=tasks[0].name)
    if tasks[0].name not in samples.y:
        tasks = ()
    found_out = Reading(
        tasks=tasks, channels=samples.channels, columns=ts_roles(samples)
    )
    return samples.replace(reading=found_out.to_dict())


def read_ts_like(
    path: str | Path, known: Reading, written: Mapping[str, object]
) -> Samples:
    """Read a ``.ts`` file with the channels and the task of an earlier one."""
    for name, value in written.items():
        if value is not None:
            raise ParameterError(
                f"`{name}` must be left out for a .ts file; got {value!r}."
            )
    if known.tasks:
        task = known.tasks[0].name
    else:
        task = "label"
    samples = read_ts(path, task=task)
    if samples.channels != known.channels:
        expected = list(known.channels or ())
        raise DataError(
            f"`data` must have the channels {expected}; got {list(samples.channels)}."
        )
    y = samples.y.reindex(columns=known.task_names)
    return samples.replace(reading=known.to_dict(), y=y)


def ts_roles(samples: Samples) -> tuple[ColumnRole, ...]:
    """Return the roles of the columns that a ``.ts`` file stands for."""
    channels = []
    for name in samples.channels:
        channels.append(_role(name, "channel"))
    return (*channels, *(_role(name, "task") for name in samples.y))


def _role(column: str, role: str) -> ColumnRole:
    return {"column": column, "table": "data", "role": role, "why": ""}
