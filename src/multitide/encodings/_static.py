"""Static inputs: information about a whole series, such as the age of a patient."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from multitide._part import Part
from multitide.data._precision import as_values
from multitide.encodings._double_center import DoubleCenter
from multitide.encodings._scaling import Scale, center_and_scale
from multitide.errors import DataError, MultitideWarning

Category = bool | int | float | str


# What the buffers of a layer do not hold, as JSON values: `categories` and `scale`.
StaticConfig: TypeAlias = dict[str, Any]


@dataclass
class StaticInputs(Part):
    """How static inputs become features.

    Numbers are scaled, and missing ones are replaced by the training mean. For each of them, a 0/1
    feature says where a value is missing (it is always 0 if no training value was missing). Text,
    booleans and pandas categories become one 0/1 feature per category, all 0 if the value is
    missing or did not occur in training.

    Parameters
    ----------
    scale : {"standard", "robust", "none"}, default="standard"
        As in :class:`multitide.Inputs`.
    """

    scale: Scale = "standard"

    def build(self, frame: pd.DataFrame) -> StaticLayer:
        """Return a layer for the static inputs of the training samples, not fitted yet."""
        return StaticLayer.build(frame, self.scale)


class StaticLayer(DoubleCenter):
    """Encodes static inputs; see :class:`StaticInputs`.

    Parameters
    ----------
    categories : mapping of str to sequence or None
        For each column, its categories, or None for numbers.
    scale : {"standard", "robust", "none"}, default="standard"
        How numbers are scaled.

    Attributes
    ----------
    n_features : int
        Number of features per sample.
    """

    fill: Tensor
    indicator: Tensor
    number: Tensor
    category_column: Tensor
    category_code: Tensor

    def __init__(
        self,
        categories: Mapping[str, Sequence[Category] | None],
        scale: Scale = "standard",
    ) -> None:
        super().__init__()
        self.categories: dict[str, list[Category] | None] = {}
        self.scale: Scale = scale
        numbers: list[int] = []
        pairs: list[tuple[int, int]] = []
        for i, (name, known) in enumerate(categories.items()):
            if known is None:
                self.categories[name] = None
                numbers.append(i)
            else:
                self.categories[name] = list(known)
                for code in range(len(known)):
                    pairs.append((i, code))
        codes = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
        self.n_features = 2 * len(numbers) + len(pairs)
        for name in ("center", "fill", "indicator"):
            self.register_buffer(name, torch.zeros(len(numbers)))
        self.register_buffer("gain", torch.ones(len(numbers)))
        self.register_buffer(
            "number", torch.tensor(numbers, dtype=torch.long), persistent=False
        )
        self.register_buffer("category_column", codes[:, 0], persistent=False)
        self.register_buffer("category_code", codes[:, 1], persistent=False)

    @classmethod
    def build(cls, frame: pd.DataFrame, scale: Scale = "standard") -> StaticLayer:
        """Return a layer for the columns of `frame`, with the categories found in it.

        Raises
        ------
        DataError
            With all columns that are neither numbers nor categories (dates, lists).
        """
        problems: list[str] = []
        categories: dict[str, list[Category] | None] = {}
        for name in frame.columns:
            try:
                categories[name] = _find_categories(frame[name])
            except DataError as error:
                problems.append(str(error))
        if problems:
            raise DataError("\n".join(problems))
        return cls(categories, scale)

    @torch.no_grad()
    def fit(self, frame: pd.DataFrame) -> None:
        """Fill the buffers from the static inputs of the training samples.

        Warns
        -----
        MultitideWarning
            If a column has no value; it becomes 0.
        """
        raw = self.encode(frame)
        if raw.dtype == np.float64:
            self.use_double()
        empty = []
        for i, name in enumerate(self.categories):
            if np.isnan(raw[:, i]).all():
                empty.append(name)
        if empty:
            message = f"static inputs {empty} have no value in the training samples and become 0."
            warnings.warn(message, MultitideWarning, stacklevel=3)
        for row, column in enumerate(self.number.tolist()):
            self._fit_number(row, raw[:, column])

    def _fit_number(self, row: int, column: np.ndarray) -> None:
        known = ~np.isnan(column)
        self.indicator[row] = float(known.any() and not known.all())
        if not known.any():
            self.center[row] = self.gain[row] = self.fill[row] = 0.0
            return
        values = column[known].astype(np.float64)
        center, scale = center_and_scale(values, self.scale)
        self.center[row] = center
        self.gain[row] = 1 / scale
        self.fill[row] = (values.mean() - center) / scale

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Return static inputs as numbers, in host memory.

        Parameters
        ----------
        frame : DataFrame, n_samples rows
            The columns of the training samples, in any order; other columns are ignored.

        Returns
        -------
        raw : ndarray of float32 (or float64), shape (n_samples, n_columns)
            Numbers as they are, categories as codes, NaN for missing values.

        Raises
        ------
        DataError
            If a column is missing, or has text where training had numbers.

        Warns
        -----
        MultitideWarning
            If a column has categories that did not occur in training; they count as missing.
        """
        missing = []
        for name in self.categories:
            if name not in frame.columns:
                missing.append(name)
        if missing:
            raise DataError(
                "`static` must have the columns "
                f"{list(self.categories)}; "
                f"{missing} are missing."
            )
        if not self.categories:
            return np.empty((len(frame), 0), np.float32)
        columns = []
        for name, known in self.categories.items():
            columns.append(_encode_column(frame[name], known))
        return as_values(np.stack(columns, axis=1))

    def forward(self, raw: Tensor) -> Tensor:
        """Return features without NaN: (batch, n_columns) -> (batch, n_features).

        They are the scaled numbers, a 0/1 feature per number that says where it is missing, and the
        categories.
        """
        numbers = raw[:, self.number]
        missing = numbers.isnan()
        scaled = torch.where(missing, self.fill, self.scaled(numbers))
        indicators = missing.to(scaled.dtype) * self.indicator
        categories = raw[:, self.category_column] == self.category_code
        return torch.cat([scaled, indicators, categories.to(scaled.dtype)], dim=1)

    def to_config(self) -> StaticConfig:
        """Return what the buffers do not hold."""
        return {"categories": self.categories, "scale": self.scale}

    @classmethod
    def from_config(cls, config: StaticConfig) -> StaticLayer:
        """Rebuild a layer from `to_config`; fill its buffers with ``load_state_dict``."""
        return cls(config["categories"], config["scale"])


def _find_categories(column: pd.Series) -> list[Category] | None:
    """Return the categories of a column, sorted by their text; None for a column of numbers."""
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(
        column.dtype
    ):
        return None
    values = []
    for value in column.dropna().astype(object):
        values.append(_to_python(value))
    if not all(isinstance(value, (str, bool, int, float)) for value in values):
        raise DataError(
            f"`static.{column.name}` must "
            "hold numbers, text or booleans; "
            f"got {column.dtype}. Convert dates to numbers."
        )
    only_numbers = not any(isinstance(value, (str, bool)) for value in values)
    if column.dtype == object and values and only_numbers:
        return None
    return sorted(set(values), key=str)


def _to_python(value: object) -> Category:
    """Convert NumPy scalars to Python values; `_find_categories` refuses other types."""
    if isinstance(value, np.generic):
        value = value.item()
    return cast(Category, value)


def _encode_column(column: pd.Series, known: Sequence[Category] | None) -> np.ndarray:
    """Return a column as float64, with NaN for missing values."""
    if known is None:
        return _encode_numbers(column)
    code_of = {}
    for code, value in enumerate(known):
        code_of[value] = code
    places, values = pd.factorize(column)
    codes = np.full(
        len(values) + 1, np.nan
    )  # the last one is for missing values, at place -1
    unseen = []
    for place, value in enumerate(values):
        if value in code_of:
            codes[place] = code_of[value]
        else:
            unseen.append(value)
    if unseen:
        warnings.warn(
            f"`static.{column.name}` has categories "
            "that did not occur in training: "
            f"{unseen[:5]}; they count as missing.",
            MultitideWarning,
            stacklevel=4,
        )
    encoded: np.ndarray = codes[places]
    return encoded


def _encode_numbers(column: pd.Series) -> np.ndarray:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        return column.to_numpy(dtype=np.float64)  # type: ignore[no-any-return]
    numbers = pd.to_numeric(column, errors="coerce")
    bad = column[numbers.isna() & column.notna()]
    if len(bad):
        raise DataError(
            f"`static.{column.name}` must "
            "hold numbers, as in training; "
            f"got {bad.iloc[0]!r}."
        )
    encoded: np.ndarray = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return encoded
