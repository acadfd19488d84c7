"""Open the table of measurements and the table of labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from multitide.data.tables._files import Dialect, read_frame
from multitide.data.tables._findings import Findings
from multitide.data.tables._read_options import Table
from multitide.data.tables._reading import Reading


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
    dialect = Dialect(reading.encoding, reading.decimal, reading.separator)
    frame, notes = read_frame(data, dialect, "data")
    findings.note(*notes)
    if labels is None:
        return Tables(frame, None)
    label_frame, notes = read_frame(labels, dialect, "labels")
    findings.note(*notes)
    return Tables(frame, label_frame)
