"""Read one sheet of an Excel workbook."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from multitide._checks import suggest
from multitide._require_extra import require_extra
from multitide.data.tables._column_names import check_names
from multitide.data.tables._header_row import find_header, has_units
from multitide.data.tables._no_header import check_header
from multitide.errors import DataError, ParameterError

EXCEL_SUFFIXES = (".xlsx", ".xlsm")
MOST_LOOKED_AT = 200  # rows, for the names and units


def read_excel(path: Path, sheet: str | None) -> tuple[pd.DataFrame, list[str]]:
    """Return a sheet as a DataFrame, and what was assumed.

    Parameters
    ----------
    path : path
    sheet : str or None
        The name of the sheet; None is the first that holds something.

    Raises
    ------
    DataError
        If the file is not a workbook, or has no such sheet.
    MissingDependencyError
        If openpyxl is not installed.
    """
    sheets = _sheets(path)
    filled = {}
    for name, frame in sheets.items():
        frame = frame.dropna(how="all", axis=1).dropna(how="all")
        if len(frame):
            filled[name] = sheets[name].loc[frame.index[0] :]
    if sheet is None:
        if not filled:
            raise DataError(f"{path.name!r} must hold a table; got empty sheets.")
        chosen = next(iter(filled))
    else:
        chosen = sheet
        _check_sheet(path, sheet, list(sheets), list(filled))
    notes = []
    if sheet is None and len(filled) > 1:
        others = ", ".join(map(repr, list(filled)[1:]))
        notes.append(
            f"`{path.name}`: "
            f"the sheet {chosen!r} is read, "
            f"{others} not (`sheet` changes this)."
        )
    return _as_table(filled[chosen], path, notes), notes


def _sheets(path: Path) -> dict[str, pd.DataFrame]:
    """Return the cells of every sheet, with the values that Excel has stored."""
    require_extra("excel", f"Reading {path.name!r}", ", or save the sheet as CSV.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of formats and menus that are not read
        try:
            sheets: dict[str, pd.DataFrame] = pd.read_excel(
                path,
                sheet_name=None,
                header=None,
                engine="openpyxl",
                keep_default_na=False,
                na_values=[""],
            )
        # openpyxl lets through whatever the readers of zip files and XML raise.
        except Exception as error:
            raise DataError(
                f"{path.name!r} must be a readable Excel workbook; "
                f"got {type(error).__name__}: {error}. "
                "Open it in Excel and save it as "
                ".xlsx without a password, or as CSV."
            ) from error
    return sheets


def _check_sheet(
    path: Path, sheet: str, names: Sequence[str], filled: Sequence[str]
) -> None:
    if sheet not in names:
        known = ", ".join(map(repr, names))
        raise ParameterError(
            f"`sheet` must name a sheet of {path.name!r}: {known}; "
            f"got {sheet!r}.{suggest(sheet, names)}"
        )
    if sheet not in filled:
        raise DataError(f"The sheet {sheet!r} of {path.name!r} must not be empty.")


def _as_table(cells: pd.DataFrame, path: Path, notes: list[str]) -> pd.DataFrame:
    """Find the names of the columns, and leave out what is blank at the end or has no name."""
    texts = []
    for row in cells.head(MOST_LOOKED_AT).itertuples(index=False):
        texts.append(_texts(row))
    place = find_header(texts)
    header = cells.iloc[place]
    rows = cells.iloc[place + 1 :]
    if place:
        notes.append(
            f"`{path.name}`: "
            f"the column names are in row {cells.index[place] + 1}; "
            "the rows before it are left out."
        )
    notes += check_header(
        texts[place], texts[place + 1 :], path.name, f"row {cells.index[place] + 1}"
    )
    if has_units(texts, place):
        blank = rows.isna().all(axis=1)
        notes.append(
            f"`{path.name}`: row {rows.index[~blank][0] + 1} holds units: left out."
        )
        rows = rows.drop(index=rows.index[~blank][0])
    keep = header.notna() | rows.notna().any()
    names = []
    for place, value in header[keep].items():
        names.append(f"Unnamed: {place}" if pd.isna(value) else str(value).strip())
    check_names(names, path.name)
    table = rows.loc[:, keep].set_axis(names, axis=1).reset_index(drop=True)
    n_blank = _blank_at_the_end(table)
    if n_blank:
        table = table.iloc[:-n_blank]
        notes.append(f"`{path.name}` ends with {n_blank} blank rows: left out.")
    plain = {}
    for name in table:
        plain[name] = _plain(table[name])
    return pd.DataFrame(plain, index=table.index)


def _texts(row: Iterable[object]) -> list[str]:
    texts = []
    for value in row:
        texts.append("" if pd.isna(value) else str(value))
    while texts and not texts[-1].strip():  # a sheet has cells where other rows end
        texts.pop()
    return texts or [""]


def _blank_at_the_end(table: pd.DataFrame) -> int:
    filled = np.flatnonzero(table.notna().any(axis=1).to_numpy())
    if not len(filled):
        return 0
    return len(table) - int(filled[-1]) - 1


def _plain(column: pd.Series) -> pd.Series:
    """Return cells as numbers or times if all of them are; clock times as text, 13:05:00."""
    values = column.map(_clock_as_text, na_action="ignore")
    return values.infer_objects()


def _clock_as_text(value: object) -> object:
    if isinstance(value, datetime.time):
        return value.isoformat()
    return value
