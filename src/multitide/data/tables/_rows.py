"""The rows of a long table as arrays: numbers for channels, labels as written, and the order they stand in."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from multitide.data._timestamps import parse_time, rows_text
from multitide.data.tables._columns import as_codes, as_labels, as_numbers, categories_of, kind_of
from multitide.data.tables._reading import Reading
from multitide.errors import DataError, MultitideWarning

DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)+")
MAX_NUMERALS = 10  # text of more distinct numbers than this is a column of numbers, not of classes
FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Rows:
    """A long table.

    Attributes
    ----------
    values : ndarray of float32, shape (n_rows, n_channels)
        Channels; categories as codes.
    labels, fixed : DataFrame, n_rows rows
        The label columns of this table, and its static and extra columns.
    series : ndarray of int64, shape (n_rows,)
        Place of each row's series in `ids`.
    ids : ndarray
        The series as the user named them.
    time : ndarray or None, shape (n_rows,)
    number : ndarray of int64, shape (n_rows,)
        Place of each row in its series before any row was left out.
    """

    values: np.ndarray
    labels: pd.DataFrame
    fixed: pd.DataFrame
    series: np.ndarray
    ids: np.ndarray
    time: np.ndarray | None
    number: np.ndarray

    def __len__(self) -> int:
        return len(self.series)

    def take(self, index: Any) -> Self:
        """Return some rows, in the order of `index`."""
        return dataclasses.replace(
            self,
            values=self.values[index],
            labels=self.labels.iloc[index].reset_index(drop=True),
            fixed=self.fixed.iloc[index].reset_index(drop=True),
            series=self.series[index],
            time=None if self.time is None else self.time[index],
            number=self.number[index],
        )


def make_rows(
    data: pd.DataFrame, reading: Reading, columns: Sequence[str], problems: list[str]
) -> tuple[Rows, Reading]:
    """Turn a table with known roles into arrays.

    Parameters
    ----------
    data : DataFrame
    reading : Reading
        With `categories` for the channels that have them.
    columns : sequence of str
        The tasks', static and extra columns that come from this table.
    problems : list of str
        What is wrong is added here: text among numbers, infinite values, rows without series or
        time.
    """
    time: np.ndarray | None = None
    notes: list[str] = []
    values = _channels(data, reading, problems)
    kept = {
        column: clean_column(data[column], reading, problems) for column in dict.fromkeys(columns)
    }
    codes, ids = _series(data, reading, problems)
    if reading.time:
        try:
            time, notes = parse_time(data, reading.time)
        except DataError as error:
            problems.append(str(error))
    tasks = {task.column for task in reading.tasks or ()}
    labels, fixed = (
        pd.DataFrame(
            {name: column for name, column in kept.items() if (name in names) == wanted},
            index=data.index,
        )
        for names, wanted in ((tasks, True), (tasks - {*reading.static, *reading.extra}, False))
    )
    number = pd.Series(codes).groupby(codes).cumcount().to_numpy()
    rows = Rows(
        values,
        labels.reset_index(drop=True),
        fixed.reset_index(drop=True),
        codes,
        ids,
        time,
        number,
    )
    return rows, reading.noted(*notes)


def find_categories(data: pd.DataFrame, reading: Reading) -> Reading:
    """Learn the categories of the channels that hold text."""
    names = [
        name
        for name in reading.channels or ()
        if kind_of(data[name], reading.decimal or ".") == "text"
    ]
    found = {name: categories_of(data[name]) for name in names}
    notes = [
        f"`{name}` is text: read as {len(values)} categories." for name, values in found.items()
    ]
    return replace(reading.noted(*notes), categories=found)


def clean_column(column: pd.Series, reading: Reading, problems: list[str]) -> pd.Series:
    """Return labels or static values as the user wrote them; what is wrong with them is added to `problems`."""
    name = str(column.name)
    if name not in {*reading.static, *(task.column for task in reading.tasks or ())}:
        return as_labels(column)
    kind = kind_of(column, reading.decimal or ".")
    if kind == "time":
        problems.append(f"`{name}` must hold numbers or classes; got times.")
    elif kind in ("number", "mixed"):
        numbers, bad = as_numbers(column, reading.decimal or ".")
        is_many = len(np.unique(numbers[~np.isnan(numbers)])) > MAX_NUMERALS
        if len(bad) and is_many and len(bad) < 0.1 * column.notna().sum():
            problems.append(_text_problem(column, bad, reading.decimal))
        elif (
            not len(bad)
            and (is_many or reading.decimal == ",")
            and not pd.api.types.is_numeric_dtype(column)
        ):
            column = pd.Series(numbers, index=column.index)
        if not len(bad):
            _check_finite(name, numbers, problems)
    return as_labels(column)


def _channels(data: pd.DataFrame, reading: Reading, problems: list[str]) -> np.ndarray:
    """Fill one float32 column a channel; of text, the codes of its categories."""
    values = np.full((len(data), len(reading.channels or ())), np.nan, dtype=np.float32)
    for i, name in enumerate(reading.channels or ()):
        column = data[name]
        kind = kind_of(column, reading.decimal or ".")
        if name in reading.categories:
            values[:, i] = _codes(name, column, reading.categories[name])
        elif kind == "time":
            problems.append(f"`{name}` must hold numbers or categories to be a channel; got times.")
        else:
            values[:, i] = _numbers(name, column, reading.decimal, problems)
    return values


def _codes(name: str, column: pd.Series, categories: tuple[Any, ...]) -> np.ndarray:
    codes, unknown = as_codes(column, categories)
    if unknown:
        warnings.warn(
            f"`{name}` has categories that were not there when the model was trained, read as missing: {unknown[:5]}.",
            MultitideWarning,
            stacklevel=2,
        )
    return codes


def _numbers(name: str, column: pd.Series, decimal: str | None, problems: list[str]) -> np.ndarray:
    numbers, bad = as_numbers(column, decimal or ".")
    if len(bad):
        problems.append(_text_problem(column, bad, decimal))
    _check_finite(name, numbers, problems)
    return np.clip(numbers, -FLOAT32_MAX, FLOAT32_MAX)


def _check_finite(name: str, numbers: np.ndarray, problems: list[str]) -> None:
    bad = np.flatnonzero(np.abs(numbers) > FLOAT32_MAX)
    if len(bad):
        problems.append(
            f"`{name}` must be finite or missing; got {len(bad)} infinite values in {rows_text(bad)}. "
            "Replace them by blanks if nobody measured them."
        )


def _text_problem(column: pd.Series, bad: np.ndarray, decimal: str | None) -> str:
    found = list(dict.fromkeys(str(value) for value in column.iloc[bad[:20]]))[:3]
    remedy = "Mend or blank these cells, or name the column in `ignore`."
    if decimal != "," and any(DECIMAL_COMMA.fullmatch(value.strip()) for value in found):
        remedy = (
            'If the comma is a decimal one, say decimal=","; if it parts thousands, take it out.'
        )
    shown = ", ".join(repr(value) for value in found)
    return f"`{column.name}` must hold numbers; got text in {rows_text(bad)}: {shown}. {remedy}"


def _series(
    data: pd.DataFrame, reading: Reading, problems: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    if reading.series is None:
        return np.zeros(len(data), dtype=np.int64), np.zeros(1, dtype=np.int64)
    codes, ids = pd.factorize(data[reading.series])
    if (missing := np.flatnonzero(codes < 0)).size:
        problems.append(
            f"`{reading.series}` must name a series in every row; got none in {rows_text(missing)}."
        )
    return codes.astype(np.int64), np.asarray(ids)


def sort_rows(rows: Rows, reading: Reading) -> tuple[Rows, Reading]:
    """Put series one after another, each in time, and say so if that changed the order in a series."""
    order = np.lexsort((rows.number, *(() if rows.time is None else (rows.time,)), rows.series))
    if (order == np.arange(len(rows))).all():
        return rows, reading
    sorted_rows = rows.take(order)
    same = np.diff(sorted_rows.series) == 0
    if (np.diff(sorted_rows.number)[same] < 0).any():
        reading = reading.noted("The rows were not in the order of time: sorted.")
    number = pd.Series(sorted_rows.series).groupby(sorted_rows.series).cumcount().to_numpy()
    return replace(sorted_rows, number=number), reading


def drop_incomplete(rows: Rows, reading: Reading, columns: list[str]) -> tuple[Rows, Reading]:
    """Leave out rows in which a channel, or a label among `columns`, is missing."""
    keep = ~np.isnan(rows.values).any(axis=1) & ~rows.labels[columns].isna().any(axis=1).to_numpy()
    if keep.all():
        return rows, reading
    if not keep.any():
        raise DataError(
            '`missing_rows` must leave some rows; got "drop", and every row misses a channel or a label.'
        )
    note = f"{(~keep).sum()} of {len(rows)} rows miss a channel or a label: dropped."
    return rows.take(np.flatnonzero(keep)), reading.noted(note)
