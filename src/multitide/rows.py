"""The rows of a long table as arrays: numbers for channels, labels as written, and the order they stand in."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from multitide.columns import as_codes, as_labels, as_numbers, categories_of, kind_of
from multitide.errors import DataError, MultitideWarning
from multitide.reading import Reading
from multitide.timestamps import parse_time, rows_text

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


def make_rows(data: pd.DataFrame, reading: Reading, label_columns: list[str], fixed: list[str]) -> tuple[Rows, Reading]:
    """Turn a table with known roles into arrays.

    Raises
    ------
    DataError
        With every problem found: text among numbers, infinite values, rows without series or time.
    """
    problems: list[str] = []
    values, categories = _channels(data, reading, problems)
    cleaned = {column: clean_labels(data[column], reading.decimal, problems) for column in label_columns}
    labels = pd.DataFrame(cleaned, index=data.index)
    codes, ids = _series(data, reading, problems)
    time: np.ndarray | None = None
    notes: list[str] = []
    if reading.time:
        try:
            time, notes = parse_time(data, reading.time)
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    number = pd.Series(codes).groupby(codes).cumcount().to_numpy()
    rows = Rows(values, labels.reset_index(drop=True), _fixed(data, fixed), codes, ids, time, number)
    return rows, replace(reading, categories=categories, assumed=(*reading.assumed, *notes))


def clean_labels(column: pd.Series, decimal: str | None, problems: list[str]) -> pd.Series:
    """Return labels as the user wrote them; what is wrong with them is added to `problems`."""
    name = column.name
    kind = kind_of(column, decimal or ".")
    if kind == "time":
        problems.append(f"`{name}` must hold numbers or classes to be a task; got times.")
    if kind == "mixed" or (kind == "number" and decimal == ","):
        numbers, bad = as_numbers(column, decimal or ".")
        measured = ~np.isnan(numbers)
        if len(bad) and measured.sum() >= 9 * len(bad) and len(np.unique(numbers[measured])) > 10:
            problems.append(_text_problem(column, bad, decimal))
        elif not len(bad):
            column = pd.Series(numbers, index=column.index)
    if kind == "number" and pd.api.types.is_float_dtype(column):
        _check_finite(str(name), column.to_numpy(dtype=np.float64, na_value=np.nan), problems)
    return as_labels(column)


def _channels(
    data: pd.DataFrame, reading: Reading, problems: list[str]
) -> tuple[np.ndarray, dict[str, tuple[Any, ...]]]:
    """Fill one float32 column a channel; of text, the codes of its categories."""
    values = np.empty((len(data), len(reading.channels or ())), dtype=np.float32)
    categories = dict(reading.categories)
    for i, name in enumerate(reading.channels or ()):
        column = data[name]
        kind = kind_of(column, reading.decimal or ".")
        if name in categories or kind == "text":
            categories.setdefault(name, categories_of(column))
            values[:, i] = _codes(name, column, categories[name])
        elif kind == "time":
            problems.append(f"`{name}` must hold numbers or categories to be a channel; got times.")
        else:
            values[:, i] = _numbers(name, column, reading.decimal, problems)
    return values, categories


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
    if decimal != "," and any(value.replace(",", "", 1).strip("+-").isdigit() for value in found):
        remedy = 'If the comma is a decimal one, say decimal=",".'
    shown = ", ".join(repr(value) for value in found)
    return f"`{column.name}` must hold numbers; got text in {rows_text(bad)}: {shown}. {remedy}"


def _series(data: pd.DataFrame, reading: Reading, problems: list[str]) -> tuple[np.ndarray, np.ndarray]:
    if reading.series is None:
        return np.zeros(len(data), dtype=np.int64), np.zeros(1, dtype=np.int64)
    codes, ids = pd.factorize(data[reading.series])
    if (missing := np.flatnonzero(codes < 0)).size:
        problems.append(f"`{reading.series}` must name a series in every row; got none in {rows_text(missing)}.")
    return codes.astype(np.int64), np.asarray(ids)


def _fixed(data: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    cleaned = {c: as_labels(data[c]) for c in dict.fromkeys(columns)}
    return pd.DataFrame(cleaned, index=data.index).reset_index(drop=True)


def sort_rows(rows: Rows, reading: Reading) -> tuple[Rows, Reading]:
    """Put series one after another, each in time, and say so if that changed the order in a series."""
    order = np.lexsort((rows.number, *(() if rows.time is None else (rows.time,)), rows.series))
    if (order == np.arange(len(rows))).all():
        return rows, reading
    sorted_rows = rows.take(order)
    same = np.diff(sorted_rows.series) == 0
    if (np.diff(sorted_rows.number)[same] < 0).any():
        reading = replace(reading, assumed=(*reading.assumed, "The rows were not in the order of time: sorted."))
    number = pd.Series(sorted_rows.series).groupby(sorted_rows.series).cumcount().to_numpy()
    return replace(sorted_rows, number=number), reading


def drop_incomplete(rows: Rows, reading: Reading, columns: list[str]) -> tuple[Rows, Reading]:
    """Leave out rows in which a channel, or a label among `columns`, is missing."""
    keep = ~np.isnan(rows.values).any(axis=1) & ~rows.labels[columns].isna().any(axis=1).to_numpy()
    if keep.all():
        return rows, reading
    if not keep.any():
        raise DataError('`missing_rows` must leave some rows; got "drop", and every row misses a channel or a label.')
    note = f"{(~keep).sum()} of {len(rows)} rows miss a channel or a label: dropped."
    return rows.take(np.flatnonzero(keep)), replace(reading, assumed=(*reading.assumed, note))
