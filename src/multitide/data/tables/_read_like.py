"""Read new data the way the training data was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from multitide.data._samples import Samples
from multitide.data.tables._archive import _checked_archive, _told
from multitide.data.tables._build_samples import build_samples
from multitide.data.tables._open_table import Table, _is_ts, _open
from multitide.data.tables._reading import Reading
from multitide.data.tables._roles import without_missing
from multitide.data.tables._ts_format import read_ts


def read_like(
    reading: Mapping[str, Any],
    data: Table,
    *,
    labels: Table | None = None,
    need_labels: bool = True,
) -> Samples:
    """Read another table the way ``samples.reading`` says an earlier one was read.

    Parameters
    ----------
    reading : dict
        From ``samples.reading``, also after a journey through JSON.
    data, labels : path or DataFrame
        As in :func:`read_table`.
    need_labels : bool
        Without it label columns may be absent (``y`` is then missing there), and no row is dropped
        for its labels.

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
        return _checked_archive(
            read_ts(data, task=known.tasks[0].name if known.tasks else "label"), known
        )
    frame, label_frame, known = _open(data, labels, known)
    columns = [*frame.columns, *(() if label_frame is None else label_frame.columns)]
    present = tuple(task for task in known.tasks or () if need_labels or task.column in columns)
    extra = tuple(column for column in known.extra if column in columns)
    found = replace(known, tasks=present, extra=extra, ignore=())
    problems: list[str] = []
    found = without_missing(frame, label_frame, found, problems)
    if problems and labels is None and any(column["table"] == "labels" for column in known.columns):
        problems.append(
            "Some columns were in a second table with one row a series: give it as `labels` (--labels)."
        )
    samples = _told(
        build_samples(frame, label_frame, found, need_labels=need_labels, problems=problems)
    )
    y = samples.y.reindex(columns=[task.name for task in known.tasks or ()])
    return samples.replace(
        y=y, reading=replace(known, assumed=tuple((samples.reading or {})["assumed"])).to_dict()
    )
