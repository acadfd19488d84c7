"""Stretches of rows that are in no sample."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.data.tables._left_out import COLUMNS
from multitide.data.tables._rows import Rows
from multitide.data.tables._windows import Index


def stretches_of(rows: Rows, starts: Index, lengths: Index, why: str) -> pd.DataFrame:
    """Return one row per stretch of rows that is left out.

    Parameters
    ----------
    rows : Rows
        In their final order.
    starts, lengths : ndarray of int64, shape (n_stretches,)
        First row and number of rows of each stretch.
    why : str
        The reason, the same for all.

    Returns
    -------
    DataFrame
        ``why``, ``series``, ``rows`` (their number), and ``first`` and ``last``: the times of these
        rows or, without times, their places within the series.
    """
    where = rows.number if rows.time is None else rows.time
    return pd.DataFrame(
        {
            "why": why,
            "series": rows.ids[rows.series[starts]],
            "rows": lengths,
            "first": where[starts],
            "last": where[starts + lengths - 1],
        },
        columns=COLUMNS,
    )


def rows_by_series(rows: Rows, left_out: np.ndarray, why: str) -> pd.DataFrame:
    """Return one row per series of which some rows are left out.

    Parameters
    ----------
    rows : Rows
    left_out : ndarray of bool, shape (n_rows,)
    why : str
    """
    rows_left_out = rows.take(np.flatnonzero(left_out))
    rows_left_out = rows_left_out.take(np.argsort(rows_left_out.series, kind="stable"))
    changes = np.flatnonzero(np.diff(rows_left_out.series)) + 1
    starts = np.concatenate([[0], changes]).astype(np.int64)
    lengths = np.diff(np.append(starts, len(rows_left_out)))
    return stretches_of(rows_left_out, starts, lengths, why)
