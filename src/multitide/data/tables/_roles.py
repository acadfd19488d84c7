"""Give every column its role: channel, task, static input, series, time, extra, or ignored."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import pandas as pd

from multitide._checks import suggest
from multitide.data.tables._findings import Findings, name_columns
from multitide.data.tables._folder_roles import (
    find_series_of_files,
    leave_out_calendar_folders,
)
from multitide.data.tables._guess_roles import (
    find_channels,
    find_series,
    find_tasks,
    find_time,
    taken_columns,
    without_time,
)
from multitide.data.tables._open_tables import Tables
from multitide.data.tables._parallel_recordings import find_parallel
from multitide.data.tables._reading import ColumnRole, Reading
from multitide.data.tables._recordings import find_recordings

EXCLUSIVE = ("channels", "category", "tasks", "static", "series", "time", "ignore")
MAY_SHARE = (
    {"channels", "tasks"},  # a later label
    {"channels", "time"},  # the hour as an input
    {"channels", "category"},  # the codes among the channels
    {"category", "time"},
)
ONLY_IN_DATA = ("channels", "category", "time", "series")
ROLE_OF_OPTION = {"channels": "channel", "tasks": "task", "ignore": "ignored"}


def find_roles(tables: Tables, reading: Reading, findings: Findings) -> Reading:
    """Give every column of both tables its role.

    Parameters
    ----------
    tables : Tables
    reading : Reading
        The user's options.
    findings : Findings
        Columns that do not exist or have two roles are added, and removed from the reading.

    Returns
    -------
    Reading
        With `series`, `time`, `tasks`, `channels` and `columns` filled in.

    Raises
    ------
    DataError, ParameterError
        If the tables cannot be joined, or no column can be a channel.
    """
    if tables.signs is not None:  # new tables are read alike
        reading = replace(
            reading, decimal=tables.signs.decimal, thousands=tables.signs.thousands
        )
    reading = _expand_patterns(tables, reading)
    reading = without_missing(tables, reading, findings)
    reading = find_series(tables, reading, findings)
    reading = leave_out_calendar_folders(tables, reading, findings)
    reading = find_time(tables.measured, reading, findings)
    if tables.labels is None:
        taken = {*taken_columns(reading), *reading.extra}
        reading = find_recordings(tables.data, taken, reading, findings)
        reading = find_parallel(tables.measured, taken, reading, findings)
    reading = find_series_of_files(tables, reading, findings)
    reading = without_time(reading, findings)
    reading, no_tasks = find_tasks(tables.labels, reading, findings)
    reading, reasons = find_channels(tables, reading, findings)
    reading.check()
    _check_conflicts(reading, findings)
    columns = _describe_data(tables, reading, reasons)
    if tables.labels is not None:
        described = _describe_labels(tables.labels, reading, no_tasks)
        _note_unused(described, findings)
        columns += described
    return replace(reading, columns=tuple(columns))


def without_missing(tables: Tables, reading: Reading, findings: Findings) -> Reading:
    """Remove columns that do not exist from the reading, and add a problem for each.

    Raises
    ------
    DataError
        If the series or the time is missing: nothing else can be checked then.
    """
    here, anywhere = list(tables.data.columns), tables.columns
    columns = {**_columns_by_option(reading), **_free_columns(reading)}
    problems: list[str] = []
    for option, names in columns.items():
        if option in ONLY_IN_DATA:
            known = here
        else:
            known = anywhere
        problems += _unknown_columns(option, names, known)
    problems += _join_problems(tables, reading)
    if problems:
        problems.append(f"The columns are {name_columns(anywhere)}.")
    findings.add(*problems)
    if any(problem.startswith(("`series`", "`time`")) for problem in problems):
        findings.raise_all()
    return _only_existing(reading, here, anywhere)


def _join_problems(tables: Tables, reading: Reading) -> list[str]:
    if (
        tables.labels is None
        or not reading.series
        or reading.series in tables.labels.columns
    ):
        return []
    return [
        f"`series` must be a column of `labels` too, to join the tables; got {reading.series!r}."
    ]


def _only_existing(
    reading: Reading, here: Sequence[str], anywhere: Sequence[str]
) -> Reading:
    channels = reading.channels
    if channels is not None:
        channels = _those_in(here, channels)
    return replace(
        reading.with_tasks_in(anywhere),
        channels=channels,
        category=_those_in(here, reading.category),
        static=_those_in(anywhere, reading.static),
        extra=_those_in(anywhere, reading.extra),
        ignore=_those_in(anywhere, reading.ignore),
    )


def _those_in(known: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(column for column in columns if column in known)


def _unknown_columns(
    option: str, names: Sequence[str], known: Sequence[str]
) -> list[str]:
    """Return a problem for each misspelt name, and one for all other unknown names."""
    problems, others = [], []
    for name in dict.fromkeys(names):
        if name in known:
            continue
        suggestion = suggest(name, known)
        if suggestion:
            problems.append(
                f"`{option}` must name columns of the table; got {name!r}.{suggestion}"
            )
        else:
            others.append(repr(name))
    if others:
        problems.append(
            f"`{option}` must name columns of the table; got {', '.join(others)}."
        )
    return problems


def _expand_patterns(tables: Tables, reading: Reading) -> Reading:
    """Replace patterns such as "static_*" by the columns that they match."""
    anywhere = tables.columns
    channels = reading.channels
    if channels is not None:
        channels = _expand(channels, list(tables.data.columns))
    return replace(
        reading,
        channels=channels,
        category=_expand(reading.category, list(tables.data.columns)),
        static=_expand(reading.static, anywhere),
        ignore=_expand(reading.ignore, anywhere),
        extra=_expand(reading.extra, anywhere),
    )


def _expand(names: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    expanded: list[str] = []
    for name in names:
        matches: list[str] = []
        if "*" in name and name not in known:
            matches = fnmatch.filter(known, name)
        expanded += matches or [name]
    return tuple(dict.fromkeys(expanded))


def _columns_by_option(reading: Reading) -> dict[str, tuple[str, ...]]:
    return {
        "channels": reading.channels or (),
        "category": reading.category,
        "tasks": tuple(reading.label_columns),
        "static": reading.static,
        "series": (reading.series,) if reading.series else (),
        "time": reading.time or (),
        "ignore": reading.ignore,
    }


def _free_columns(reading: Reading) -> dict[str, tuple[str, ...]]:
    """Return the columns by option whose roles may go with any other role."""
    return {"extra": reading.extra, "weight": tuple(reading.weight_columns)}


def _check_conflicts(reading: Reading, findings: Findings) -> None:
    """Add a problem for every two roles that exclude each other and share a column."""
    columns = _columns_by_option(reading)
    for one, other in combinations(EXCLUSIVE, 2):
        shared = sorted(set(columns[one]) & set(columns[other]))
        if shared and {one, other} not in MAY_SHARE:
            findings.add(
                f"`{one}` and `{other}` must not share a column; got {shared}."
            )


def _describe_data(
    tables: Tables, reading: Reading, reasons: Mapping[str, str]
) -> list[ColumnRole]:
    """Return the role of each column of the data, and the reasons against being a channel."""
    described = []
    for column in tables.data.columns:
        options = _options_of(column, reading)
        if tables.source_of(column, reading.series) == "labels":
            options = list(_those_in(ONLY_IN_DATA, options))
        why = reasons.get(column, _why_ignored(column, reading))
        described.append(_column_role(column, "data", options, why))
    return described


def _describe_labels(
    labels: pd.DataFrame, reading: Reading, no_tasks: Mapping[str, str]
) -> list[ColumnRole]:
    """Return the role of each column of the labels, and the reasons against being a task."""
    described = []
    for column in labels.columns:
        options = _options_of(column, reading)
        is_read = set(options) & {"tasks", "static", "extra", "weight", "ignore"}
        if column != reading.series and not is_read:
            options = []
        why = no_tasks.get(column, _why_ignored(column, reading))
        described.append(_column_role(column, "labels", options, why))
    return described


def _options_of(column: str, reading: Reading) -> list[str]:
    """Return the options that name the column."""
    columns = {**_columns_by_option(reading), **_free_columns(reading)}
    columns.pop("category")  # these are channels too
    options = []
    for option, names in columns.items():
        if column in names:
            options.append(option)
    return options


def _why_ignored(column: str, reading: Reading) -> str:
    if column in reading.ignore:
        return "`ignore`"
    return ""


def _column_role(
    column: str, table: str, options: Sequence[str], why: str
) -> ColumnRole:
    roles = []
    for option in options:
        roles.append(ROLE_OF_OPTION.get(option, option))
    role = " + ".join(roles) or "ignored"
    return {"column": str(column), "table": table, "role": role, "why": why}


def _note_unused(described: Sequence[ColumnRole], findings: Findings) -> None:
    unused = []
    for entry in described:
        if entry["role"] == "ignored" and not entry["why"]:
            unused.append(entry["column"])
    if unused:
        findings.note(f"{name_columns(unused)} of `labels`: not used.")
