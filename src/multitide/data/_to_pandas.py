"""Tables of other libraries as those of pandas."""

from __future__ import annotations

import pandas as pd

# What turns objects of other libraries into a DataFrame, the first that an object has.
CONVERTERS = ("to_pandas", "to_dataframe")


def to_pandas(data: object) -> object:
    """Return a table of Arrow, Polars, cuDF, ... as a DataFrame; anything else as it is.

    Parameters
    ----------
    data : object
        Has a method ``to_pandas`` that returns a DataFrame, or is returned unchanged.
    """
    if isinstance(data, pd.DataFrame):
        return data
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
