"""Open the table of measurements and the table of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from multitide.data.tables._csv_dialect import Dialect
from multitide.data.tables._files import open_table
from multitide.data.tables._findings import Findings
from multitide.data.tables._missing import as_missing
from multitide.data.tables._read_options import Table
from multitide.data.tables._reading import Reading
from multitide.data.tables._written import keep_codes, keep_ids


@dataclass(frozen=True)
class Tables:
    """The tables that samples are made of.

    Attributes
    ----------
    data : DataFrame
        One row per time step (or per sample).
    labels : DataFrame or None
        One row per series.
    """

    data: pd.DataFrame
    labels: pd.DataFrame | None

    @property
    def columns(self) -> list[str]:
        """The names of the columns of both tables, each once."""
        names = list(self.data.columns)
        if self.labels is not None:
            names.extend(self.labels.columns)
        return list(dict.fromkeys(names))

    def source_of(self, column: str, series: str | None) -> Literal["data", "labels"]:
        """Return which table a task, static or extra column is read from.

        Parameters
        ----------
        column : str
        series : str or None
            The column that joins the tables; it is in both.
        """
        if self.labels is None or column == series or column not in self.labels.columns:
            return "data"
        return "labels"


def open_tables(
    data: Table, labels: Table | None, reading: Reading, findings: Findings
) -> Tables:
    """Read the tables from files, or take them from memory."""
    dialect = Dialect(
        reading.encoding,
        reading.decimal,
        reading.separator,
        as_missing(reading.missing),
    )
    first = open_table(data, dialect, "data")
    opened = [first]
    if labels is not None:
        opened.append(open_table(labels, dialect, "labels"))
    keys = _keys(reading, [list(table.frame) for table in opened])
    frames = []
    for table in opened:
        findings.note(*table.notes)
        kept = replace(table, frame=keep_ids(table, keys))
        codes = set(reading.label_columns) - set(keys)
        if reading.tasks is None and table is not first:
            codes = set(table.frame) - set(keys)
        frames.append(keep_codes(kept, sorted(codes)))
    if labels is None:
        return Tables(frames[0], None)
    return Tables(frames[0], frames[1])


def _keys(reading: Reading, names: Sequence[Sequence[str]]) -> list[str]:
    """Return the columns that identify series: the named one, or those of both tables."""
    if reading.series is not None:
        return [reading.series]
    if len(names) == 1:
        return []
    return sorted(set(names[0]) & set(names[1]))
