"""Which column is what: a channel, a task, a static input, the series, the time, an extra, or ignored."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from multitide.checks import suggest
from multitide.columns import is_counter, kind_of
from multitide.errors import DataError, ParameterError
from multitide.reading import Reading, TaskColumn
from multitide.timestamps import UNITS, parse_time, unit_of

TIME_NAMES = ("time", "timestamp", "datetime", "date", "date_time", "일시", "시간", "날짜")
EXCLUSIVE = ("channels", "tasks", "static", "series", "time", "ignore")
MAY_SHARE = ({"channels", "tasks"}, {"channels", "time"})  # a later label; the hour as an input


def resolve_roles(data: pd.DataFrame, labels: pd.DataFrame | None, reading: Reading, problems: list[str]) -> Reading:
    """Give every column of both tables its role.

    Parameters
    ----------
    data : DataFrame
        One row a time step (or a sample).
    labels : DataFrame or None
        One row a series.
    reading : Reading
        What the user asked for.
    problems : list of str
        Columns that do not exist or were given two roles are added here, and taken out of the reading.

    Returns
    -------
    Reading
        With `series`, `time`, `tasks` and `channels` filled in, `columns`, and what was assumed.

    Raises
    ------
    DataError, ParameterError
        If the tables cannot be joined, or nothing can be a channel.
    """
    notes: list[str] = []
    reading = _expand(data, labels, reading)
    reading = without_missing(data, labels, reading, problems)
    reading = _find_series(data, labels, reading, notes)
    reading = _find_time(data, reading, notes)
    reading = _find_tasks(labels, reading, notes)
    why: dict[tuple[str, str], str] = {}
    reading = _find_channels(data, reading, notes, why)
    reading.check()
    _check_conflicts(reading, problems)
    columns = tuple(_described(data, labels, reading, why))
    if unread := [c["column"] for c in columns if c["table"] == "labels" and c["role"] == "ignored" and not c["why"]]:
        notes.append(f"{listed(unread)} of `labels` not used.")
    return replace(reading.noted(*notes), columns=columns)


def listed(names: Iterable[str]) -> str:
    """Return "`a`, `b`, ... (12 columns)"."""
    names = list(names)
    shown = ", ".join(f"`{name}`" for name in names[:8])
    return shown + (f", ... ({len(names)} columns)" if len(names) > 8 else "")


def table_of(column: str, labels: pd.DataFrame | None, reading: Reading) -> str:
    """Say which table a task, static or extra column is read from: `labels`, where it has the column."""
    return "labels" if labels is not None and column in labels.columns and column != reading.series else "data"


def without_missing(data: pd.DataFrame, labels: pd.DataFrame | None, reading: Reading, problems: list[str]) -> Reading:
    """Take columns that do not exist out of the reading, and add a sentence for each to `problems`.

    Raises
    ------
    DataError
        If the series or the time is missing: nothing else can be said then.
    """
    here = list(data.columns)
    anywhere = here + ([] if labels is None else list(labels.columns))
    asked: list[tuple[str, Sequence[str], list[str]]] = [
        ("channels", reading.channels or (), here),
        ("time", reading.time or (), here),
        ("series", (reading.series,) if reading.series else (), here),
        ("tasks", [task.column for task in reading.tasks or ()], anywhere),
        ("static", reading.static, anywhere),
        ("extra", reading.extra, anywhere),
        ("ignore", reading.ignore, anywhere),
    ]
    found = [
        f"`{role}` must name columns of the table; got {name!r}.{suggest(name, known)}"
        for role, names, known in asked
        for name in names
        if name not in known
    ]
    if reading.series and labels is not None and reading.series not in labels.columns:
        found.append(f"`series` must be a column of `labels` too, to join them; got {reading.series!r}.")
    if found:
        found.append(f"The columns are {listed(dict.fromkeys(anywhere))}.")
    if any(sentence.startswith(("`series`", "`time`")) for sentence in found):
        raise DataError("\n".join([*problems, *found]))
    problems += found
    return replace(
        reading,
        channels=None if reading.channels is None else tuple(c for c in reading.channels if c in here),
        tasks=None if reading.tasks is None else tuple(t for t in reading.tasks if t.column in anywhere),
        static=tuple(c for c in reading.static if c in anywhere),
        extra=tuple(c for c in reading.extra if c in anywhere),
        ignore=tuple(c for c in reading.ignore if c in anywhere),
    )


def _expand(data: pd.DataFrame, labels: pd.DataFrame | None, reading: Reading) -> Reading:
    """Replace patterns such as "static_*" by the columns they match."""
    here = list(data.columns)
    anywhere = list(dict.fromkeys(here + ([] if labels is None else list(labels.columns))))

    def expand(names: tuple[str, ...], known: list[str]) -> tuple[str, ...]:
        found = [fnmatch.filter(known, n) or [n] if "*" in n and n not in known else [n] for n in names]
        return tuple(dict.fromkeys(name for names in found for name in names))

    return replace(
        reading,
        channels=None if reading.channels is None else expand(reading.channels, here),
        static=expand(reading.static, anywhere),
        ignore=expand(reading.ignore, anywhere),
        extra=expand(reading.extra, anywhere),
    )


def _find_series(data: pd.DataFrame, labels: pd.DataFrame | None, reading: Reading, notes: list[str]) -> Reading:
    if reading.series or labels is None:
        return reading
    shared = [c for c in labels.columns if c in data.columns and labels[c].is_unique and labels[c].notna().all()]
    if len(shared) != 1:
        found = f"{listed(shared)} could be it" if shared else "the tables share no column that could be it"
        raise ParameterError(f"`series` must name the column that joins `labels` to the data; {found}.")
    notes.append(f"`{shared[0]}` joins the labels to the series.")
    return replace(reading, series=shared[0])


def _taken(reading: Reading) -> set[str]:
    tasks = {task.column for task in reading.tasks or ()}
    return {*(reading.channels or ()), *reading.static, *reading.ignore, *tasks, reading.series or ""}


def _find_time(data: pd.DataFrame, reading: Reading, notes: list[str]) -> Reading:
    """Take the obvious: year, month, day, ...; the only column of dates; a column that is called time."""
    if reading.time is not None:
        return reading
    free = [column for column in data.columns if column not in _taken(reading) - set(reading.channels or ())]
    parts: list[str] = []
    for unit in UNITS:
        found = [column for column in free if unit_of(column) == unit]
        if len(found) != 1:
            break
        parts += found
    if len(parts) < 3:
        dated = [column for column in free if _is_dates(data[column])]
        named = [column for column in free if column.lower() in TIME_NAMES and kind_of(data[column]) == "number"]
        parts = dated if len(dated) == 1 else [c for c in dated if c.lower() in TIME_NAMES][:1] or named[:1]
    if parts:
        notes.append(f"{listed(parts)} {'is' if len(parts) == 1 else 'are'} the time (`time` changes this).")
    elif reading.layout == "long":
        notes.append("No column is the time: rows are taken as they come, one step apart (`time` changes this).")
    return replace(reading, time=tuple(parts))


def _is_dates(column: pd.Series) -> bool:
    if pd.api.types.is_datetime64_any_dtype(column):
        return True
    head = column.dropna().head(20)
    if not len(head) or kind_of(head) != "text" or not head.astype("str").str.contains(r"\d{4}.*\d", regex=True).all():
        return False
    try:
        parse_time(head.to_frame("head"), ["head"])
    except DataError:
        return False
    return True


def _find_tasks(labels: pd.DataFrame | None, reading: Reading, notes: list[str]) -> Reading:
    if reading.tasks is not None:
        return reading
    rest = [] if labels is None else [c for c in labels.columns if c not in {*_taken(reading), *reading.extra}]
    if rest:
        notes.append(f"All other columns of `labels` are tasks: {listed(rest)} (`tasks` changes this).")
    return replace(reading, tasks=tuple(TaskColumn(column, column) for column in rest))


def _find_channels(data: pd.DataFrame, reading: Reading, notes: list[str], why: dict[tuple[str, str], str]) -> Reading:
    """Take the columns of numbers that have no other role, and say why the others are left out."""
    if reading.channels is not None:
        return reading
    free = [c for c in data.columns if c not in {*_taken(reading), *reading.extra, *(reading.time or ())}]
    reasons = {column: _reason_against(data, column, reading) for column in free}
    channels = tuple(column for column, reason in reasons.items() if not reason)
    for column, reason in reasons.items():
        if reason:
            why["data", column] = reason
            notes.append(f"`{column}` {reason}: ignored.")
    if not channels:
        found = "; ".join(f"`{column}` {reason}" for column, reason in list(reasons.items())[:8]) or "no other column"
        raise DataError(f"`channels` must name at least one column; found none by looking: {found}.")
    notes.append(f"{listed(channels)} {'is a channel' if len(channels) == 1 else 'are channels'}.")
    return replace(reading, channels=channels)


def _reason_against(data: pd.DataFrame, column: str, reading: Reading) -> str:
    """Say why a column that nobody mentioned is no channel; "" if it is one."""
    kind = kind_of(data[column], reading.decimal or ".")
    if kind == "number" and is_counter(data[column]):
        return "counts the rows"
    if kind == "number" and reading.series and column != reading.series and _counts_each(data, column, reading.series):
        return "counts the rows of each series"
    reasons = {
        "text": "is text (list it in `channels` to read it as categories)",
        "time": "holds times",
        "empty": "has no value",
    }
    return reasons.get(kind, "")


def _counts_each(data: pd.DataFrame, column: str, series: str) -> bool:
    if not pd.api.types.is_integer_dtype(data[column]) or data[column].isna().any():
        return False
    ids, numbers = data[series].to_numpy(), data[column].to_numpy(dtype=np.int64)
    same = ids[1:] == ids[:-1]
    begins = numbers[np.concatenate([[True], ~same])]
    return bool(same.any() and np.isin(begins, (0, 1)).all() and (np.diff(numbers)[same] == 1).all())


def _claims(reading: Reading) -> dict[str, tuple[str, ...]]:
    return {
        "channels": reading.channels or (),
        "tasks": tuple(task.column for task in reading.tasks or ()),
        "static": reading.static,
        "series": (reading.series,) if reading.series else (),
        "time": reading.time or (),
        "ignore": reading.ignore,
    }


def _check_conflicts(reading: Reading, problems: list[str]) -> None:
    """Add a sentence for every two roles that exclude each other and share a column."""
    claims = _claims(reading)
    problems += [
        f"`{one}` and `{other}` must not share a column; got {sorted(set(claims[one]) & set(claims[other]))}."
        for i, one in enumerate(EXCLUSIVE)
        for other in EXCLUSIVE[i + 1 :]
        if {one, other} not in MAY_SHARE and set(claims[one]) & set(claims[other])
    ]


def _described(
    data: pd.DataFrame, labels: pd.DataFrame | None, reading: Reading, why: dict[tuple[str, str], str]
) -> Iterable[dict[str, str]]:
    """Yield column, table, role and why, for every column of both tables."""
    titles = {"channels": "channel", "tasks": "task", "ignore": "ignored"}
    claims = {**_claims(reading), "extra": reading.extra}
    for table, frame in (("data", data), ("labels", labels)):
        for column in [] if frame is None else frame.columns:
            roles = [titles.get(role, role) for role, names in claims.items() if column in names]
            here = table == "data" or column == reading.series or set(roles) & {"task", "static", "extra", "ignored"}
            if table == "data" and table_of(column, labels, reading) == "labels":
                roles = [role for role in roles if role in ("channel", "time", "series")]
            reason = why.get((table, column), "`ignore`" if column in reading.ignore else "")
            role = " + ".join(roles) if roles and here else "ignored"
            yield {"column": str(column), "table": table, "role": role, "why": reason}
