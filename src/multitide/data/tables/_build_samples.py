"""Build samples from tables with known roles: order the rows, cut them, and label each sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from multitide._result_folder import shortened
from multitide.data._samples import Samples
from multitide.data.tables._calendar_inputs import (
    place_cycles,
    static_values,
    with_channels,
)
from multitide.data.tables._columns import nullable, whole
from multitide.data.tables._cut_samples import Cut, cut_samples
from multitide.data.tables._drop_rows import drop_incomplete
from multitide.data.tables._findings import Findings
from multitide.data.tables._left_out import COLUMNS, joined
from multitide.data.tables._open_tables import Tables
from multitide.data.tables._read_options import LabelAt
from multitide.data.tables._reading import Reading
from multitide.data.tables._resampling import merge_duplicates, resample
from multitide.data.tables._row_order import sort_rows
from multitide.data.tables._rows import (
    Rows,
    clean_column,
    make_rows,
)
from multitide.data.tables._series_ids import clean_ids, match_ids
from multitide.data.tables._task_column import TaskColumn
from multitide.data.tables._windows import Index, label_windows, last_known
from multitide.errors import DataError, ParameterError


def build_samples(
    tables: Tables,
    reading: Reading,
    findings: Findings,
    *,
    need_labels: bool = True,
    is_part: bool = False,
) -> Samples:
    """Build samples from tables with known roles.

    Parameters
    ----------
    tables : Tables
    reading : Reading
        With all roles.
    findings : Findings
        Problems found before are raised together with those found here.
    need_labels : bool
        Whether a task without any label is an error, and rows may be dropped for a missing label.
    is_part : bool
        Whether the rest of the table may have the labels.

    Raises
    ------
    DataError
        As :func:`read_table` says.
    """
    rows, per_series = _make_rows(tables, reading, findings)
    if reading.layout == "long":
        rows = sort_rows(rows, reading, findings)
        rows = merge_duplicates(rows, reading, findings)
        rows = resample(rows, reading, findings)
    rows = _fill_static(rows, reading)
    if reading.missing_rows == "drop":
        columns = []
        if need_labels:
            columns = [name for name in rows.labels if name in reading.label_columns]
        rows = drop_incomplete(rows, columns, reading, findings)
    cut = cut_samples(rows, reading, findings)
    reading = place_cycles(rows, cut, reading, findings)
    y = _labels(rows, per_series, cut, reading)
    if need_labels and not is_part:
        check_labelled(y, reading)
    complete = replace(
        reading,
        step=cut.step,
        time_style=rows.time_style,
        ends_of_days=rows.ends_of_days,
        assumed=tuple(findings.assumed),
    )
    samples = _samples(rows, per_series, y, cut, complete)
    weights = _weights(rows, per_series, cut, reading)
    return samples.replace(left_out=joined(findings.left_out), weights=weights)


def _make_rows(
    tables: Tables, reading: Reading, findings: Findings
) -> tuple[Rows, pd.DataFrame | None]:
    """Return the rows of the data, and the label table with one row per series of the data."""
    columns = [
        *reading.label_columns,
        *reading.weight_columns,
        *reading.static,
        *reading.extra,
    ]
    in_data = []
    for name in columns:
        if tables.source_of(name, reading.series) == "data":
            in_data.append(name)
    rows = make_rows(tables.data, reading, in_data, findings)
    per_series = None
    if tables.labels is not None:
        if reading.series is None:
            raise DataError(
                "`labels` must be left out where the data have no column for the series; "
                f"got the columns {shortened(', '.join(map(str, tables.labels)))}."
            )
        per_series = _by_series(tables.labels, rows.ids, columns, reading, findings)
    findings.raise_all()
    return rows, per_series


def _by_series(
    labels: pd.DataFrame,
    ids: np.ndarray,
    columns: Sequence[str],
    reading: Reading,
    findings: Findings,
) -> pd.DataFrame:
    """Return columns of the label table in the order of `ids`; missing for ids that it lacks."""
    key = str(reading.series)
    places = match_ids(labels[key], ids, key, findings)
    in_order = {}
    for name in dict.fromkeys(columns):
        if name in labels.columns and name != reading.series:
            values = nullable(clean_column(labels[name], reading, findings)).array
            in_order[name] = pd.api.extensions.take(values, places, allow_fill=True)
    if n_absent := int((places < 0).sum()):
        findings.note(f"{n_absent} of {len(ids)} series: no row in `labels`.")
    without_rows = clean_ids(labels[key]).drop(places[places >= 0]).dropna()
    if len(without_rows) and not findings.problems:
        _note_without_rows(without_rows, key, len(labels), findings)
    return pd.DataFrame(in_order).reindex(range(len(ids)))


def _note_without_rows(
    ids: pd.Series, key: str, n_series: int, findings: Findings
) -> None:
    """Note the series of the label table that the data has no rows of."""
    left_out = pd.DataFrame({"why": "no rows in the data", "series": ids, "rows": 0})
    findings.left_out.append(left_out.reindex(columns=COLUMNS))
    findings.note(
        f"{len(ids)} of {n_series} series in "
        "`labels` have no rows in the data: "
        f"not used, e.g. `{key}` {ids.iloc[0]}."
    )


def _fill_static(rows: Rows, reading: Reading) -> Rows:
    """Give each static column of the long table its one value in a series to all rows."""
    columns = []
    for name in dict.fromkeys(reading.static):
        if name in rows.fixed:
            columns.append(name)
    if reading.layout == "vectors" or not columns:
        return rows
    groups = rows.fixed[columns].groupby(rows.series)
    is_changing = groups.nunique().max() > 1
    if is_changing.any():
        changing = is_changing.index[is_changing].tolist()
        raise DataError(
            "`static` must name columns that "
            "are constant within a series; "
            f"got {changing}. "
            "Use them as `channels`, or leave them out."
        )
    first = groups.first().iloc[rows.series].set_axis(rows.fixed.index)
    fixed = rows.fixed.copy()
    fixed[columns] = first
    return replace(rows, fixed=fixed)


def _labels(
    rows: Rows, per_series: pd.DataFrame | None, cut: Cut, reading: Reading
) -> pd.DataFrame:
    """Return y: one column per task, one row per sample."""
    y = {}
    for task in reading.tasks or ():
        if per_series is not None and task.column in per_series:
            labels = _series_labels(
                per_series[task.column], task, rows.series[cut.starts]
            )
        else:
            labels = _row_labels(rows.labels[task.column], task, cut)
        y[task.name] = whole(labels)
    return pd.DataFrame(y, index=pd.RangeIndex(len(cut)))


def _series_labels(labels: pd.Series, task: TaskColumn, series: Index) -> pd.Series:
    if task.lead:
        raise ParameterError(
            f"`{task.name}.lead` must be 0 for "
            "a task with one label per series; "
            f"got {task.lead}."
        )
    return pd.Series(labels.array.take(series))


def _row_labels(labels: pd.Series, task: TaskColumn, cut: Cut) -> pd.Series:
    try:
        return label_windows(
            labels, cut.starts, cut.lengths, cut.ends, task.label_at, task.lead
        )
    except DataError as error:
        raise DataError(f"Task {task.name!r}: {error}") from None


def _weights(
    rows: Rows, per_series: pd.DataFrame | None, cut: Cut, reading: Reading
) -> pd.DataFrame | None:
    """Return how much each sample counts for each task with weights, read where its label is."""
    weights: dict[str, np.ndarray] = {}
    for task in reading.tasks or ():
        column = reading.weight_of(task)
        # The first column of a task stands for all of them.
        if column is None or task.task_name in weights:
            continue
        if per_series is not None and column in per_series:
            own = per_series[column].array.take(rows.series[cut.starts])
        else:
            at: LabelAt = "mean"
            if task.label_at in ("end", "start"):
                at = task.label_at
            own = label_windows(
                rows.labels[column], cut.starts, cut.lengths, cut.ends, at, task.lead
            )
        weights[task.task_name] = pd.Series(own).to_numpy(np.float64, na_value=np.nan)
    if weights:
        return pd.DataFrame(weights, index=pd.RangeIndex(len(cut)))
    return None


def check_labelled(y: pd.DataFrame, reading: Reading) -> None:
    """Raise if a task has no label in any sample."""
    empty = []
    for name in y:
        if y[name].isna().all():
            empty.append(name)
    if not empty:
        return
    remedy = ""
    leads = []
    for task in reading.tasks or ():
        if task.lead and task.name in empty:
            leads.append(task.name)
    if leads:
        remedy = f" The `lead` of {leads} may be longer than the series."
    elif reading.window is not None:
        remedy = _where_labels_are(reading)
    raise DataError(
        "`tasks` must have labels; "
        f"got none for {empty} in any of "
        f"the {len(y)} samples.{remedy}"
    )


def _where_labels_are(reading: Reading) -> str:
    """Return why windows may have no label although the table has some."""
    remedy = (
        " A window has the label of its last row unless `label_at` says otherwise: labels in "
        f"the first {reading.window} rows of a series may be in none. Use a shorter `window`"
    )
    if reading.stride > 1:
        return f"{remedy}, or `stride` = 1."
    return f"{remedy}."


def _samples(
    rows: Rows,
    per_series: pd.DataFrame | None,
    y: pd.DataFrame,
    cut: Cut,
    reading: Reading,
) -> Samples:
    """Put everything together."""
    time = begin = finish = None
    row_time = _row_time(rows, reading)
    if row_time is not None:
        lead = max((task.lead for task in reading.tasks or ()), default=0)
        time = row_time[cut.last]
        begin = row_time[cut.starts]
        finish = row_time[np.minimum(cut.last + lead, cut.ends - 1)]
    values, channels = with_channels(rows, reading)
    return Samples(
        values=values,
        starts=cut.starts,
        lengths=cut.lengths,
        channels=channels,
        y=y,
        series=rows.ids[rows.series[cut.starts]],
        static=_static(rows, per_series, cut, reading),
        time=time,
        begin=begin,
        finish=finish,
        extra=_extra(rows, per_series, cut, reading),
        categories=reading.categories,
        reading=reading.to_dict(),
    )


def _row_time(rows: Rows, reading: Reading) -> np.ndarray | None:
    """Return the time of each row; for windows of one series without times, the row numbers."""
    if rows.time is None and reading.window is not None and len(rows.ids) == 1:
        return rows.number
    return rows.time


def _static(
    rows: Rows, per_series: pd.DataFrame | None, cut: Cut, reading: Reading
) -> pd.DataFrame | None:
    columns: dict[str, pd.Series | np.ndarray] = {}
    for name in reading.static:
        column = _values_at(name, rows, per_series, cut.starts)
        if pd.api.types.is_numeric_dtype(column):  # an input needs no nullable integers
            column = pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
        columns[name] = column
    columns |= static_values(rows, cut, reading)
    if columns:
        return pd.DataFrame(columns)
    return None


def _extra(
    rows: Rows, per_series: pd.DataFrame | None, cut: Cut, reading: Reading
) -> pd.DataFrame | None:
    columns: dict[str, pd.Series | np.ndarray] = {}
    for name in reading.extra:
        columns[name] = whole(_values_at(name, rows, per_series, cut.last))
    columns |= _last_values(rows, cut, reading)
    if columns:
        return pd.DataFrame(columns)
    return None


def _last_values(rows: Rows, cut: Cut, reading: Reading) -> dict[str, np.ndarray]:
    """Return the last value in the window of each forecast column: the naive forecast."""
    last: dict[str, np.ndarray] = {}
    for task in reading.tasks or ():
        if task.kind != "forecast" or task.last in last:
            continue
        column = rows.labels[task.column]
        if pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            last[task.last] = last_known(values, cut.starts, cut.lengths)
    return last


def _values_at(
    name: str, rows: Rows, per_series: pd.DataFrame | None, places: Index
) -> pd.Series:
    """Return a static or extra column at some rows, from whichever table has it."""
    if per_series is not None and name in per_series:
        return pd.Series(per_series[name].array[rows.series[places]])
    return pd.Series(rows.fixed[name].array[places])
