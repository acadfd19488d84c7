"""What a column holds (numbers, text, times), and how to read it as numbers, codes or labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np
import pandas as pd

from multitide.data._plain_columns import plain_column

MAX_EXACT = 2**53  # larger floats cannot hold every whole number
MIN_COUNTED = 100  # rows that count up by one from any number, to be a counter
PLAIN_DTYPES = ("boolean", "integer", "floating", "mixed-integer-float")
TIME_DTYPES = ("datetime64", "datetime", "timedelta")

Kind = Literal["number", "text", "mixed", "time", "empty"]
Frame = TypeVar("Frame", pd.Series, pd.DataFrame)


def kind_of(column: pd.Series, decimal: str = ".") -> Kind:
    """Return what a column holds; "mixed" is numbers with some text among them."""
    if column.isna().all():
        return "empty"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "text"
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(
        column
    ) or pd.api.types.is_timedelta64_dtype(column):
        return "time"
    return _kind_of_text(column, decimal)


def _kind_of_text(column: pd.Series, decimal: str) -> Kind:
    numbers, bad = as_numbers(column, decimal)
    n_numbers = int((~np.isnan(numbers)).sum())
    if not len(bad):
        if n_numbers:
            return "number"
        return "empty"
    if n_numbers < len(bad):  # perhaps numbers with commas: 1,5 or 1,234.5
        without_commas = as_texts(column).str.replace(",", "")
        n_numbers = int((~np.isnan(as_numbers(without_commas)[0])).sum())
    if 2 * n_numbers >= int(column.notna().sum()):
        return "mixed"
    return "text"


def as_numbers(column: pd.Series, decimal: str = ".") -> tuple[np.ndarray, np.ndarray]:
    """Return a column as float64 (NaN = missing), and the rows with other text."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), np.empty(0, np.int64)
    codes, texts = _distinct_texts(column)
    if decimal == ",":
        texts = texts.str.replace(",", ".", regex=False)
    texts = texts.replace({"True": "1", "False": "0"}).mask(texts == "None")
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    bad = np.isnan(numbers) & texts.notna().to_numpy()
    # Code -1 (missing) takes the last entry.
    return np.append(numbers, np.nan)[codes], np.flatnonzero(
        np.append(bad, False)[codes]
    )


def as_texts(column: pd.Series) -> pd.Series:
    """Return a column as text without surrounding blanks; whole floats lose their ".0"."""
    codes, texts = _distinct_texts(column)
    values = texts.array.take(codes, allow_fill=True)
    return pd.Series(values, index=column.index, name=column.name)


def _distinct_texts(column: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """Return the code of each row's value (-1 = missing), and the distinct values as text.

    Converting only distinct values is fast: text columns hold few of them.
    """
    if pd.api.types.is_float_dtype(column):
        column = whole(column)
    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists and other values without a hash
        codes, values = pd.factorize(column.map(str, na_action="ignore"))
    distinct = pd.Series(np.asarray(values, dtype=object), dtype="object")
    texts = distinct.map(str).astype("str").str.strip()
    return codes, texts.mask(texts == "")


def as_codes(
    column: pd.Series, categories: Sequence[str]
) -> tuple[np.ndarray, list[str]]:
    """Return each value's index in the categories as float64, and the unknown values.

    NaN stands for missing and unknown values.
    """
    texts = as_texts(column)
    codes = pd.Index(list(map(str, categories))).get_indexer(texts).astype(np.float64)
    is_unknown = (codes < 0) & texts.notna().to_numpy()
    codes[codes < 0] = np.nan
    return codes, sorted(set(texts[is_unknown]))


def categories_of(column: pd.Series) -> tuple[str, ...]:
    """Return the distinct values of a text column, sorted; a pandas category keeps its order."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(map(str, column.cat.categories))
    return tuple(sorted(set(as_texts(column).dropna())))


def as_labels(column: pd.Series) -> pd.Series:
    """Return labels as the user wrote them: 3, 20 and a blank do not become 3.0, 20.0 and NaN."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = plain_column(column.astype("object"))
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return whole(column)
    column = column.astype("object").infer_objects()
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred in PLAIN_DTYPES:
        column = column.convert_dtypes()
    elif inferred not in TIME_DTYPES:
        column = as_texts(column)
    return whole(column)


def whole(column: pd.Series) -> pd.Series:
    """Return floats that are all whole as integers; other columns stay as they are.

    Integers are nullable if a value is missing.
    """
    if pd.api.types.is_bool_dtype(column):
        if column.isna().any():
            return column
        return column.astype("bool")
    if not pd.api.types.is_numeric_dtype(column):
        return column
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    missing = np.isnan(numbers)
    if not _all_whole(numbers[~missing]):
        if pd.api.types.is_integer_dtype(column):
            return column
        return pd.Series(numbers, index=column.index)
    return column.astype("Int64" if missing.any() else "int64")


def _all_whole(numbers: np.ndarray) -> bool:
    if not len(numbers) or np.abs(numbers).max() > MAX_EXACT:
        return False
    return bool((np.mod(numbers, 1) == 0).all())


def nullable(frame: Frame) -> Frame:
    """Return columns in which whole numbers can go missing without turning into floats."""
    return frame.convert_dtypes(convert_string=False, convert_floating=False)


def is_counter(column: pd.Series) -> bool:
    """Whether a column numbers the rows: from 0 or 1, or a long column from any number."""
    if (
        not pd.api.types.is_integer_dtype(column)
        or column.isna().any()
        or len(column) < 3
    ):
        return False
    numbers = column.to_numpy(dtype=np.int64)
    if numbers[0] not in (0, 1) and len(numbers) < MIN_COUNTED:
        return False
    return bool((np.diff(numbers) == 1).all())
