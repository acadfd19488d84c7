"""What the training data looked like, column by column: stored with a model to find drift later.

A column of numbers is kept as its quantiles, a column of categories as their shares. How far parts
of the training data lie from the whole is kept too, by size: new data of that size may lie as far
away without any drift, however strongly their rows depend on each other.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
import pandas as pd
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from multitide.model._parts import (
    Arrangement,
    Features,
    Parts,
    parts_of,
)

N_QUANTILES = 101
ENOUGH = 0.8  # of the largest number of parts
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Kind: TypeAlias = Literal["number", "category"]
Source: TypeAlias = Literal[
    "channel", "static", "length", "step", "label", "prediction"
]


class ColumnProfile(BaseModel):
    """One column as training knew it.

    Attributes
    ----------
    source, name, kind : str
        What it is of, its name, and whether it holds numbers or categories.
    n_samples : int
        How many samples it stands for.
    missing : float
        Share of missing values.
    quantiles : list of float
        From the smallest to the largest value; empty for categories and without any value.
    categories, shares : list of str, list of float
        The categories, and the share of each among the known values.
    level, spread : float
        Means of the :class:`Features` of samples; NaN stands as None.
    constant : float
        Share of the samples whose values are all equal; None if samples have one value.
    parts : list of Parts
        How far parts lie from the whole, by order and size, the smallest first.
    """

    model_config = ConfigDict(extra="forbid")
    source: Source
    name: str
    kind: Kind
    n_samples: PositiveInt
    missing: Share
    quantiles: list[FiniteFloat] = []
    categories: list[str] = []
    shares: list[Share] = []
    level: FiniteFloat | None = None
    spread: FiniteFloat | None = None
    constant: Share | None = None
    parts: list[Parts] = []

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sorted(self.quantiles) != self.quantiles:
            raise ValueError("`quantiles` must ascend")
        if len(self.quantiles) not in (0, N_QUANTILES):
            raise ValueError(f"`quantiles` must be {N_QUANTILES}")
        if len(self.categories) != len(self.shares):
            raise ValueError("`shares` must have one share per category")
        return self

    def parts_for(self, n_samples: int) -> list[Parts]:
        """Return, for each order, the parts that new samples are like.

        They are no larger than the new data (or the smallest ones), and of these the largest of
        which there are about as many as of any: smaller parts lie no nearer, but a few large ones
        say less.
        """
        by_order: dict[str, list[Parts]] = {}
        for each in self.parts:
            sizes = by_order.setdefault(each.order, [])
            if not sizes or each.n_samples <= n_samples:
                sizes.append(each)
        found = []
        for sizes in by_order.values():
            most = max(each.n_parts for each in sizes)
            found.append([each for each in sizes if each.n_parts >= ENOUGH * most][-1])
        return found

    def features(self, values: np.ndarray) -> Features:
        """Return the features of samples, from their values, (n_samples, n_values)."""
        known = known_values(values, self.kind)
        missing = 1 - known.mean(axis=1)
        nothing = np.full(len(values), np.nan)
        if self.kind == "category" or not self.quantiles:
            return Features(nothing, nothing, missing, nothing)
        quantiles = np.array(self.quantiles)
        width = usual_width(quantiles) or 1.0
        numbers = np.where(known, values.astype(float), np.nan)
        scaled = np.arcsinh((numbers - quantiles[N_QUANTILES // 2]) / width)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # samples without any value
            level = np.nanmean(scaled, axis=1)
            if values.shape[1] == 1:
                return Features(level, nothing, missing, nothing)
            spread = np.nanstd(scaled, axis=1)
            constant = (np.nanmin(numbers, axis=1) == np.nanmax(numbers, axis=1)) * 1.0
        constant[known.sum(axis=1) < 2] = np.nan
        return Features(level, spread, missing, constant)


class TrainingProfile(BaseModel):
    """The columns of one data set of a model.

    Attributes
    ----------
    data : str
        Name of the data set.
    n_samples : int
        Size of its training set.
    columns : list of ColumnProfile
    """

    model_config = ConfigDict(extra="forbid")
    data: str
    n_samples: NonNegativeInt
    columns: list[ColumnProfile]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not all(column.parts for column in self.columns):
            raise ValueError("`parts` must have at least one size")
        return self


def profile_column(
    source: Source,
    name: str,
    kind: Kind,
    values: np.ndarray,
    n_samples: int,
    arranged: Sequence[Arrangement],
) -> ColumnProfile:
    """Return the profile of a column.

    Parameters
    ----------
    source, name, kind : str
        See :class:`ColumnProfile`.
    values : ndarray, shape (n_used, n_values)
        Values of evenly spaced training samples, in their order; text for categories. NaN and None
        are missing.
    n_samples : int
        Size of the training set that they stand for.
    arranged : sequence of Arrangement
        The samples in the orders in which parts of them are looked at.
    """
    known = known_values(values, kind)
    missing = float(1 - known.mean())
    column = ColumnProfile(
        source=source, name=name, kind=kind, n_samples=n_samples, missing=missing
    )
    if kind == "category":
        categories, counts = np.unique(values[known].astype(str), return_counts=True)
        column.categories = categories.tolist()
        column.shares = (counts / max(counts.sum(), 1)).tolist()
    elif known.any():
        levels = np.linspace(0, 1, N_QUANTILES)
        column.quantiles = np.quantile(
            values[known].astype(float), levels, method="inverted_cdf"
        ).tolist()
    features = column.features(values)
    level, spread, _, constant = features.means()
    column.level = None if np.isnan(level) else float(level)
    column.spread = None if np.isnan(spread) else float(spread)
    column.constant = None if np.isnan(constant) else float(constant)
    counts = _counts(column, values, known)
    for each in arranged:
        column.parts += _parts(column, features, counts, n_samples, each)
    return column


def known_values(values: np.ndarray, kind: Kind) -> np.ndarray:
    """Return which values are no missing ones."""
    known: np.ndarray
    if kind == "number":
        known = np.isfinite(values.astype(float))
    else:
        known = ~pd.isna(values)
    return known


def places_of(column: ColumnProfile, values: np.ndarray) -> np.ndarray:
    """Return the place of each known value: 0 and the last one lie outside.

    The places of numbers alternate between the gaps between quantiles and these themselves, so
    that values that repeat are counted rightly. Those of categories are their positions, from 1.
    """
    if column.kind == "category":
        position = {name: i for i, name in enumerate(column.categories, start=1)}
        outside = len(column.categories) + 1
        return np.array(
            [position.get(str(value), outside) for value in values], dtype=np.int64
        )
    grid = np.unique(column.quantiles)
    if not len(grid):
        return np.zeros(0, dtype=np.int64)
    numbers = values.astype(float)
    below = np.searchsorted(grid, numbers, side="left")
    is_on_grid = grid[np.minimum(below, len(grid) - 1)] == numbers
    return np.asarray(2 * below + is_on_grid, dtype=np.int64)


def expected_shares(column: ColumnProfile) -> np.ndarray:
    """Return the share of training values at each place."""
    if column.kind == "category":
        return np.array([0.0, *column.shares, 0.0])
    grid, first, counts = np.unique(
        column.quantiles, return_index=True, return_counts=True
    )
    shares = np.zeros(2 * len(grid) + 1)
    if not len(grid):
        return shares
    # A value that fills several quantiles has their mass; the rest lies evenly in between.
    below = first / (N_QUANTILES - 1)
    until = (first + counts - 1) / (N_QUANTILES - 1)
    shares[1::2] = until - below
    shares[2:-1:2] = below[1:] - until[:-1]
    return shares


def distances_of(kind: Kind, gaps: np.ndarray) -> np.ndarray:
    """Return the distance of distributions over the places, given the differences of shares."""
    if kind == "category":
        return np.asarray(np.abs(gaps).sum(axis=-1) / 2)
    return np.asarray(np.abs(np.cumsum(gaps, axis=-1)).max(axis=-1))


def usual_width(quantiles: np.ndarray) -> float:
    """Return the interquartile range, or the range if that is 0."""
    quarter = (N_QUANTILES - 1) // 4
    width = quantiles[-1 - quarter] - quantiles[quarter]
    return float(width or quantiles[-1] - quantiles[0])


def _parts(
    column: ColumnProfile,
    features: Features,
    counts: np.ndarray,
    n_samples: int,
    arranged: Arrangement,
) -> list[Parts]:
    """Return how far parts lie from the rest, by size."""
    n_used = len(counts)
    counts = counts[arranged.rows]
    features = Features(*(feature[arranged.rows] for feature in features))
    sums = np.concatenate([np.zeros_like(counts[:1]), counts.cumsum(axis=0)])
    found = []
    for size, starts in arranged.parts:
        distances = _of_blocks(sums, starts, starts + size, column.kind)
        n_of_size = max(1, round(size * n_samples / n_used))
        found.append(
            parts_of(features, distances, starts, size, arranged.order, n_of_size)
        )
    return found


def _counts(column: ColumnProfile, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the number of values of each sample at each place; the last column: missing ones."""
    n_places = len(expected_shares(column))
    places = np.full(values.shape, n_places)
    places[known] = places_of(column, values[known])
    sample = np.arange(len(values))[:, None] * (n_places + 1)
    flat = np.bincount(
        (sample + places).reshape(-1), minlength=len(values) * (n_places + 1)
    )
    return flat.reshape(len(values), n_places + 1)


def _of_blocks(
    sums: np.ndarray, starts: np.ndarray, ends: np.ndarray, kind: Kind
) -> np.ndarray:
    """Return how far the distributions of blocks lie from those of the rest, (n_blocks,)."""
    inside = (sums[ends] - sums[starts])[:, :-1]
    outside = sums[-1, :-1] - inside
    n_inside, n_outside = inside.sum(axis=1), outside.sum(axis=1)
    gaps = inside / np.maximum(n_inside, 1)[:, None]
    gaps = gaps - outside / np.maximum(n_outside, 1)[:, None]
    known = (n_inside > 0) & (n_outside > 0)
    distances: np.ndarray = np.where(known, distances_of(kind, gaps), 0.0)
    return distances
