"""Leave out rows that have no key, or that are incomplete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from multitide.data._rows_text import rows_text
from multitide.data.tables._findings import Findings
from multitide.data.tables._left_out import COLUMNS
from multitide.data.tables._open_tables import Tables
from multitide.data.tables._reading import Reading
from multitide.data.tables._rows import Rows
from multitide.data.tables._series_ids import clean_ids
from multitide.data.tables._stretches import rows_by_series
from multitide.errors import DataError


def drop_incomplete(
    rows: Rows, columns: Sequence[str], reading: Reading, findings: Findings
) -> Rows:
    """Leave out rows in which a channel, or a label among `columns`, is missing."""
    complete = ~np.isnan(rows.values).any(axis=1)
    complete &= rows.labels[list(columns)].notna().all(axis=1).to_numpy()
    if complete.all():
        return rows
    if not complete.any():
        raise DataError(
            "`missing_rows` must leave at least one row; "
            'got "drop", and every row misses a channel or a label. '
            'Use missing_rows="keep", or '
            "leave out the emptiest columns."
        )
    left_out = rows_by_series(rows, ~complete, "a channel or a label is missing")
    n_dropped = int((~complete).sum())
    findings.leave_out(
        f"{n_dropped} of {len(rows)} rows miss a channel or a label",
        left_out,
        reading.series,
    )
    return rows.take(np.flatnonzero(complete))


def are_keyless(data: pd.DataFrame, reading: Reading) -> np.ndarray:
    """Return which rows have no series or no time, where the table has them."""
    keyless = np.zeros(len(data), dtype=bool)
    if reading.series is not None:
        keyless |= clean_ids(data[reading.series]).isna().to_numpy()
    for name in reading.time or ():
        keyless |= data[name].isna().to_numpy()
    return keyless


def drop_keyless(tables: Tables, reading: Reading, findings: Findings) -> Tables:
    """Leave out rows of the data without a series or a time, unless no row has them.

    A model that is in use shall not fail because of a few cut lines. Rows of the data that a model
    is fitted on must have both.
    """
    data = tables.data
    left_out = are_keyless(data, reading)
    keys = []
    if reading.series is not None:
        keys.append(reading.series)
    keys += reading.time or ()
    if not left_out.any() or left_out.all():
        return tables
    places = np.flatnonzero(left_out)
    names = " or ".join(f"`{name}`" for name in keys)
    row = {
        "why": f"no {names}",
        "rows": len(places),
        "first": places[0] + 1,
        "last": places[-1] + 1,
    }
    findings.left_out.append(pd.DataFrame([row], columns=COLUMNS))
    findings.note(
        f"{len(places)} of {len(data)} rows have no {names}: "
        f"not used, {rows_text(places)} of the table."
    )
    kept = data[~left_out].reset_index(drop=True)
    return replace(tables, data=kept)
