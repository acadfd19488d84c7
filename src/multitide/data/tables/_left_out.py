"""The rows of a table that are in no sample: as a table, and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

COLUMNS = ["why", "series", "rows", "first", "last"]


def joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return all of what was left out as one table."""
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    # Times, numbers and ids in one column stay what they are.
    return pd.concat([table.astype("object") for table in tables], ignore_index=True)


def example_of(left_out: pd.DataFrame, series: str | None) -> str:
    """Describe the first stretch in words: "e.g. `unit` b, 10 rows from 0 to 9".

    Parameters
    ----------
    left_out : DataFrame
        At least one row.
    series : str or None
        The column that names series, if there is one.
    """
    first = left_out.iloc[0]
    if series is None:
        name = ""
    else:
        name = f"`{series}` {first['series']}, "
    if first["rows"] == 1:
        return f"e.g. {name}the row at {_place(first['first'])}"
    return (
        f"e.g. {name}{first['rows']} rows from "
        f"{_place(first['first'])} to {_place(first['last'])}"
    )


def _place(value: object) -> str:
    if isinstance(value, (pd.Timestamp, np.datetime64)):
        return str(pd.Timestamp(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
