"""Tables of other libraries as those of pandas; the values stay the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from multitide.errors import DataError

# What is no table of another library.
KNOWN = (pd.DataFrame, pd.Series, np.ndarray, str, Path)
# What turns objects of other libraries into a DataFrame, the first that an object has.
CONVERTERS = ("to_pandas", "to_dataframe")
# Integers of which some are missing: floats would not hold the large ones.
INTEGERS = {
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}


def to_pandas(data: object, name: str = "data") -> object:
    """Return a table or column of another library as one of pandas; anything else as it is.

    Parameters
    ----------
    data : object
        A table of Arrow, Polars, DuckDB or any other library that Narwhals knows, or an object with
        a method ``to_pandas`` that returns a DataFrame. Other objects are returned unchanged.
    name : str
        The parameter, for messages.

    Raises
    ------
    DataError
        If its library cannot convert it.
    """
    if data is None or isinstance(data, KNOWN):
        return data
    try:
        return _converted(data)
    # A query fails only when it is run, with the errors of its library.
    except Exception as error:
        raise DataError(
            f"`{name}` must be a table that its library can compute; "
            f"got {how_to_convert(data)} It says: {error}"
        ) from error


def _converted(data: object) -> object:
    import narwhals.stable.v2 as nw

    if isinstance(data, (pa.RecordBatch, pa.RecordBatchReader)):
        data = pa.table(data)
    if isinstance(data, (pa.Table, pa.ChunkedArray, pa.Array)):
        return from_arrow(data)
    frame = nw.from_native(data, pass_through=True, allow_series=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect(backend="pyarrow")
    if isinstance(frame, (nw.DataFrame, nw.Series)):
        if frame.implementation.is_pandas_like():  # has an index
            return frame.to_pandas()
        named = from_arrow(frame.to_arrow())
        if isinstance(frame, nw.Series):
            return named.rename(frame.name)
        return named
    return _with_own_method(data)


def from_arrow(
    values: pa.Table | pa.ChunkedArray | pa.Array,
) -> pd.DataFrame | pd.Series:
    """Return a table or column of Arrow as one of pandas."""
    return values.to_pandas(types_mapper=INTEGERS.get)


def _with_own_method(data: object) -> object:
    convert = getattr(data, "to_pandas", None)
    if not callable(convert):
        return data
    converted = convert()
    if isinstance(converted, pd.DataFrame):
        return converted
    return data


def how_to_convert(data: object) -> str:
    """Return what an object is, with its library, and how to make a DataFrame of it."""
    kind = type(data)
    library = kind.__module__.partition(".")[0]
    if library == "builtins":
        return f"{kind.__name__}."
    for name in CONVERTERS:
        if callable(getattr(data, name, None)):
            return f"{kind.__name__} of {library}. Pass what its .{name}() returns."
    return f"{kind.__name__} of {library}. Convert it to a DataFrame of pandas."
