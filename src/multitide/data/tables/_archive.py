"""Archives in the .ts format as samples."""

from __future__ import annotations

from typing import Any

from multitide.data._samples import Samples
from multitide.data.tables._open_table import logger
from multitide.data.tables._reading import Reading, TaskColumn
from multitide.data.tables._ts_format import read_ts
from multitide.errors import DataError, ParameterError


def _told(samples: Samples) -> Samples:
    """Tell the user what was assumed."""
    for sentence in (samples.reading or {})["assumed"]:
        logger.info(sentence)
    return samples


def _archive_columns(samples: Samples) -> tuple[dict[str, str], ...]:
    roles = [
        *((name, "channel") for name in samples.channels),
        *((name, "task") for name in samples.y),
    ]
    return tuple({"column": name, "table": "data", "role": role, "why": ""} for name, role in roles)


def _checked_archive(samples: Samples, known: Reading) -> Samples:
    if samples.channels != known.channels:
        raise DataError(
            f"`data` must have the channels {list(known.channels or ())}; got {list(samples.channels)}."
        )
    return samples.replace(
        reading=known.to_dict(), y=samples.y.reindex(columns=[t.name for t in known.tasks or ()])
    )


def _refuse_single_sample(samples: Samples, reading: Reading) -> None:
    """Raise if a table with labels is one long series and was not cut: nothing can be learned from one sample."""
    if reading.tasks and reading.window is None and len(samples) == 1:
        raise DataError(
            f"`window` must be given: the table is one series of {samples.n_timepoints} rows, and a whole series is "
            "one sample. Cut it, e.g. window=24, or name the column that tells its recordings apart as `series`."
        )


def _read_archive(path: Any, options: dict[str, Any]) -> Samples:
    """Read a ``.ts`` file, whose cases are already samples; only `tasks` can be said about it."""
    reading = Reading.from_options(**options)
    given = [
        name
        for name in options
        if name != "tasks" and getattr(reading, name) != getattr(Reading(), name)
    ]
    tasks = reading.tasks or (TaskColumn("label", "label"),)
    if given or len(tasks) != 1:
        found = given or [task.name for task in tasks]
        raise ParameterError(
            f"`tasks` must be one name, and the only option, for a .ts file; got {found}."
        )
    samples = read_ts(path, task=tasks[0].name)
    tasks = tasks if tasks[0].name in samples.y else ()
    reading = Reading(tasks=tasks, channels=samples.channels, columns=_archive_columns(samples))
    return samples.replace(reading=reading.to_dict())
