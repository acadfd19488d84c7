"""Read long tables (one row per time step) as samples: windows or whole series with labels."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

import pandas as pd

from multitide._known_arguments import known_arguments
from multitide._local_copy import is_url, local_tables
from multitide.data._samples import Samples
from multitide.data.tables._build_samples import build_samples
from multitide.data.tables._findings import Findings
from multitide.data.tables._open_tables import Tables, open_tables
from multitide.data.tables._read_options import (
    Duplicates,
    Layout,
    MissingRows,
    Names,
    OnGap,
    ReadOptions,
    Table,
    TaskSpecs,
    Values,
)
from multitide.data.tables._read_stored import read_stored
from multitide.data.tables._reading import Reading
from multitide.data.tables._roles import find_roles
from multitide.data.tables._rows import find_categories
from multitide.data.tables._ts_format import is_ts_file
from multitide.data.tables._ts_samples import read_ts_samples
from multitide.errors import DataError, ParameterError


@known_arguments
def read_table(
    data: Table,
    *,
    tasks: TaskSpecs | None = None,
    channels: Names | None = None,
    category: Names = (),
    static: Names = (),
    series: str | None = None,
    time: Names | None = None,
    ignore: Names = (),
    extra: Names = (),
    labels: Table | None = None,
    window: int | None = None,
    stride: int = 1,
    on_gap: OnGap = "break",
    every: str | float | pd.Timedelta | None = None,
    missing_rows: MissingRows = "keep",
    duplicates: Duplicates | None = None,
    layout: Layout = "long",
    encoding: str | None = None,
    decimal: str | None = None,
    separator: str | None = None,
    thousands: str | None = None,
    sheet: str | None = None,
    missing: Values | None = None,
    time_format: str | None = None,
    calendar: Names = (),
    weight: str | None = None,
    store: str | Path | None = None,
) -> Samples:
    """Read a table of measurements, one row per time step, into samples with labels.

    Parameters
    ----------
    data : path, URL or DataFrame
        CSV or TSV (also ``.gz``), Parquet, ``.xlsx`` or ``.ts``; one row per time step. A folder
        of such files with the same columns (not ``.ts``) is one table; names of folders such as
        ``engine=3`` become columns. Tables of Polars, Arrow, DuckDB, ... are read too, and URLs
        such as ``s3://bucket/data.csv`` if fsspec has a driver for them.
    tasks : sequence of str or tasks, optional
        The label columns. By default, all columns of `labels` without another role; without
        `labels`, none.
    channels : sequence of str, optional
        The measured inputs; text becomes categories. By default, every numeric column without
        another role. In `channels`, `category`, `static`, `ignore` and `extra`, a pattern such as
        ``"static_*"`` stands for all columns that match.
    category : sequence of str
        Channels whose values are categories, in addition to `channels` or the numeric columns: text
        such as the weekday, or numbers that are codes.
    static : sequence of str
        Inputs that are constant within a series.
    series : str, optional
        The column that says which series (recording, machine run, patient) a row belongs to. By
        default the table is one series, and each file of a folder is one.
    time : str or sequence of str, optional
        The time column, or several: year, month, day, hour, ... Detected by default; ``()`` for
        none. The whole column decides how dates are written (day or month first, 202407 or
        20240704); where it cannot, `time_format` must. Windows of a single series without time
        are numbered by their last row, from 0, so that they can be split by time.
    ignore : sequence of str
        Columns to leave out.
    extra : sequence of str
        Columns to keep for each sample in addition to the inputs (for a split by column).
    labels : path, URL or DataFrame, optional
        A second table with one row per series, joined by `series`. It may hold tasks, static and
        extra columns.
    window, stride : int
        Rows per sample, and rows between the starts of two samples. Without `window`, each series
        is one sample.
    on_gap : {"break", "ignore"}
        Whether windows stop where the time step differs from the usual one. Windows never cross
        from one series to the next.
    every : str, number or Timedelta, optional
        Put the rows on a regular grid first, e.g. ``"1h"``: each grid row is the mean of the rows
        in its interval.
    missing_rows : {"keep", "drop"}
        "drop" leaves out rows in which a channel or a label is missing.
    duplicates : {"first", "last", "mean"}, optional
        How to combine rows of one series with the same time stamp. By default they are an error.
    layout : {"long", "vectors"}
        "vectors" takes each row as one sample with a single time step.
    encoding, decimal, separator : str, optional
        The format of a text file; detected by default.
    thousands : str, optional
        The sign between thousands: "." for 20.123,45. By default it is found where a column has no
        other reading; "" is none.
    sheet : str, optional
        The sheet of an ``.xlsx`` workbook `data`; by default the first that holds something.
    missing : sequence of str or number, optional
        The values that mean missing, besides empty cells, e.g. ``["NA", -999]``. By default "-",
        "--", "?", and NA, nan and null in their usual forms; ``samples.reading["assumed"]`` says
        how many cells held them.
    time_format : str, optional
        How the times are written, as in ``strptime``: ``"%d.%m.%y %H:%M"``. Several time columns
        are joined by a blank first. Needed only where the whole column does not decide it.
    calendar : sequence of {"hour", "weekday", "month", "day_of_year"}
        Cycles whose sine and cosine at the time of each row become channels, ``hour_sin`` and
        ``hour_cos``. For what follows the day, the week or the year. A cycle that is constant
        within every sample, such as the weekday of whole days, becomes static inputs instead.
    weight : str, optional
        The column that says how much each row counts, for all tasks without a `weight` of their
        own. A window has the weight of the row of its label; the mean weight of its rows if the
        label is of all rows.
    store : path, optional
        A cache folder for tables larger than memory. The numbers of `data`, a CSV or Parquet file
        or a folder of them, are written there once and then mapped into memory, so that only what
        is used is read. It is built again when the files change.

    Returns
    -------
    Samples
        ``samples.y`` has one column per task; ``samples.reading`` says how the table was read and
        what was assumed; ``samples.left_out`` has the rows that are in no sample, and why.

    Raises
    ------
    DataError
        If a file or column is missing, a channel holds text or infinite values, time stamps repeat,
        no window fits, or a task has no label. The message lists every problem found.
    ParameterError
        If an option is wrong, or a channel gives a label away.
    """
    reading = Reading.from_options(
        tasks=tasks,
        channels=channels,
        category=category,
        static=static,
        series=series,
        time=time,
        ignore=ignore,
        extra=extra,
        window=window,
        stride=stride,
        on_gap=on_gap,
        every=every,
        missing_rows=missing_rows,
        duplicates=duplicates,
        layout=layout,
        encoding=encoding,
        decimal=decimal,
        separator=separator,
        thousands=thousands,
        sheet=sheet,
        missing=missing,
        time_format=time_format,
        calendar=calendar,
        weight=weight,
    )
    samples = _read_anywhere(data, labels, reading, store)
    if weight is not None and not samples.y.shape[1]:
        raise ParameterError(
            f"`weight` must come with `tasks`, whose labels it weights; got {weight!r} alone."
        )
    return samples


def read_present(
    data: Table,
    *,
    labels: Table | None = None,
    store: str | Path | None = None,
    **options: Unpack[ReadOptions],
) -> Samples:
    """Read a table as :func:`read_table` does, without the tasks whose column is absent."""
    reading = Reading.from_options(**options)
    return _read_anywhere(data, labels, reading, store, only_present=True)


def _read_anywhere(
    data: Table,
    labels: Table | None,
    reading: Reading,
    store: str | Path | None,
    *,
    only_present: bool = False,
) -> Samples:
    """Read tables in memory, on this machine, or behind URLs."""
    if store is not None and (is_url(data) or is_url(labels)):
        raise ParameterError(
            f"`store` must come with tables on this machine; got the URL {data!r}. "
            "Copy the table first, or leave `store` out."
        )
    with local_tables(data, labels) as (table, beside):
        if store is None and is_ts_file(table):
            return read_ts_samples(table, reading, beside)

        def read_whole() -> Samples:
            findings = Findings()
            tables = open_tables(table, beside, reading, findings)
            known = reading
            if only_present:
                known = reading.with_tasks_in(tables.columns)
            return _read(tables, known, findings)

        if store is None:
            return read_whole()
        samples = read_stored(
            table, beside, reading, store, read_whole, only_present=only_present
        )
        _refuse_single_sample(samples, reading)
        return samples


def _read(tables: Tables, reading: Reading, findings: Findings) -> Samples:
    reading = find_roles(tables, reading, findings)
    reading = find_categories(tables.data, reading, findings)
    samples = build_samples(tables, reading, findings)
    _refuse_single_sample(samples, reading)
    findings.log()
    return samples


def _refuse_single_sample(samples: Samples, reading: Reading) -> None:
    """Raise if a table with labels is one sample: a network needs more to learn from."""
    if reading.tasks and reading.window is None and len(samples) == 1:
        raise DataError(
            "`window` must be given for a table that is one series; "
            "got None, which makes one sample of "
            f"all {samples.n_timepoints} rows. "
            "Cut it into windows, e.g. window=24, or name the column "
            "that tells several recordings apart with `series`."
        )
