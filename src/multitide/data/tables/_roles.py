"""Which column is what: a channel, a task, a static input, the series, the time, an extra, or ignored."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from multitide._checks import suggest
from multitide.data.tables._inference import (
    find_channels,
    find_series,
    find_tasks,
    find_time,
    name_columns,
)
from multitide.data.tables._reading import Reading
from multitide.errors import DataError

EXCLUSIVE = ("channels", "tasks", "static", "series", "time", "ignore")
MAY_SHARE = ({"channels", "tasks"}, {"channels", "time"})  # a later label; the hour as an input


def resolve_roles(
    data: pd.DataFrame, labels: pd.DataFrame | None, reading: Reading, problems: list[str]
) -> Reading:
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
        Columns that do not exist or were given two roles are added here, and taken out of the
        reading.

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
    reading = find_series(data, labels, reading, notes)
    reading = find_time(data, reading, notes)
    reading = find_tasks(labels, reading, notes)
    why: dict[tuple[str, str], str] = {}
    reading = find_channels(data, reading, notes, why)
    reading.check()
    _check_conflicts(reading, problems)
    columns = tuple(_described(data, labels, reading, why))
    if unread := [
        c["column"]
        for c in columns
        if c["table"] == "labels" and c["role"] == "ignored" and not c["why"]
    ]:
        notes.append(f"{name_columns(unread)} of `labels` not used.")
    return replace(reading.noted(*notes), columns=columns)


def table_of(column: str, labels: pd.DataFrame | None, reading: Reading) -> str:
    """Say which table a task, static or extra column is read from: `labels`, where it has the column."""
    return (
        "labels"
        if labels is not None and column in labels.columns and column != reading.series
        else "data"
    )


def without_missing(
    data: pd.DataFrame, labels: pd.DataFrame | None, reading: Reading, problems: list[str]
) -> Reading:
    """Take columns that do not exist out of the reading, and add a sentence for each to `problems`.

    Raises
    ------
    DataError
        If the series or the time is missing: nothing else can be said then.
    """
    here = list(data.columns)
    anywhere = _all_columns(data, labels)
    found = [
        sentence
        for role, names in {**_claims(reading), "extra": reading.extra}.items()
        for sentence in _unknown(
            role, names, here if role in ("channels", "time", "series") else anywhere
        )
    ]
    if reading.series and labels is not None and reading.series not in labels.columns:
        found.append(
            f"`series` must be a column of `labels` too, to join them; got {reading.series!r}."
        )
    if found:
        found.append(f"The columns are {name_columns(anywhere)}.")
    if any(sentence.startswith(("`series`", "`time`")) for sentence in found):
        raise DataError("\n".join([*problems, *found]))
    problems += found
    return replace(
        reading,
        channels=None
        if reading.channels is None
        else tuple(c for c in reading.channels if c in here),
        tasks=None
        if reading.tasks is None
        else tuple(t for t in reading.tasks if t.column in anywhere),
        static=tuple(c for c in reading.static if c in anywhere),
        extra=tuple(c for c in reading.extra if c in anywhere),
        ignore=tuple(c for c in reading.ignore if c in anywhere),
    )


def _unknown(role: str, names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return a sentence for every name that is like a column's, and one for all others together."""
    near = {name: suggest(name, known) for name in names if name not in known}
    others = ", ".join(repr(name) for name, suggestion in near.items() if not suggestion)
    got = [(repr(name), suggestion) for name, suggestion in near.items() if suggestion]
    got += [(others, "")] if others else []
    return [
        f"`{role}` must name columns of the table; got {name}.{suggestion}"
        for name, suggestion in got
    ]


def _all_columns(data: pd.DataFrame, labels: pd.DataFrame | None) -> list[str]:
    return list(dict.fromkeys([*data.columns, *(() if labels is None else labels.columns)]))


def _expand(data: pd.DataFrame, labels: pd.DataFrame | None, reading: Reading) -> Reading:
    """Replace patterns such as "static_*" by the columns they match."""
    here = list(data.columns)
    anywhere = _all_columns(data, labels)

    def expand(names: tuple[str, ...], known: list[str]) -> tuple[str, ...]:
        found = [
            fnmatch.filter(known, n) or [n] if "*" in n and n not in known else [n] for n in names
        ]
        return tuple(dict.fromkeys(name for names in found for name in names))

    return replace(
        reading,
        channels=None if reading.channels is None else expand(reading.channels, here),
        static=expand(reading.static, anywhere),
        ignore=expand(reading.ignore, anywhere),
        extra=expand(reading.extra, anywhere),
    )


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
    data: pd.DataFrame,
    labels: pd.DataFrame | None,
    reading: Reading,
    why: dict[tuple[str, str], str],
) -> Iterable[dict[str, str]]:
    """Yield column, table, role and why, for every column of both tables."""
    titles = {"channels": "channel", "tasks": "task", "ignore": "ignored"}
    claims = {**_claims(reading), "extra": reading.extra}
    for table, frame in (("data", data), ("labels", labels)):
        for column in [] if frame is None else frame.columns:
            roles = [titles.get(role, role) for role, names in claims.items() if column in names]
            here = (
                table == "data"
                or column == reading.series
                or set(roles) & {"task", "static", "extra", "ignored"}
            )
            if table == "data" and table_of(column, labels, reading) == "labels":
                roles = [role for role in roles if role in ("channel", "time", "series")]
            reason = why.get((table, column), "`ignore`" if column in reading.ignore else "")
            role = " + ".join(roles) if roles and here else "ignored"
            yield {"column": str(column), "table": table, "role": role, "why": reason}
