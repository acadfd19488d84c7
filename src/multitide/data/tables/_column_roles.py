"""What each column of a table is taken for."""

from __future__ import annotations

from typing import Any

import pandas as pd

from multitide.data.tables._archive import _archive_columns
from multitide.data.tables._open_table import Table, _is_ts, _open
from multitide.data.tables._reading import Reading
from multitide.data.tables._roles import resolve_roles
from multitide.data.tables._ts_format import read_ts
from multitide.errors import DataError


def column_roles(data: Table, *, labels: Table | None = None, **options: Any) -> pd.DataFrame:
    """Say what :func:`read_table` would take each column for, without reading on.

    Parameters
    ----------
    data, labels : path or DataFrame
        As in :func:`read_table`.
    **options
        Any other parameter of :func:`read_table`.

    Returns
    -------
    DataFrame
        One row a column: ``column``, ``table`` ("data" or "labels"), ``role``, ``why`` it was left
        out.
    """
    if _is_ts(data):
        return pd.DataFrame(list(_archive_columns(read_ts(data))))
    frame, label_frame, reading = _open(data, labels, Reading.from_options(**options))
    problems: list[str] = []
    reading = resolve_roles(frame, label_frame, reading, problems)
    if problems:
        raise DataError("\n".join(problems))
    return pd.DataFrame(list(reading.columns))
