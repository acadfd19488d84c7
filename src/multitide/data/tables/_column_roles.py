"""Show the role that `read_table` gives to each column."""

from __future__ import annotations

from typing import Unpack

import pandas as pd

from multitide.data.tables._findings import Findings
from multitide.data.tables._open_tables import open_tables
from multitide.data.tables._read_options import ReadOptions, Table
from multitide.data.tables._reading import Reading
from multitide.data.tables._roles import find_roles
from multitide.data.tables._ts_format import is_ts_file, read_ts
from multitide.data.tables._ts_samples import ts_roles


def column_roles(
    data: Table, *, labels: Table | None = None, **options: Unpack[ReadOptions]
) -> pd.DataFrame:
    """Return the role that :func:`read_table` would give to each column.

    Parameters
    ----------
    data, labels : path or DataFrame
        As in :func:`read_table`.
    **options
        Any other parameter of :func:`read_table`.

    Returns
    -------
    DataFrame
        One row per column of the tables: ``column``, ``table`` ("data" or "labels"), ``role``, and
        ``why``, the reason if it is ignored.
    """
    if is_ts_file(data):
        return pd.DataFrame(list(ts_roles(read_ts(data))))
    reading = Reading.from_options(**options)
    findings = Findings()
    tables = open_tables(data, labels, reading, findings)
    reading = find_roles(tables, reading, findings)
    findings.raise_all()
    return pd.DataFrame(list(reading.columns))
