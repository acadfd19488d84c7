"""What a table holds, from a single read: the roles of its columns and a window for its rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Unpack

import pandas as pd

from multitide.data._default_rule import default_rule
from multitide.data.tables._findings import Findings
from multitide.data.tables._open_tables import Tables, open_tables
from multitide.data.tables._propose_categories import propose_categories
from multitide.data.tables._propose_window import WindowProposal, propose_window
from multitide.data.tables._read_options import Table, UncutOptions
from multitide.data.tables._reading import Reading
from multitide.data.tables._roles import find_roles
from multitide.data.tables._ts_format import is_ts_file
from multitide.data.tables._ts_samples import read_ts_samples, ts_roles
from multitide.errors import DataError


@dataclass(frozen=True)
class TableInspection:
    """What :func:`inspect_table` found.

    Attributes
    ----------
    roles : DataFrame
        One row per column, as :func:`column_roles` returns it.
    windows : WindowProposal or None
        The window that was given, or a proposal; None if rows are not time steps.
    assumed : tuple of str
        What was assumed, one sentence each.
    split_by : str
        The rule of the split that `fit` takes if none is given.
    categories : tuple of str
        Columns of text that are proposed as categories; their role is "channel".
    """

    roles: pd.DataFrame
    windows: WindowProposal | None
    assumed: tuple[str, ...] = ()
    split_by: str = "random"
    categories: tuple[str, ...] = ()


def inspect_table(
    data: Table,
    *,
    labels: Table | None = None,
    window: int | None = None,
    stride: int | None = None,
    **options: Unpack[UncutOptions],
) -> TableInspection:
    """Read a table once, and return the roles of its columns and a window for its rows.

    Parameters
    ----------
    data, labels, window, stride
        As in :func:`read_table`.
    **options
        Any other parameter of :func:`read_table`.

    Raises
    ------
    DataError
        If the table cannot be read, or no series is as long as `window`.
    ParameterError
        If an argument is wrong.
    """
    reading = Reading.from_options(window=window, stride=stride or 1, **options)
    if is_ts_file(data):
        samples = read_ts_samples(data, reading, labels)
        roles = pd.DataFrame(list(ts_roles(samples)))
        return TableInspection(roles, None)
    findings = Findings()
    tables = open_tables(data, labels, reading, findings)
    reading, findings = _roles_with_categories(tables, reading, findings)
    findings.raise_all()
    roles = pd.DataFrame(list(reading.columns))
    proposed = propose_window(tables.data, reading)
    if window is None:
        windows = proposed
    else:
        if reading.every is None:
            _check_fits(window, tables.data, reading.series)
        windows = replace(
            proposed, window=window, stride=stride or 1, why="", optional=False
        )
    rule = _rule(tables.data, reading, windows)
    return TableInspection(
        roles, windows, tuple(findings.assumed), rule, reading.category
    )


def _roles_with_categories(
    tables: Tables, options: Reading, findings: Findings
) -> tuple[Reading, Findings]:
    """Find the roles; if columns of text may be categories, find them again with these."""
    before = list(findings.assumed)
    reading = find_roles(tables, options, findings)
    categories = propose_categories(tables.data, reading)
    if findings.problems or not categories:
        return reading, findings
    findings = Findings(assumed=before)
    options = replace(options, category=(*options.category, *categories))
    return find_roles(tables, options, findings), findings


def _rule(data: pd.DataFrame, reading: Reading, windows: WindowProposal) -> str:
    n_series = 1
    if reading.series is not None:
        n_series = int(data[reading.series].nunique())
    is_cut = not windows.optional
    # Windows of one series without times are numbered by their rows.
    has_time = bool(reading.time) or (is_cut and n_series == 1)
    room = windows.longest / windows.window
    return default_rule(n_series, n_series + is_cut, has_time=has_time, room=room)


def _check_fits(window: int, frame: pd.DataFrame, series: str | None) -> None:
    longest = len(frame)
    if series is not None:
        longest = int(frame[series].value_counts().max())
    if window > longest:
        raise DataError(
            "`window` must be at most the "
            f"longest series ({longest} rows); "
            f"got {window}."
        )
