"""Long tables become samples: one row a time step in, windows or whole series with their labels out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from multitide.data._samples import Samples
from multitide.data.tables._archive import _read_archive, _refuse_single_sample, _told
from multitide.data.tables._build_samples import build_samples
from multitide.data.tables._open_table import Names, Table, _is_ts, _open
from multitide.data.tables._reading import Reading
from multitide.data.tables._roles import resolve_roles
from multitide.data.tables._rows import find_categories


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
        The measured inputs; text becomes categories. Without it, every column of numbers that has
        no other role. In `channels`, `static`, `ignore` and `extra` a pattern such as
        ``"static_*"`` stands for all that match.
    static : sequence of str
        Inputs that hold for a whole series.
    series : str, optional
        The column that says which recording a row belongs to; one recording without it.
    time : str or sequence of str, optional
        The column of times, or several: year, month, day, hour, ... Found by looking when not
        given; ``()`` for none. Dates need years of four digits, and are read day first or month
        first by the whole column. Windows of one recording without time get the numbers of their
        last rows, from 0, so that they can be split by time.
    ignore : sequence of str
        Columns to leave out.
    extra : sequence of str
        Columns to keep for each sample beside the inputs (for a split by column).
    labels : path or DataFrame, optional
        A second table with one row a series, joined by `series`; it may hold tasks, static and
        extra columns.
    window, stride : int
        Rows in a sample, and rows from one sample's start to the next one's. Without `window` a
        sample is a series.
    on_gap : {"break", "ignore"}
        Whether windows end where the time step differs from the usual one. They never cross from
        series to series.
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
        ``samples.y`` has a column a task; ``samples.reading`` says how the table was read and what
        was assumed.

    Raises
    ------
    DataError
        If a file or column is missing, a channel holds text or infinite values, time stamps repeat,
        no window fits, or a task has no label; with every problem that could be found.
    ParameterError
        If an option is wrong, or a label is given away by a channel.
    """
    return _read(
        data,
        labels,
        {key: value for key, value in locals().items() if key not in ("data", "labels")},
    )


def read_present(data: Table, *, labels: Table | None = None, **options: Any) -> Samples:
    """Read a table as :func:`read_table` does, without the tasks whose column it has not."""
    return _read(data, labels, options, only_present=True)


def _read(
    data: Table, labels: Table | None, options: dict[str, Any], only_present: bool = False
) -> Samples:
    if _is_ts(data):
        return _read_archive(data, options)
    reading = Reading.from_options(**options)
    frame, label_frame, reading = _open(data, labels, reading)
    if only_present and reading.tasks is not None:
        columns = {*frame.columns, *(() if label_frame is None else label_frame.columns)}
        reading = replace(
            reading, tasks=tuple(task for task in reading.tasks if task.column in columns)
        )
    problems: list[str] = []
    reading = find_categories(frame, resolve_roles(frame, label_frame, reading, problems))
    samples = build_samples(frame, label_frame, reading, problems=problems)
    _refuse_single_sample(samples, reading)
    return _told(samples)
