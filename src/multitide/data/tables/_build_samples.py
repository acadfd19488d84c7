"""From tables with known roles to samples: rows in order, windows in them, and a label for each window."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from multitide.data._samples import Samples
from multitide.data._timestamps import step_text, ticks
from multitide.data.tables._columns import as_texts, nullable, whole
from multitide.data.tables._reading import Reading, TaskColumn
from multitide.data.tables._resampling import merge_duplicates, resample
from multitide.data.tables._roles import table_of
from multitide.data.tables._rows import Rows, clean_column, drop_incomplete, make_rows, sort_rows
from multitide.data.tables._windows import (
    Index,
    cut_windows,
    find_segments,
    is_gap,
    label_windows,
    last_known,
    usual_step,
)
from multitide.errors import DataError, ParameterError

logger = logging.getLogger("multitide")

_IRREGULAR = '`every` puts them on a grid, on_gap="ignore" takes rows as they come.'


def build_samples(
    data: pd.DataFrame,
    labels: pd.DataFrame | None,
    reading: Reading,
    *,
    need_labels: bool = True,
    problems: Sequence[str] = (),
) -> Samples:
    """Go from tables with known roles to samples.

    Parameters
    ----------
    data : DataFrame
        One row a time step, or a sample.
    labels : DataFrame or None
        One row a series.
    reading : Reading
        With all roles resolved.
    need_labels : bool
        Whether a task without any label is an error, and rows may be dropped for a missing label.
    problems : sequence of str
        What was already found wrong; raised together with what is found wrong here.

    Raises
    ------
    DataError
        As :func:`read_table` says.
    """
    problems = list(problems)
    by_row = [column for column in _columns(reading) if table_of(column, labels, reading) == "data"]
    rows, reading = make_rows(data, reading, by_row, problems)
    sides: pd.DataFrame | None = None
    if labels is not None:
        sides, reading = _by_series(labels, rows.ids, reading, problems)
    if problems:
        raise DataError("\n".join(problems))
    if reading.layout == "long":
        rows, reading = sort_rows(rows, reading)
        rows, reading = merge_duplicates(rows, reading)
        rows, reading = resample(rows, reading)
    rows = _fill_static(rows, reading)
    if reading.missing_rows == "drop":
        rows, reading = drop_incomplete(rows, reading, list(rows.labels) if need_labels else [])
    starts, lengths, ends, reading = _windows(rows, reading)
    y = _labels(rows, sides, starts, lengths, ends, reading)
    if need_labels:
        _check_labelled(y, reading)
    return _samples(rows, sides, y, (starts, lengths, ends), reading)


def _columns(reading: Reading) -> list[str]:
    return [*(task.column for task in reading.tasks or ()), *reading.static, *reading.extra]


def _by_series(
    labels: pd.DataFrame, ids: np.ndarray, reading: Reading, problems: list[str]
) -> tuple[pd.DataFrame, Reading]:
    """Return the used columns of the label table, one row a series in the order of `ids`; missing where it has none."""
    keys, wanted = pd.Series(labels[str(reading.series)]), pd.Series(ids)
    if keys.dtype != wanted.dtype:
        keys, wanted = as_texts(keys), as_texts(wanted)
    places = np.full(len(ids), -1)
    if keys.duplicated().any():
        twice = list(dict.fromkeys(keys[keys.duplicated()]))[:5]
        problems.append(
            f"`labels` must have one row a series; got several for {reading.series} {twice}."
        )
    else:
        places = pd.Index(keys).get_indexer(wanted)
        if (places < 0).all():
            some = f"{reading.series} {list(wanted[:3])} in the data, {list(keys[:3])} in `labels`"
            problems.append(
                f"`labels` must have rows for the series of the data; got none in common: {some}."
            )
    columns = [
        c for c in dict.fromkeys(_columns(reading)) if c in labels.columns and c != reading.series
    ]
    cleaned = {column: clean_column(labels[column], reading, problems) for column in columns}
    frame = pd.DataFrame(
        {
            c: pd.api.extensions.take(nullable(v).array, places, allow_fill=True)
            for c, v in cleaned.items()
        }
    )
    if unlabelled := int((places < 0).sum()):
        reading = reading.noted(f"{unlabelled} of {len(ids)} series: no row in `labels`.")
    return frame.reindex(range(len(ids))), reading


def _fill_static(rows: Rows, reading: Reading) -> Rows:
    """Give each static column of the long table its one value in a series; raise if it has several."""
    columns = [column for column in dict.fromkeys(reading.static) if column in rows.fixed]
    if reading.layout == "vectors" or not columns:
        return rows
    groups = rows.fixed[columns].groupby(rows.series)
    counts = groups.nunique().max()
    if changing := [column for column in columns if counts[column] > 1]:
        raise DataError(
            f"`static` must hold columns that are constant within a series; got {changing}."
        )
    first = groups.first().iloc[rows.series].set_axis(rows.fixed.index)
    return replace(rows, fixed=rows.fixed.assign(**{column: first[column] for column in columns}))


def _windows(rows: Rows, reading: Reading) -> tuple[Index, Index, Index, Reading]:
    """Return where samples start, their lengths, the ends of their segments, and what was found on the way."""
    if reading.layout == "vectors":
        every = np.arange(len(rows))
        return every, np.ones(len(rows), np.int64), every + 1, reading
    if reading.window is None:
        starts, lengths = find_segments(rows.series)
        return starts, lengths, starts + lengths, reading
    window = reading.window
    gaps, reading, found = _gaps(rows, reading)
    starts, lengths = find_segments(rows.series, gaps)
    window_starts, segment = cut_windows(starts, lengths, window, reading.stride)
    if not len(segment):
        raise DataError(_too_long(reading, lengths, rows, found))
    reading = _note_short(reading, lengths, broken=gaps is not None and bool(gaps.any()))
    sizes = np.full(len(segment), window, dtype=np.int64)
    return window_starts, sizes, (starts + lengths)[segment], reading


def _note_short(reading: Reading, lengths: Index, *, broken: bool) -> Reading:
    """Say what is too short for a window, and warn if gaps take most of the rows away by that."""
    short = lengths < (reading.window or 0)
    if not short.any():
        return reading
    lost = int(lengths[short].sum())
    if broken and 2 * lost > lengths.sum():
        logger.warning(
            "Gaps in time leave %d of %d rows in no window. %s", lost, lengths.sum(), _IRREGULAR
        )
    what = "unbroken stretches of rows" if broken else "series"
    note = f"{short.sum()} of {len(lengths)} {what}: fewer rows than the window ({reading.window}), not used."
    return reading.noted(note)


def _gaps(rows: Rows, reading: Reading) -> tuple[np.ndarray | None, Reading, str]:
    """Return the gaps of the time axis, the usual step, and how the step here differs from the one known before."""
    if reading.on_gap == "ignore":
        return None, reading, ""
    if rows.time is None:
        return is_gap(rows.number, 1) & (np.diff(rows.series) == 0), reading, ""
    known = reading.step or {}
    numbers, unit = ticks(rows.time, known.get("unit"))
    here = usual_step(numbers, rows.series)
    size = float(known.get("size", 0)) or here or 1.0
    if here is None:
        return np.zeros(len(rows) - 1, dtype=bool), reading, ""
    gaps = is_gap(numbers, size) & (np.diff(rows.series) == 0)
    n_gaps = int(gaps.sum())
    broken = (
        f"{n_gaps} gap{'s' if n_gaps > 1 else ''}, which no window crosses" if n_gaps else "no gaps"
    )
    note = f"The usual time step is {step_text(size, unit)}; {broken}."
    if 4 * n_gaps > len(gaps):
        note += f" Times are irregular: {_IRREGULAR}"
    other = (
        f" The step is {step_text(here, unit)} here and was {step_text(size, unit)} before."
        if here != size
        else ""
    )
    return gaps, replace(reading.noted(note), step={"size": size, "unit": unit}), other


def _too_long(reading: Reading, lengths: Index, rows: Rows, found: str) -> str:
    whole_series = int(find_segments(rows.series)[1].max())
    longest = int(lengths.max())
    text = f"`window` must not be longer than every series; got {reading.window}, and the longest has {longest} rows."
    if whole_series > longest:
        text = (
            f"`window` must fit between two gaps in time; got {reading.window}, and the longest unbroken stretch has "
            f'{longest} rows. With on_gap="ignore" the longest series has {whole_series}.'
        )
    return text + found


def _labels(
    rows: Rows,
    sides: pd.DataFrame | None,
    starts: Index,
    lengths: Index,
    ends: Index,
    reading: Reading,
) -> pd.DataFrame:
    """Return y: one column a task, one row a sample."""
    y = {}
    for task in reading.tasks or ():
        if sides is not None and task.column in sides:
            if task.lead:
                raise ParameterError(
                    f"`{task.name}.lead` must be 0, as its label is one a series; got {task.lead}."
                )
            labels = pd.Series(sides[task.column].array.take(rows.series[starts]))
        else:
            labels = _row_labels(rows.labels[task.column], task, starts, lengths, ends)
        y[task.name] = whole(labels)
    return pd.DataFrame(y, index=pd.RangeIndex(len(starts)))


def _row_labels(
    labels: pd.Series, task: TaskColumn, starts: Index, lengths: Index, ends: Index
) -> pd.Series:
    try:
        return label_windows(labels, starts, lengths, ends, task.label_at, task.lead)  # type: ignore[arg-type]
    except DataError as error:
        raise DataError(f"Task {task.name!r}: {error}") from None


def _check_labelled(y: pd.DataFrame, reading: Reading) -> None:
    empty = [name for name in y if y[name].isna().all()]
    if empty:
        leads = [task.name for task in reading.tasks or () if task.lead and task.name in empty]
        remedy = f" The `lead` of {leads} may be longer than the series." if leads else ""
        raise DataError(
            f"`tasks` must have labels; got none in any of the {len(y)} samples for {empty}.{remedy}"
        )


def _samples(
    rows: Rows,
    sides: pd.DataFrame | None,
    y: pd.DataFrame,
    windows: tuple[Index, Index, Index],
    reading: Reading,
) -> Samples:
    """Put everything together."""
    starts, lengths, ends = windows
    last = starts + lengths - 1
    lead = max((task.lead for task in reading.tasks or ()), default=0)
    time = _time(rows, reading)
    return Samples(
        values=rows.values,
        starts=starts,
        lengths=lengths,
        channels=tuple(reading.channels or ()),
        y=y,
        series=rows.ids[rows.series[starts]],
        static=_kept(rows, sides, reading.static, starts, _plain),
        time=None if time is None else time[last],
        begin=None if time is None else time[starts],
        finish=None if time is None else time[np.minimum(last + lead, ends - 1)],
        extra=_with_last_values(
            _kept(rows, sides, reading.extra, last, whole), rows, starts, lengths, reading
        ),
        categories=reading.categories,
        reading=reading.to_dict(),
    )


def _time(rows: Rows, reading: Reading) -> np.ndarray | None:
    """Return the rows' time; of one recording without any, which windows cut in its order, the rows' numbers from 0."""
    if rows.time is None and reading.window is not None and len(rows.ids) == 1:
        return rows.number
    return rows.time


def _with_last_values(
    extra: pd.DataFrame | None, rows: Rows, starts: Index, lengths: Index, reading: Reading
) -> pd.DataFrame | None:
    """Add the last value in the window of every column that is forecast: what a forecast has to beat."""
    found = {}
    for task in reading.tasks or ():
        if (
            task.kind == "forecast"
            and task.last not in found
            and pd.api.types.is_numeric_dtype(rows.labels[task.column])
        ):
            values = rows.labels[task.column].to_numpy(dtype=np.float64, na_value=np.nan)
            found[task.last] = last_known(values, starts, lengths)
    if not found:
        return extra
    return pd.DataFrame(found) if extra is None else extra.assign(**found)


def _kept(
    rows: Rows,
    sides: pd.DataFrame | None,
    columns: tuple[str, ...],
    places: Index,
    convert: Callable[[pd.Series], pd.Series],
) -> pd.DataFrame | None:
    """Return static or extra columns, one row a sample."""

    def column(name: str) -> Any:
        if sides is not None and name in sides:
            return sides[name].array[rows.series[places]]
        return rows.fixed[name].array[places]

    return (
        pd.DataFrame({name: convert(pd.Series(column(name))) for name in columns})
        if columns
        else None
    )


def _plain(column: pd.Series) -> pd.Series:
    """Return numbers as floats: inputs are measured, and need no nullable integers."""
    if pd.api.types.is_numeric_dtype(column):
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return column
