"""Read new data the way the training data was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Unpack

from multitide._local_copy import local_tables
from multitide.data._samples import Samples
from multitide.data.tables._build_samples import build_samples
from multitide.data.tables._drop_rows import drop_keyless
from multitide.data.tables._findings import Findings
from multitide.data.tables._open_tables import Tables, has_sheets, has_text, open_tables
from multitide.data.tables._read_options import FileOptions, Table
from multitide.data.tables._reading import Reading
from multitide.data.tables._roles import without_missing
from multitide.data.tables._ts_format import is_ts_file
from multitide.data.tables._ts_samples import read_ts_like


def read_like(
    reading: Mapping[str, object],
    data: Table,
    *,
    labels: Table | None = None,
    need_labels: bool = True,
    **written: Unpack[FileOptions],
) -> Samples:
    """Read a table the way ``samples.reading`` says that an earlier table was read.

    Parameters
    ----------
    reading : dict
        From ``samples.reading``; it may have been stored as JSON.
    data, labels : path, URL or DataFrame
        As in :func:`read_table`.
    need_labels : bool
        If False, label columns may be absent (``y`` is missing there), and no row is dropped for a
        missing label.
    **written
        How this table is written, where it differs from the earlier one: `encoding`, `separator`,
        `decimal`, `thousands`, `missing`, `sheet` and `time_format` as in :func:`read_table`.

    Returns
    -------
    Samples
        With the channels and tasks of the earlier table, in the same order. Rows without a series
        or a time are left out; ``samples.left_out`` has all rows that are in no sample.

    Raises
    ------
    DataError
        As :func:`read_table`, and if a column of the earlier table is absent.
    """
    known = replace(Reading.from_dict(reading), assumed=())
    with local_tables(data, labels) as (table, beside):
        return _read_local(known, table, beside, written, need_labels=need_labels)


def _read_local(
    known: Reading,
    data: Table,
    labels: Table | None,
    written: FileOptions,
    *,
    need_labels: bool,
) -> Samples:
    """Read tables that are in memory or on this machine."""
    if is_ts_file(data):
        return read_ts_like(data, known, written)
    findings = Findings()
    if not has_sheets(data):
        known = replace(known, sheet=None)
    if not has_text(data, labels):
        known = replace(known, encoding=None, separator=None)
    known = known.written(**written)
    samples = build_like(known, data, labels, findings, need_labels=need_labels)
    findings.log()
    return samples


def build_like(
    known: Reading,
    data: Table,
    labels: Table | None,
    findings: Findings,
    *,
    need_labels: bool,
) -> Samples:
    """Open tables and build samples as an earlier reading says."""
    tables = open_tables(data, labels, known, findings)
    present = _without_absent(known, tables, need_labels)
    present = without_missing(tables, present, findings)
    if findings.problems and labels is None and _had_labels_table(known):
        findings.add(
            "Some columns were in a second "
            "table with one row per series: "
            "pass it as `labels` (--labels)."
        )
    tables = drop_keyless(tables, present, findings)
    samples = build_samples(tables, present, findings, need_labels=need_labels)
    y = samples.y.reindex(columns=known.task_names)
    read = replace(known, assumed=tuple(findings.assumed))
    return samples.replace(y=y, reading=read.to_dict())


def _without_absent(known: Reading, tables: Tables, need_labels: bool) -> Reading:
    """Remove from a reading the columns that may be absent from new tables."""
    columns = tables.columns
    extra = tuple(column for column in known.extra if column in columns)
    known = replace(known, tasks=known.tasks or (), extra=extra, ignore=())
    if need_labels:
        return known.without_weights_outside(columns)
    return known.with_tasks_in(columns)


def _had_labels_table(known: Reading) -> bool:
    return any(column["table"] == "labels" for column in known.columns)
