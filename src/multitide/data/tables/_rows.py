"""The rows of a long table as arrays: channels as numbers, labels as written, and their order."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from multitide._checks import gathering
from multitide.data._numerals import MAX_NUMERALS, are_codes
from multitide.data._precision import as_values
from multitide.data._rows_text import rows_text
from multitide.data._timestamps import parse_time
from multitide.data.tables._columns import (
    as_codes,
    as_labels,
    as_numbers,
    categories_of,
    kind_of,
)
from multitide.data.tables._findings import Findings
from multitide.data.tables._reading import Reading
from multitide.data.tables._series_ids import clean_ids
from multitide.errors import MultitideWarning

DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)+")
MAX_TEXT_SHARE = 0.1  # of a numeric column; with more text its values are classes
FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Rows:
    """A long table.

    Attributes
    ----------
    values : ndarray of float32 (or float64), shape (n_rows, n_channels)
        Channels; categories as codes.
    labels, fixed : DataFrame, n_rows rows
        The label and weight columns of this table, and its static and extra columns.
    series : ndarray of int64, shape (n_rows,)
        Index into `ids` of each row's series.
    ids : ndarray
        The series as the user named them.
    time : ndarray or None, shape (n_rows,)
    number : ndarray of int64, shape (n_rows,)
        Position of each row within its series, before any row was left out.
    time_style : str or None
        How the times are written, as :class:`Times` has it.
    ends_of_days : bool
        Whether rows stamped 0:00 were the last of their day, and were moved to the next.
    """

    values: np.ndarray
    labels: pd.DataFrame
    fixed: pd.DataFrame
    series: np.ndarray
    ids: np.ndarray
    time: np.ndarray | None
    number: np.ndarray
    time_style: str | None = None
    ends_of_days: bool = False

    def __len__(self) -> int:
        return len(self.series)

    def take(self, index: np.ndarray) -> Self:
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
    data: pd.DataFrame, reading: Reading, columns: Sequence[str], findings: Findings
) -> Rows:
    """Turn a table with known roles into arrays.

    Parameters
    ----------
    data : DataFrame
    reading : Reading
        With `categories` of the channels that have them.
    columns : sequence of str
        The task, weight, static and extra columns to take from this table.
    findings : Findings
        Problems are added: text among numbers, infinite values, rows without series or time.
    """
    values = _channels(data, reading, findings)
    kept: dict[str, pd.Series] = {}
    for name in dict.fromkeys(columns):
        kept[name] = clean_column(data[name], reading, findings)
    codes, ids = _series(data, reading, findings)
    time: np.ndarray | None = None
    time_style = reading.time_style
    if reading.time:
        with gathering(findings.problems):
            times = parse_time(
                data,
                reading.time,
                time_format=reading.time_format,
                style=time_style,
                series=codes,
            )
            time, time_style = times.values, times.style
            findings.note(*times.notes)
    labels = {*reading.label_columns, *reading.weight_columns}
    only_labels = labels - {*reading.static, *reading.extra}
    return Rows(
        values,
        labels=_frame(kept, labels, data.index),
        fixed=_frame(kept, kept.keys() - only_labels, data.index),
        series=codes,
        ids=ids,
        time=time,
        number=position_in_series(codes),
        time_style=time_style,
    )


def find_categories(
    data: pd.DataFrame, reading: Reading, findings: Findings
) -> Reading:
    """Find the categories of the channels that hold text, or that the user calls categories."""
    categories = {}
    for name in reading.channels or ():
        is_text = kind_of(data[name], reading.decimal or ".") == "text"
        if name in reading.category and not is_text:
            categories[name] = categories_of(data[name])
        if is_text:
            categories[name] = categories_of(data[name])
            findings.note(
                f"`{name}` is text: read as {len(categories[name])} categories."
            )
    return replace(reading, categories=categories)


def clean_column(column: pd.Series, reading: Reading, findings: Findings) -> pd.Series:
    """Return labels, static or extra values as the user wrote them, and add what is wrong."""
    name = str(column.name)
    if name in reading.weight_columns and name not in reading.label_columns:
        return pd.Series(_numbers(name, column, reading.decimal, findings))
    if name not in {*reading.static, *reading.label_columns}:
        return as_labels(column)
    kind = kind_of(column, reading.decimal or ".")
    if kind == "time":
        findings.add(f"`{name}` must hold numbers or classes; got times.")
    elif kind in ("number", "mixed"):
        column = _clean_numbers(column, reading.decimal, findings)
    return as_labels(column)


def _frame(
    columns: dict[str, pd.Series], wanted: Collection[str], index: pd.Index
) -> pd.DataFrame:
    chosen = {}
    for name, column in columns.items():
        if name in wanted:
            chosen[name] = column
    return pd.DataFrame(chosen, index=index).reset_index(drop=True)


def position_in_series(codes: np.ndarray) -> np.ndarray:
    """Return the place of each row among the rows of its series."""
    positions: np.ndarray = pd.Series(codes).groupby(codes).cumcount().to_numpy()
    return positions


def _clean_numbers(
    column: pd.Series, decimal: str | None, findings: Findings
) -> pd.Series:
    """Return a column of numbers or numerals; text numerals with few values stay text (classes)."""
    numbers, bad = as_numbers(column, decimal or ".")
    has_many_values = len(np.unique(numbers[~np.isnan(numbers)])) > MAX_NUMERALS
    if len(bad):
        if has_many_values and len(bad) < MAX_TEXT_SHARE * column.notna().sum():
            findings.add(_text_problem(column, bad, decimal))
        return column
    _check_finite(str(column.name), numbers, findings)
    if pd.api.types.is_numeric_dtype(column):
        return column
    if are_codes(column.dropna()):
        return column
    if has_many_values or decimal == ",":
        return pd.Series(numbers, index=column.index)
    return column


def _channels(data: pd.DataFrame, reading: Reading, findings: Findings) -> np.ndarray:
    """Return one column of numbers per channel; of text, the codes of its categories."""
    names = reading.channels or ()
    values = np.full((len(data), len(names)), np.nan)
    for i, name in enumerate(names):
        column = data[name]
        if name in reading.categories:
            values[:, i] = _codes(name, column, reading.categories[name])
        elif kind_of(column, reading.decimal or ".") == "time":
            findings.add(
                f"`{name}` must hold numbers or categories to be a channel; got times."
            )
        else:
            values[:, i] = _numbers(name, column, reading.decimal, findings)
    return as_values(values)


def _codes(name: str, column: pd.Series, categories: tuple[str, ...]) -> np.ndarray:
    codes, unknown = as_codes(column, categories)
    if unknown:
        warnings.warn(
            f"`{name}` has categories that "
            "the training data did not have; "
            f"they are read as missing: {unknown[:5]}.",
            MultitideWarning,
            stacklevel=2,
        )
    return codes


def _numbers(
    name: str, column: pd.Series, decimal: str | None, findings: Findings
) -> np.ndarray:
    numbers, bad = as_numbers(column, decimal or ".")
    if len(bad):
        findings.add(_text_problem(column, bad, decimal))
    _check_finite(name, numbers, findings)
    return np.clip(numbers, -FLOAT32_MAX, FLOAT32_MAX)


def _check_finite(name: str, numbers: np.ndarray, findings: Findings) -> None:
    bad = np.flatnonzero(np.abs(numbers) > FLOAT32_MAX)
    if len(bad):
        findings.add(
            f"`{name}` must be finite or missing; "
            f"got {len(bad)} infinite values in {rows_text(bad)}. "
            "Leave these cells blank if the values are missing."
        )


def _text_problem(column: pd.Series, bad: np.ndarray, decimal: str | None) -> str:
    texts = list(dict.fromkeys(map(str, column.iloc[bad[:20]])))[:3]
    remedy = "Correct or clear these cells, or list the column in `ignore`."
    has_comma = any(DECIMAL_COMMA.fullmatch(text.strip()) for text in texts)
    if decimal != "," and has_comma:
        remedy = (
            'If the comma is a decimal comma, pass decimal=","; '
            'if it separates thousands, pass thousands=",".'
        )
    shown = ", ".join(map(repr, texts))
    return f"`{column.name}` must hold numbers; got text in {rows_text(bad)}: {shown}. {remedy}"


def _series(
    data: pd.DataFrame, reading: Reading, findings: Findings
) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's index into the ids of the series, and the ids."""
    if reading.series is None:
        return np.zeros(len(data), dtype=np.int64), np.zeros(1, dtype=np.int64)
    codes, ids = pd.factorize(clean_ids(data[reading.series]))
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        findings.add(
            f"`{reading.series}` must name a series in every row; "
            f"got none in {rows_text(missing)}."
        )
    return codes.astype(np.int64), np.asarray(ids)
