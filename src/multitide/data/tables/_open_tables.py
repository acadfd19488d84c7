"""Open the table of measurements and the table of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from multitide.data.tables._csv_dialect import Dialect
from multitide.data.tables._files import open_table
from multitide.data.tables._findings import Findings
from multitide.data.tables._folder import FILE_COLUMNS, with_file_name
from multitide.data.tables._missing import as_missing
from multitide.data.tables._number_signs import (
    NumberSigns,
    find_signs,
    ungrouped,
)
from multitide.data.tables._one_file import CSV_SUFFIXES, OpenTable, kind_suffix
from multitide.data.tables._read_excel import EXCEL_SUFFIXES
from multitide.data.tables._read_options import Table
from multitide.data.tables._reading import Reading
from multitide.data.tables._written import keep_codes, keep_ids
from multitide.errors import ParameterError

# Options that only text files have.
OF_TEXT_FILES = ("encoding", "separator")


@dataclass(frozen=True)
class Tables:
    """The tables that samples are made of.

    Attributes
    ----------
    data : DataFrame
        One row per time step (or per sample).
    labels : DataFrame or None
        One row per series.
    file_column : str or None
        The column of `data` that names the file of each row, if it was read from a folder.
    folder_columns : tuple of str
        The columns of `data` that were read from the names of folders, ``engine=3``.
    signs : NumberSigns or None
        How numbers with separated thousands are written, if there are any.
    """

    data: pd.DataFrame
    labels: pd.DataFrame | None
    file_column: str | None = None
    folder_columns: tuple[str, ...] = ()
    signs: NumberSigns | None = None

    @property
    def measured(self) -> pd.DataFrame:
        """The data without the column that names the files."""
        if self.file_column is None:
            return self.data
        return self.data.drop(columns=self.file_column)

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
        thousands=reading.thousands,
    )
    _check_options(data, labels, reading)
    first = _open_data(data, labels, reading, dialect)
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
    signs = _find_signs(frames, keys, reading)
    if signs is not None:
        frames = [_ungrouped(frame, keys, signs, findings) for frame in frames]
    per_series = None
    if labels is not None:
        per_series = frames[1]
    return Tables(frames[0], per_series, first.file_column, first.folder_columns, signs)


def _find_signs(
    frames: Sequence[pd.DataFrame], keys: Sequence[str], reading: Reading
) -> NumberSigns | None:
    """Return how numbers with separated thousands are written; ids are no numbers."""
    columns = []
    for frame in frames:
        for name, column in frame.items():
            if name not in keys:
                columns.append(column)
    return find_signs(columns, reading.decimal, reading.thousands)


def _ungrouped(
    frame: pd.DataFrame, keys: Sequence[str], signs: NumberSigns, findings: Findings
) -> pd.DataFrame:
    """Return a table with the text columns of such numbers as numbers."""
    changed = {}
    for name, column in frame.items():
        if name in keys:
            continue
        numbers = ungrouped(column, signs)
        if numbers is not None:
            changed[str(name)] = numbers
            texts = column.dropna().astype("str").str.strip()
            first = texts[texts.str.fullmatch(signs.grouped)].index[0]
            findings.note(
                f"`{name}`: "
                f"{texts[first]} is read as {numbers[first]:.15g} "
                "(`decimal` and `thousands` change this)."
            )
    return frame.assign(**changed)


def _open_data(
    data: Table, labels: Table | None, reading: Reading, dialect: Dialect
) -> OpenTable:
    """Read the measurements; a single file is named where each file of a folder was a series."""
    beside = None
    if isinstance(labels, (str, Path)):
        beside = Path(labels)
    dialect = replace(dialect, sheet=reading.sheet)
    table = open_table(data, dialect, "data", without=beside)
    named_by_file = reading.series in FILE_COLUMNS
    if (
        named_by_file
        and reading.series not in table.frame
        and isinstance(data, (str, Path))
    ):
        return with_file_name(table, Path(data))
    return table


def _check_options(data: Table, labels: Table | None, reading: Reading) -> None:
    """Raise if an option is for files of another kind: it would do nothing."""
    if reading.sheet is not None and not has_sheets(data):
        raise ParameterError(
            "`sheet` must only be given for an .xlsx workbook; "
            f"got {reading.sheet!r} for another table. Remove it."
        )
    for name in OF_TEXT_FILES:
        value = getattr(reading, name)
        if value is not None and not has_text(data, labels):
            raise ParameterError(
                f"`{name}` must only be given for a text file; "
                f"got {value!r} for another table. Remove it."
            )


def has_text(*tables: Table | None) -> bool:
    """Whether a table is a text file, or may be a folder of them."""
    for table in tables:
        if not isinstance(table, (str, Path)):
            continue
        path = Path(table)
        if path.is_dir() or kind_suffix(path) in CSV_SUFFIXES:
            return True
    return False


def has_sheets(data: Table) -> bool:
    """Whether a table is an Excel workbook, or may be a folder of them."""
    if not isinstance(data, (str, Path)):
        return False
    path = Path(data)
    return path.is_dir() or path.suffix.lower() in EXCEL_SUFFIXES


def _keys(reading: Reading, names: Sequence[Sequence[str]]) -> list[str]:
    """Return the columns that identify series: the named one, or those of both tables."""
    if reading.series is not None:
        return [reading.series]
    if len(names) == 1:
        return []
    return sorted(set(names[0]) & set(names[1]))
