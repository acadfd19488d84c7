"""The table that a command writes: where it may be, and how its cells are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd

CSV, PARQUET = ".csv", ".parquet"
# A spreadsheet takes text with one of these in front for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

EscapeFormulas = Annotated[
    bool,
    typer.Option(
        "--escape-formulas",
        help="Put ' before text that a spreadsheet would run as a formula (.csv only).",
    ),
]


def check_output(output: Path, *, escape_formulas: bool = False) -> None:
    """Raise unless a table can be written there, before any work is done."""
    from multitide._checks import check_choice
    from multitide.errors import ParameterError, StoreError

    check_choice("output", output.suffix.lower(), (CSV, PARQUET))
    if escape_formulas and output.suffix.lower() != CSV:
        raise ParameterError(
            "`--escape-formulas` must go with a .csv file; "
            f"got {str(output)!r}. "
            "No cell of a Parquet file is run as a formula."
        )
    check_new_file(output)
    if not output.parent.is_dir():
        raise StoreError(
            "`output` must be in an existing folder; "
            f"{str(output.parent)!r} does not exist."
        )


def check_new_file(output: Path) -> None:
    """Raise if there is already something of that name."""
    from multitide.errors import StoreError

    if output.exists():
        raise StoreError(
            f"`output` must not exist yet; {str(output)!r} does. "
            "Choose another name with --output."
        )


def write_output(
    table: pd.DataFrame, output: Path, *, escape_formulas: bool = False
) -> None:
    """Write a table as CSV or Parquet, by the name of the file; whole or not at all."""
    from multitide._result_folder import writable, write_file
    from multitide.data._write_table import write_table

    if escape_formulas:
        table = without_formulas(table)
    with writable(output, "output"):
        if output.suffix.lower() == CSV:
            write_file(output, table.to_csv(index=False))
        else:
            write_table(table, output)


def without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with an apostrophe before every text that begins a formula.

    Numbers, dates and missing values are left alone; names of columns are text.
    """
    safe = table.copy()
    for place in range(table.shape[1]):
        column = table.iloc[:, place]
        if column.dtype.kind not in "biufcmM":
            safe.isetitem(place, column.map(_without_formula))
    safe.columns = list(map(_without_formula, table.columns))
    return safe


def _without_formula(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
