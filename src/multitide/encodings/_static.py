"""Static inputs: what is known of a whole series (age of a patient, type of a machine), as numbers a head can read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from multitide._part import Part
from multitide.encodings._scaling import Scale, center_and_scale
from multitide.errors import DataError, MultitideWarning


@dataclass
class StaticInputs(Part):
    """How static inputs become features.

    Numbers are scaled, the training mean stands in for missing ones, and a 0/1 feature says where
    it does (it stays 0 if no training value was missing). Text, booleans and pandas categories
    become one 0/1 feature a category, all 0 where the value is missing or was not there in
    training.

    Parameters
    ----------
    scale : {"standard", "robust", "none"}, default="standard"
        As in :class:`multitide.encodings._inputs.Inputs`.
    """

    scale: Scale = "standard"

    def build(self, frame: pd.DataFrame) -> StaticLayer:
        """Return a layer for the columns of `frame`, the static inputs of the training samples; fit it on them too."""
        return StaticLayer.build(frame, self.scale)


class StaticLayer(nn.Module):
    """Encodes static inputs; see :class:`StaticInputs`.

    Parameters
    ----------
    categories : mapping of str to sequence or None
        The columns: their categories, or None for numbers.
    scale : {"standard", "robust", "none"}, default="standard"
        How numbers are scaled.

    Attributes
    ----------
    n_features : int
        Number of features it gives.
    """

    center: Tensor
    gain: Tensor
    fill: Tensor
    indicator: Tensor
    number: Tensor
    category_column: Tensor
    category_code: Tensor

    def __init__(
        self, categories: Mapping[str, Sequence[Any] | None], scale: Scale = "standard"
    ) -> None:
        super().__init__()
        self.categories = {
            name: None if known is None else list(known) for name, known in categories.items()
        }
        self.scale: Scale = scale
        numbers = [i for i, known in enumerate(self.categories.values()) if known is None]
        pairs = [
            (i, code)
            for i, known in enumerate(self.categories.values())
            for code in range(len(known or ()))
        ]
        codes = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
        self.n_features = 2 * len(numbers) + len(pairs)
        for name in ("center", "fill", "indicator"):
            self.register_buffer(name, torch.zeros(len(numbers)))
        self.register_buffer("gain", torch.ones(len(numbers)))
        self.register_buffer("number", torch.tensor(numbers, dtype=torch.long), persistent=False)
        self.register_buffer("category_column", codes[:, 0], persistent=False)
        self.register_buffer("category_code", codes[:, 1], persistent=False)

    @classmethod
    def build(cls, frame: pd.DataFrame, scale: Scale = "standard") -> StaticLayer:
        """Return a layer for the columns of `frame`, with the categories found in it.

        Raises
        ------
        DataError
            That lists the columns that are neither numbers nor categories (dates, lists).
        """
        problems: list[str] = []
        kinds: dict[str, list[Any] | None] = {}
        for name in frame.columns:
            try:
                kinds[name] = _categories(frame[name])
            except DataError as error:
                problems.append(str(error))
        if problems:
            raise DataError("\n".join(problems))
        return cls(kinds, scale)

    @torch.no_grad()
    def fit(self, frame: pd.DataFrame) -> None:
        """Fill the buffers from the static inputs of the training samples.

        Warns
        -----
        MultitideWarning
            If a column has no value: it becomes 0.
        """
        raw = self.encode(frame)
        empty = [name for i, name in enumerate(self.categories) if np.isnan(raw[:, i]).all()]
        if empty:
            message = f"static inputs {empty} have no value in the training samples and become 0."
            warnings.warn(message, MultitideWarning, stacklevel=3)
        for row, column in enumerate(self.number.tolist()):
            measured = ~np.isnan(raw[:, column])
            self.indicator[row] = float(measured.any() and not measured.all())
            self.center[row], self.gain[row], self.fill[row] = 0.0, 0.0, 0.0
            if measured.any():
                values = raw[measured, column].astype(np.float64)
                center, scale = center_and_scale(values, self.scale)
                self.center[row], self.gain[row], self.fill[row] = (
                    center,
                    1 / scale,
                    (values.mean() - center) / scale,
                )

    def encode(self, frame: pd.DataFrame) -> np.ndarray:
        """Return static inputs as numbers, on the host.

        Parameters
        ----------
        frame : DataFrame, n_samples rows
            The columns of the training samples, in any order; others are ignored.

        Returns
        -------
        raw : ndarray of float32, shape (n_samples, n_columns)
            Numbers as they are, categories as codes, NaN where missing.

        Raises
        ------
        DataError
            If a column is missing, or has text where training had numbers.

        Warns
        -----
        MultitideWarning
            If a column has categories that training had not: they count as missing.
        """
        missing = [name for name in self.categories if name not in frame.columns]
        if missing:
            raise DataError(
                f"`static` must have the columns {list(self.categories)}; {missing} are not there."
            )
        columns = [_encode_column(frame[name], known) for name, known in self.categories.items()]
        return (
            np.stack(columns, axis=1).astype(np.float32)
            if columns
            else np.empty((len(frame), 0), np.float32)
        )

    def forward(self, raw: Tensor) -> Tensor:
        """Return features without NaN: (batch, n_columns) -> (batch, n_features).

        They are the scaled numbers, whether each of them was missing, then the categories.
        """
        numbers = raw[:, self.number]
        missing = numbers.isnan()
        scaled = torch.where(missing, self.fill, (numbers - self.center) * self.gain)
        categories = raw[:, self.category_column] == self.category_code
        return torch.cat(
            [scaled, missing.to(raw.dtype) * self.indicator, categories.to(raw.dtype)], dim=1
        )

    def to_config(self) -> dict[str, Any]:
        """Return what the buffers do not hold, as plain JSON values."""
        return {"categories": self.categories, "scale": self.scale}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> StaticLayer:
        """Rebuild a layer from `to_config`; the buffers are filled by ``load_state_dict``."""
        return cls(config["categories"], config["scale"])


def _categories(column: pd.Series) -> list[Any] | None:
    """Return a column's categories, sorted by how they are written, or None for a column of numbers."""
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return None
    values = [
        value.item() if isinstance(value, np.generic) else value
        for value in column.dropna().astype(object)
    ]
    if not all(isinstance(value, (str, bool, int, float)) for value in values):
        raise DataError(
            f"`static.{column.name}` must hold numbers, text or booleans; got {column.dtype}. Turn dates into numbers."
        )
    only_numbers = not any(isinstance(value, (str, bool)) for value in values)
    return (
        None if column.dtype == object and values and only_numbers else sorted(set(values), key=str)
    )


def _encode_column(column: pd.Series, known: Sequence[Any] | None) -> np.ndarray:
    """Return a column as float64, with NaN where it is missing."""
    if known is None:
        numbers = pd.to_numeric(column, errors="coerce")
        bad = column[numbers.isna() & column.notna()]
        if len(bad):
            raise DataError(
                f"`static.{column.name}` must hold numbers, as in training; got {bad.iloc[0]!r}."
            )
        return numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    codes = {value: code for code, value in enumerate(known)}
    unseen = [value for value in pd.unique(column.dropna()) if value not in codes]
    if unseen:
        warnings.warn(
            f"`static.{column.name}` has categories that training had not: {unseen[:5]}; they count as missing.",
            MultitideWarning,
            stacklevel=4,
        )
    return column.astype(object).map(codes).to_numpy(dtype=np.float64, na_value=np.nan)
