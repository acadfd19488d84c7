"""Columns of any dtype as the few that multitide computes with; the values stay the same."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd

from multitide.data._to_pandas import from_arrow
from multitide.errors import DataError

# What `infer_dtype` calls objects that are all numbers.
NUMBERS = ("floating", "mixed-integer-float", "decimal")
MIXED = ("mixed", "mixed-integer")
COMPLEX = (complex, np.complexfloating)


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with plain columns; see :func:`plain_column`.

    Raises
    ------
    DataError
        With every column of complex numbers.
    """
    columns = {}
    wrong = []
    for i, name in enumerate(frame.columns):
        columns[i] = plain_column(frame.iloc[:, i])
        if is_complex(columns[i]):
            wrong.append(f"`{name}`")
    if wrong:
        raise DataError(
            f"{', '.join(wrong)} must hold real numbers; "
            "got complex ones. "
            "Take their real and imaginary parts, "
            "or magnitudes, as columns of their own."
        )
    plain = pd.DataFrame(columns, index=frame.index)
    return plain.set_axis(frame.columns, axis=1)


def plain_column(column: pd.Series) -> pd.Series:
    """Return a column as numbers, booleans, text, times or categories of NumPy or pandas.

    Arrow and sparse columns become those of pandas, and objects that are all numbers or all
    booleans become a column of that type. Lists become their text. Categories stay categories.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.SparseDtype):
        column = column.sparse.to_dense()
    elif isinstance(dtype, pd.ArrowDtype):
        column = _from_arrow(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    if pd.api.types.is_object_dtype(column):
        column = _from_objects(column)
    if isinstance(column.dtype, np.dtype):
        return _at_most_double(column)
    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if pd.api.types.is_float_dtype(column):
        return column.astype("float64")
    if pd.api.types.is_integer_dtype(column) and not column.isna().any():
        return column.astype(column.dtype.numpy_dtype)
    return column


def _at_most_double(column: pd.Series) -> pd.Series:
    if column.dtype.kind == "f" and column.dtype.itemsize > 8:
        return column.astype("float64")
    return column


def is_complex(column: pd.Series) -> bool:
    """Whether a column holds a complex number, also as an object."""
    if pd.api.types.is_object_dtype(column):
        return any(isinstance(value, COMPLEX) for value in column)
    return bool(pd.api.types.is_complex_dtype(column))


def _from_arrow(column: pd.Series) -> pd.Series:
    plain = from_arrow(column.array.__arrow_array__())
    if isinstance(plain.dtype, pd.CategoricalDtype) and not plain.cat.ordered:
        plain = plain.astype("object")  # an encoding: its order is that of appearance
    return plain.set_axis(column.index).rename(column.name)


def _from_objects(column: pd.Series) -> pd.Series:
    """Return objects as numbers or booleans if all of them are."""
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred in MIXED and not _are_hashable(column):  # lists, arrays
        return column.map(str, na_action="ignore")
    if inferred == "boolean":
        return column.astype("boolean")
    if inferred == "integer":
        return _from_integers(column)
    if inferred in NUMBERS or (inferred in MIXED and _all_numbers(column)):
        return column.map(float, na_action="ignore").astype("float64")
    return column


def _from_integers(column: pd.Series) -> pd.Series:
    try:
        return column.astype("Int64")
    except (OverflowError, TypeError, ValueError):  # integers of more than 64 bits
        return column.map(float, na_action="ignore").astype("float64")


def _are_hashable(column: pd.Series) -> bool:
    return all(isinstance(value, Hashable) for value in column)


def _all_numbers(column: pd.Series) -> bool:
    kinds = (int, float, np.number, Decimal, Fraction)
    return all(isinstance(value, kinds) for value in column.dropna())
