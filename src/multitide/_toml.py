"""Read TOML files, with the place of a mistake, and write them from the values of Python users."""

from __future__ import annotations

import datetime
import enum
import shlex
import tomllib
from collections.abc import Mapping, Set
from pathlib import Path, PurePath
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import tomli_w

from multitide._checks import as_path, suggest
from multitide._folder_kinds import own_folder
from multitide.errors import ParameterError

NONE = "none"  # TOML has no null
TIMES = (
    np.datetime64,
    np.timedelta64,
    datetime.date,
    datetime.time,
    datetime.timedelta,
)

PlainValue: TypeAlias = (
    "bool | int | float | str | datetime.date | datetime.time"
    " | list[PlainValue] | dict[str, PlainValue] | None"
)


# Any: the file may hold anything; who reads a value checks it.
def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file, or raise :class:`ParameterError` with the line that is wrong."""
    path = as_path("config", path)
    if path.is_dir():
        raise ParameterError(_not_a_folder(path))
    if not path.is_file():
        raise ParameterError(
            "`config` must be an existing file; "
            f"got {str(path)!r}.{_similar_file(path)}"
        )
    if path.suffix.lower() in (".csv", ".tsv", ".parquet", ".xlsx", ".ts"):
        raise ParameterError(
            "`config` must be a configuration (.toml); "
            f"got the data file {str(path)!r}. "
            "Create a configuration with: "
            f"multitide init {shlex.quote(str(path))}"
        )
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except RecursionError as error:
        raise ParameterError(
            f"{str(path)!r} must be a configuration; "
            "got tables or lists nested too deeply."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: TOML, UTF-8, too many digits
        raise ParameterError(
            f"{str(path)!r} must be TOML in UTF-8; {error}."
        ) from error


def _not_a_folder(path: Path) -> str:
    described = own_folder(path)
    if described is None:
        described = (
            "is a folder. Create a configuration with: "
            f"multitide init {shlex.quote(str(path))}"
        )
    return f"`config` must be a configuration (.toml); {str(path)!r} {described}"


def toml_text(table: Mapping[str, object]) -> str:
    """Write a table as TOML.

    Parameters
    ----------
    table : mapping of str to object
        Values as :func:`plain_value` takes them. None becomes the text ``"none"``.

    Raises
    ------
    ParameterError
        If a value cannot be written, with its place in the table.
    """
    plain = {}
    for key in table:
        plain[str(key)] = _without_none(plain_value(table[key], str(key)))
    return tomli_w.dumps(plain)


def plain_value(value: object, name: str) -> PlainValue:
    """Return the plain Python value that files hold in place of `value`.

    Parameters
    ----------
    value : object
        A plain value; a NumPy or pandas scalar, array or Index; a date; a time span; a path; an
        enum; or a mapping, sequence or set of these.
    name : str
        The parameter, for the message.

    Returns
    -------
    plain value
        Arrays, sequences and sets become lists; paths and time spans become text; missing values
        become None.

    Raises
    ------
    ParameterError
        If no plain value stands for `value`.
    """
    if isinstance(value, Mapping):
        plain = {}
        for key in value:
            plain[str(key)] = plain_value(value[key], f"{name}.{key}")
        return plain
    if isinstance(value, (np.ndarray, pd.Series, pd.Index)) and value.ndim:
        value = list(value)
    if isinstance(value, Set):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple, range)):
        return [plain_value(inner, name) for inner in value]
    return _plain_scalar(value, name)


def _plain_scalar(value: object, name: str) -> PlainValue:
    if isinstance(value, enum.Enum):
        return plain_value(value.value, name)
    if isinstance(value, np.ndarray):  # of no dimension
        value = value[()]
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, (np.datetime64, np.timedelta64)) and np.isnat(value):
        return None
    if isinstance(value, TIMES):
        return _plain_time(value)
    return _plain_number_or_text(value, name)


def _plain_time(value: object) -> PlainValue:
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, pd.Timestamp):
        moment: datetime.datetime = value.to_pydatetime(warn=False)
        return moment
    if isinstance(value, (datetime.date, datetime.time)):
        return value
    return str(pd.Timedelta(value))


def _plain_number_or_text(value: object, name: str) -> PlainValue:
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value)
    if isinstance(value, str):
        return str(value)
    raise ParameterError(
        f"`{name}` must be a number, a text, a date, a path, "
        "or a table or list of these to be written to a file; "
        f"got {value!r}."
    )


def _without_none(value: PlainValue) -> PlainValue:
    """Return the value with the word for None that configurations use."""
    if value is None:
        return NONE
    if isinstance(value, dict):
        table = {}
        for key, inner in value.items():
            table[key] = _without_none(inner)
        return table
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    return value


def _similar_file(path: Path) -> str:
    if not path.parent.is_dir():
        return ""
    return suggest(path.name, [file.name for file in path.parent.glob("*.toml")])
