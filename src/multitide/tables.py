"""Long tables become samples: one row a time step in, windows or whole series with their labels out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd

from multitide.building import build_samples
from multitide.errors import DataError, ParameterError
from multitide.files import Dialect, read_frame
from multitide.formats import read_ts
from multitide.guesses import WindowProposal, propose_window
from multitide.reading import Reading, TaskColumn
from multitide.roles import resolve_roles, without_missing
from multitide.rows import find_categories
from multitide.samples import Samples

logger = logging.getLogger("multitide")

Table: TypeAlias = "str | Path | pd.DataFrame"
Names: TypeAlias = "str | Sequence[str]"


def read_table(
    data: Table,
    *,
    tasks: Any = None,
    channels: Names | None = None,
    static: Names = (),
    series: str | None = None,
    time: Names | None = None,
    ignore: Names = (),
    extra: Names = (),
    labels: Table | None = None,
    window: int | None = None,
    stride: int = 1,
    on_gap: Literal["break", "ignore"] = "break",
    every: str | float | None = None,
    missing_rows: Literal["keep", "drop"] = "keep",
    duplicates: Literal["first", "last", "mean"] | None = None,
    layout: Literal["long", "vectors"] = "long",
    encoding: str | None = None,
    decimal: str | None = None,
    separator: str | None = None,
) -> Samples:
    """Read a table of measurements, one row a time step, into samples with their labels.

    Parameters
    ----------
    data : path or DataFrame
        CSV or TSV (also ``.gz``), Parquet, or ``.ts``; one row a time step.
    tasks : sequence of str or tasks, optional
        The label columns. Without it, all other columns of `labels`, or none.
    channels : sequence of str, optional
        The measured inputs; text becomes categories. Without it, every column of numbers that has no other role.
        In `channels`, `static`, `ignore` and `extra` a pattern such as ``"static_*"`` stands for all that match.
    static : sequence of str
        Inputs that hold for a whole series.
    series : str, optional
        The column that says which recording a row belongs to; one recording without it.
    time : str or sequence of str, optional
        The column of times, or several: year, month, day, hour, ... Found by looking when not given; ``()`` for none.
        Dates need years of four digits, and are read day first or month first by the whole column. Windows of one
        recording without time get the numbers of their last rows, from 0, so that they can be split by time.
    ignore : sequence of str
        Columns to leave out.
    extra : sequence of str
        Columns to keep for each sample beside the inputs (for a split by column).
    labels : path or DataFrame, optional
        A second table with one row a series, joined by `series`; it may hold tasks, static and extra columns.
    window, stride : int
        Rows in a sample, and rows from one sample's start to the next one's. Without `window` a sample is a series.
    on_gap : {"break", "ignore"}
        Whether windows end where the time step differs from the usual one. They never cross from series to series.
    every : str or number, optional
        Put the rows on a regular grid first, e.g. ``"1h"``: the means of the rows in each bin.
    missing_rows : {"keep", "drop"}
        "drop" leaves out rows in which any channel or label is missing.
    duplicates : {"first", "last", "mean"}, optional
        What to take of rows with one time stamp in one series; an error without it.
    layout : {"long", "vectors"}
        "vectors" takes each row as one sample of one step.
    encoding, decimal, separator : str, optional
        How a text file is written; found by looking when not given.

    Returns
    -------
    Samples
        ``samples.y`` has a column a task; ``samples.reading`` says how the table was read and what was assumed.

    Raises
    ------
    DataError
        If a file or column is missing, a channel holds text or infinite values, time stamps repeat, no window fits, or
        a task has no label; with every problem that could be found.
    ParameterError
        If an option is wrong, or a label is given away by a channel.
    """
    return _read(data, labels, {key: value for key, value in locals().items() if key not in ("data", "labels")})


def read_present(data: Table, *, labels: Table | None = None, **options: Any) -> Samples:
    """Read a table as :func:`read_table` does, without the tasks whose column it has not."""
    return _read(data, labels, options, only_present=True)


def _read(data: Table, labels: Table | None, options: dict[str, Any], only_present: bool = False) -> Samples:
    if _is_ts(data):
        return _read_archive(data, options)
    reading = Reading.from_options(**options)
    frame, label_frame, reading = _open(data, labels, reading)
    if only_present and reading.tasks is not None:
        columns = {*frame.columns, *(() if label_frame is None else label_frame.columns)}
        reading = replace(reading, tasks=tuple(task for task in reading.tasks if task.column in columns))
    problems: list[str] = []
    reading = find_categories(frame, resolve_roles(frame, label_frame, reading, problems))
    samples = build_samples(frame, label_frame, reading, problems=problems)
    _refuse_single_sample(samples, reading)
    return _told(samples)


def read_like(
    reading: Mapping[str, Any], data: Table, *, labels: Table | None = None, need_labels: bool = True
) -> Samples:
    """Read another table the way ``samples.reading`` says an earlier one was read.

    Parameters
    ----------
    reading : dict
        From ``samples.reading``, also after a journey through JSON.
    data, labels : path or DataFrame
        As in :func:`read_table`.
    need_labels : bool
        Without it label columns may be absent (``y`` is then missing there), and no row is dropped for its labels.

    Returns
    -------
    Samples
        With the channels and tasks of the earlier table, in its order.

    Raises
    ------
    DataError
        As :func:`read_table`, and if a column that was read before is absent.
    """
    known = replace(Reading.from_dict(reading), assumed=())
    if _is_ts(data):
        return _checked_archive(read_ts(data, task=known.tasks[0].name if known.tasks else "label"), known)
    frame, label_frame, known = _open(data, labels, known)
    columns = [*frame.columns, *(() if label_frame is None else label_frame.columns)]
    present = tuple(task for task in known.tasks or () if need_labels or task.column in columns)
    extra = tuple(column for column in known.extra if column in columns)
    found = replace(known, tasks=present, extra=extra, ignore=())
    problems: list[str] = []
    found = without_missing(frame, label_frame, found, problems)
    if problems and labels is None and any(column["table"] == "labels" for column in known.columns):
        problems.append("Some columns were in a second table with one row a series: give it as `labels` (--labels).")
    samples = _told(build_samples(frame, label_frame, found, need_labels=need_labels, problems=problems))
    y = samples.y.reindex(columns=[task.name for task in known.tasks or ()])
    return samples.replace(y=y, reading=replace(known, assumed=tuple((samples.reading or {})["assumed"])).to_dict())


def _told(samples: Samples) -> Samples:
    """Tell the user what was assumed."""
    for sentence in (samples.reading or {})["assumed"]:
        logger.info(sentence)
    return samples


def column_roles(data: Table, *, labels: Table | None = None, **options: Any) -> pd.DataFrame:
    """Say what :func:`read_table` would take each column for, without reading on.

    Parameters
    ----------
    data, labels : path or DataFrame
        As in :func:`read_table`.
    **options
        Any other parameter of :func:`read_table`.

    Returns
    -------
    DataFrame
        One row a column: ``column``, ``table`` ("data" or "labels"), ``role``, ``why`` it was left out.
    """
    if _is_ts(data):
        return pd.DataFrame(list(_archive_columns(read_ts(data))))
    frame, label_frame, reading = _open(data, labels, Reading.from_options(**options))
    problems: list[str] = []
    reading = resolve_roles(frame, label_frame, reading, problems)
    if problems:
        raise DataError("\n".join(problems))
    return pd.DataFrame(list(reading.columns))


def propose_windows(
    data: Table, roles: pd.DataFrame, window: int | None = None, stride: int | None = None
) -> WindowProposal | None:
    """Return the window that was said, or propose one; None where rows are no time steps.

    Parameters
    ----------
    data : path or DataFrame
        As in :func:`read_table`.
    roles : DataFrame
        From :func:`column_roles`.
    window, stride : int, optional
        What was said; then there is no ``why``.

    Raises
    ------
    DataError
        If no series is as long as the window.
    """
    if _is_ts(data):
        return None
    frame, _ = read_frame(data)
    by_role = {str(role): list(rows["column"]) for role, rows in roles[roles["table"] == "data"].groupby("role")}
    series = by_role.get("series", [None])[0]
    longest = len(frame) if series is None else int(frame[series].value_counts().max())
    if window is None:
        return propose_window(frame, by_role.get("time", []), series)
    if window > longest:
        raise DataError(f"`window` must not be longer than the longest series; got {window}, and {longest} rows.")
    return WindowProposal(window, stride or 1, "")


def _open(data: Table, labels: Table | None, reading: Reading) -> tuple[pd.DataFrame, pd.DataFrame | None, Reading]:
    dialect = Dialect(reading.encoding, reading.decimal, reading.separator)
    frame, notes = read_frame(data, dialect, "data")
    label_frame = None
    if labels is not None:
        label_frame, more = read_frame(labels, dialect, "labels")
        notes = notes + more
    return frame, label_frame, reading.noted(*notes)


def _is_ts(data: Any) -> bool:
    return isinstance(data, (str, Path)) and str(data).lower().removesuffix(".gz").endswith(".ts")


def _read_archive(path: Any, options: dict[str, Any]) -> Samples:
    """Read a ``.ts`` file, whose cases are already samples; only `tasks` can be said about it."""
    reading = Reading.from_options(**options)
    given = [name for name in options if name != "tasks" and getattr(reading, name) != getattr(Reading(), name)]
    tasks = reading.tasks or (TaskColumn("label", "label"),)
    if given or len(tasks) != 1:
        found = given or [task.name for task in tasks]
        raise ParameterError(f"`tasks` must be one name, and the only option, for a .ts file; got {found}.")
    samples = read_ts(path, task=tasks[0].name)
    tasks = tasks if tasks[0].name in samples.y else ()
    reading = Reading(tasks=tasks, channels=samples.channels, columns=_archive_columns(samples))
    return samples.replace(reading=reading.to_dict())


def _archive_columns(samples: Samples) -> tuple[dict[str, str], ...]:
    roles = [*((name, "channel") for name in samples.channels), *((name, "task") for name in samples.y)]
    return tuple({"column": name, "table": "data", "role": role, "why": ""} for name, role in roles)


def _checked_archive(samples: Samples, known: Reading) -> Samples:
    if samples.channels != known.channels:
        raise DataError(f"`data` must have the channels {list(known.channels or ())}; got {list(samples.channels)}.")
    return samples.replace(reading=known.to_dict(), y=samples.y.reindex(columns=[t.name for t in known.tasks or ()]))


def _refuse_single_sample(samples: Samples, reading: Reading) -> None:
    """Raise if a table with labels is one long series and was not cut: nothing can be learned from one sample."""
    if reading.tasks and reading.window is None and len(samples) == 1:
        raise DataError(
            f"`window` must be given: the table is one series of {samples.n_timepoints} rows, and a whole series is "
            "one sample. Cut it, e.g. window=24, or name the column that tells its recordings apart as `series`."
        )
