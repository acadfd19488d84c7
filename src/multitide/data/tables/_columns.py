"""What is in a column: numbers, text, times; and the way to numbers, categories and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from multitide.data.tables._files import MISSING

MAX_EXACT = 2**53  # larger floats cannot tell neighbouring whole numbers apart
MANY_COUNTED = 100  # so many whole numbers in a row, one apart, are no measurement
Kind = Literal["number", "text", "mixed", "time", "empty"]


def kind_of(column: pd.Series, decimal: str = ".") -> Kind:
    """Say what a column holds; "mixed" is numbers with some text among them."""
    if column.isna().all():
        return "empty"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "text"
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        return "time"
    numbers, bad = as_numbers(column, decimal)
    measured = int((~np.isnan(numbers)).sum())
    if not len(bad):
        return "number" if measured else "empty"
    if measured < len(bad):  # 1,5 and 1,234.5 are numbers too, only not in this dialect
        measured = int((~np.isnan(as_numbers(as_texts(column).str.replace(",", ""))[0])).sum())
    return "mixed" if 2 * measured >= int(column.notna().sum()) else "text"


def as_numbers(column: pd.Series, decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """Return a column as float64 (NaN = missing) and the rows whose text is no number."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), np.empty(0, np.int64)
    codes, texts = _distinct_texts(column)
    plain = texts.str.replace(",", ".", regex=False) if decimal == "," else texts
    plain = plain.replace({"True": "1", "False": "0"}).mask(plain == "None")
    numbers = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.isnan(numbers) & plain.notna().to_numpy()
    return np.append(numbers, np.nan)[codes], np.flatnonzero(np.append(bad, False)[codes])


def as_texts(column: pd.Series) -> pd.Series:
    """Return a column as text without blanks around it, missing values as NaN; whole floats lose their ".0"."""
    codes, texts = _distinct_texts(column)
    return pd.Series(texts.array.take(codes, allow_fill=True), index=column.index, name=column.name)


def _distinct_texts(column: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """Return the distinct values as text, and for each row the place of its value (-1 = missing).

    Text is slow, and columns of it hold few distinct values.
    """
    try:
        codes, values = pd.factorize(
            whole(column) if pd.api.types.is_float_dtype(column) else column
        )
    except TypeError:  # lists and the like
        codes, values = pd.factorize(column.map(str, na_action="ignore"))
    texts = (
        pd.Series(np.asarray(values, dtype=object), dtype="object")
        .map(str)
        .astype("str")
        .str.strip()
    )
    return codes, texts.mask(texts.isin(MISSING))


def as_codes(column: pd.Series, categories: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
    """Return each value's place among the categories as float64 (NaN = missing or unknown), and the unknown values."""
    texts = as_texts(column)
    codes = pd.Index(list(map(str, categories))).get_indexer(texts).astype(np.float64)
    unknown = sorted(set(texts[(codes < 0) & texts.notna().to_numpy()]))
    codes[codes < 0] = np.nan
    return codes, unknown


def categories_of(column: pd.Series) -> tuple[str, ...]:
    """Return the distinct values of a column of text, sorted (a pandas category keeps its order)."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(str(value) for value in column.cat.categories)
    return tuple(sorted(set(as_texts(column).dropna())))


def as_labels(column: pd.Series) -> pd.Series:
    """Return labels as the user wrote them: 3, 20 and a blank stay 3, 20 and missing, not 3.0, 20.0 and NaN."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        column = column.astype("object").infer_objects()
        if pd.api.types.infer_dtype(column, skipna=True) in (
            "boolean",
            "integer",
            "floating",
            "mixed-integer-float",
        ):
            column = column.convert_dtypes()
        elif pd.api.types.infer_dtype(column, skipna=True) not in (
            "datetime64",
            "datetime",
            "timedelta",
        ):
            column = as_texts(column)
    return whole(column)


def whole(column: pd.Series) -> pd.Series:
    """Return floats that are all whole as integers, nullable where a value is missing; anything else as it is."""
    if pd.api.types.is_bool_dtype(column):
        return column if column.isna().any() else column.astype("bool")
    if not pd.api.types.is_numeric_dtype(column):
        return column
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = np.isnan(numbers)
    largest = np.abs(numbers[~missing]).max(initial=0)
    if missing.all() or largest > MAX_EXACT or not (np.mod(numbers[~missing], 1) == 0).all():
        return (
            column
            if pd.api.types.is_integer_dtype(column)
            else pd.Series(numbers, index=column.index)
        )
    return column.astype("Int64" if missing.any() else "int64")


def nullable(frame: Any) -> Any:
    """Return columns that can lose values without whole numbers turning into floats."""
    return frame.convert_dtypes(convert_string=False, convert_floating=False)


def is_counter(column: pd.Series) -> bool:
    """Whether a column counts the rows: from 0 or 1, or many rows from anywhere, as in a part of a longer table."""
    if not pd.api.types.is_integer_dtype(column) or column.isna().any() or len(column) < 3:
        return False
    numbers = column.to_numpy(dtype=np.int64)
    begins = numbers[0] in (0, 1) or len(numbers) >= MANY_COUNTED
    return bool(begins and (np.diff(numbers) == 1).all())
