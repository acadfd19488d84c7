"""Labels and static inputs written as text: numbers, or classes and codes such as 007."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from multitide.data._plain_columns import plain_frame

# Text with more distinct numbers than this is a numeric column, not classes.
MAX_NUMERALS = 10
LEADING_ZERO = r"\s*[+-]?0\d+\s*"
WHOLE_NUMBER = r"\s*[+-]?\d+\s*"


def are_codes(texts: pd.Series) -> bool:
    """Whether texts are whole numbers of which some have leading zeros; none may be missing."""
    written = texts.astype("str").str
    if not written.fullmatch(WHOLE_NUMBER).all():
        return False
    return bool(written.fullmatch(LEADING_ZERO).any())


def plain_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """Return labels with plain columns, and no blanks around text.

    Raises
    ------
    DataError
        With every column of complex numbers.
    """
    return _changed(plain_frame(frame), _stripped)


def plain_inputs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return static inputs with plain columns; text of many numbers is numbers, as in a table.

    Raises
    ------
    DataError
        With every column of complex numbers.
    """
    return _changed(plain_labels(frame), _as_numbers)


def _changed(
    frame: pd.DataFrame, change: Callable[[pd.Series], pd.Series]
) -> pd.DataFrame:
    """Return a table with changed columns of text; two columns may have one name."""
    columns = {}
    for i in range(frame.shape[1]):
        columns[i] = frame.iloc[:, i]
        if _is_text(columns[i]):
            columns[i] = change(columns[i])
    return pd.DataFrame(columns, index=frame.index).set_axis(frame.columns, axis=1)


def _is_text(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    return bool(pd.api.types.infer_dtype(column, skipna=True) == "string")


def _stripped(column: pd.Series) -> pd.Series:
    return column.map(str.strip, na_action="ignore")


def _as_numbers(column: pd.Series) -> pd.Series:
    filled = column[column.notna() & (column != "")]
    numbers = pd.to_numeric(filled, errors="coerce")
    if numbers.isna().any() or numbers.nunique() <= MAX_NUMERALS or are_codes(filled):
        return column
    return numbers.astype("float64").reindex(column.index)
