"""What the training data looked like, column by column: stored with a model to find drift later.

A column of numbers is kept as its quantiles, a column of categories as their shares. How far parts
of the training data lie from the whole is kept too: blocks of neighbouring samples, and blocks of
the same series, of several sizes. New data of that size are expected to lie as far away without any
drift, however strongly their rows depend on each other.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Self, TypeAlias

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

N_QUANTILES = 101
N_SIZES = 6  # of blocks
N_BLOCKS = 10  # of each size and order
MOST_USUAL = 0.45  # so that a complete difference is never usual
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Kind: TypeAlias = Literal["number", "category"]
Source: TypeAlias = Literal[
    "channel", "static", "length", "step", "label", "prediction"
]


class Usual(BaseModel):
    """How far blocks of so many samples of the training set lie from the rest of it, at most.

    Attributes
    ----------
    n_samples : int
        Size of the blocks.
    distance : float
        See :class:`Difference`.
    missing : float
        Difference of the shares of missing values.
    """

    model_config = ConfigDict(extra="forbid")
    n_samples: PositiveInt
    distance: Share
    missing: Share


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
    usual : list of Usual
        By size of block, the smallest first.
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
    usual: list[Usual] = []

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sorted(self.quantiles) != self.quantiles:
            raise ValueError("`quantiles` must ascend")
        if len(self.quantiles) not in (0, N_QUANTILES):
            raise ValueError(f"`quantiles` must be {N_QUANTILES}")
        if len(self.categories) != len(self.shares):
            raise ValueError("`shares` must have one share per category")
        return self

    def usual_for(self, n_samples: int) -> Usual:
        """Return what is usual for so many samples: that of the next smaller blocks.

        For more samples than the largest blocks it shrinks with the root of the sizes.
        """
        found = self.usual[0]
        for each in self.usual:
            if each.n_samples <= n_samples:
                found = each
        shrunk = 1.0
        if found is self.usual[-1]:
            size, whole = found.n_samples, self.n_samples
            of_blocks = 1 / size + 1 / max(whole - size, 1)
            of_new = 1 / max(n_samples, size) + 1 / whole
            shrunk = min(1.0, (of_new / of_blocks) ** 0.5)
        return Usual(
            n_samples=found.n_samples,
            distance=min(found.distance * shrunk, MOST_USUAL),
            missing=min(found.missing * shrunk, MOST_USUAL),
        )


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
        if not all(column.usual for column in self.columns):
            raise ValueError("`usual` must have at least one size of blocks")
        return self


class Difference(NamedTuple):
    """How far values lie from a column of the training set.

    Attributes
    ----------
    distance : float
        Largest difference of the distribution functions (Kolmogorov-Smirnov); of categories, half
        the sum of the differences of shares (total variation). NaN if one has no value.
    shift : float
        Mean distance of the quantiles, over the interquartile range of training (Wasserstein);
        NaN for categories.
    missing : float
        Share of missing values.
    outside : float
        Share of the known values outside the range, or of categories that training did not have.
    """

    distance: float
    shift: float
    missing: float
    outside: float


def profile_column(
    source: Source,
    name: str,
    kind: Kind,
    values: np.ndarray,
    n_samples: int,
    by_series: np.ndarray,
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
    by_series : ndarray of int, shape (n_used,)
        The order in which samples of a series follow one another.
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
    column.usual = _usual(column, values, known, n_samples, by_series)
    return column


def known_values(values: np.ndarray, kind: Kind) -> np.ndarray:
    """Return which values are no missing ones."""
    known: np.ndarray
    if kind == "number":
        known = np.isfinite(values.astype(float))
    else:
        known = ~pd.isna(values)
    return known


def difference(column: ColumnProfile, values: np.ndarray) -> Difference:
    """Return how far new values, of any shape, lie from a column of the training set."""
    known = known_values(values, column.kind)
    missing = float(1 - known.mean())
    places = _places(column, values[known])
    expected = _expected(column)
    if not len(places) or not expected.sum():
        return Difference(np.nan, np.nan, missing, np.nan)
    counts = np.bincount(places, minlength=len(expected))
    return Difference(
        distance=float(_distances(column.kind, counts / counts.sum() - expected)),
        shift=_shift(column, values[known]),
        missing=missing,
        outside=float(counts[0] + counts[-1]) / counts.sum(),
    )


def _places(column: ColumnProfile, values: np.ndarray) -> np.ndarray:
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


def _expected(column: ColumnProfile) -> np.ndarray:
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


def _distances(kind: Kind, gaps: np.ndarray) -> np.ndarray:
    """Return the distance of distributions over the places, given the differences of shares."""
    if kind == "category":
        return np.asarray(np.abs(gaps).sum(axis=-1) / 2)
    return np.asarray(np.abs(np.cumsum(gaps, axis=-1)).max(axis=-1))


def _shift(column: ColumnProfile, values: np.ndarray) -> float:
    """Return the mean distance of the quantiles over the interquartile range of training."""
    if column.kind == "category":
        return float("nan")
    known = np.array(column.quantiles)
    quarter = (N_QUANTILES - 1) // 4
    width = known[-1 - quarter] - known[quarter] or known[-1] - known[0]
    levels = np.linspace(0, 1, N_QUANTILES)
    found = np.quantile(values.astype(float), levels, method="inverted_cdf")
    mean = float(np.abs(found - known).mean())
    if width > 0:
        return mean / float(width)
    return 0.0 if mean == 0 else float("inf")


def _usual(
    column: ColumnProfile,
    values: np.ndarray,
    known: np.ndarray,
    n_samples: int,
    by_series: np.ndarray,
) -> list[Usual]:
    """Return how far blocks of the training samples lie from the rest, by size."""
    n_used = len(values)
    if n_used < 2:
        return [Usual(n_samples=1, distance=0.0, missing=0.0)]
    counts = _counts(column, values, known)
    orders = [counts]
    if not np.array_equal(by_series, np.arange(n_used)):
        orders.append(counts[by_series])
    starts, sizes = _blocks(n_used)
    found = []
    for each in orders:
        sums = np.concatenate([np.zeros_like(each[:1]), each.cumsum(axis=0)])
        found.append(_of_blocks(sums, starts, starts + sizes, column.kind))
    largest = np.max(found, axis=0).clip(0, 1)
    usual = []
    for size in np.unique(sizes).tolist():
        distance, missing = largest[sizes == size].max(axis=0).tolist()
        n_of_size = max(1, round(size * n_samples / n_used))
        usual.append(Usual(n_samples=n_of_size, distance=distance, missing=missing))
    return usual


def _blocks(n_used: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the starts and sizes of blocks: from one sample to half of all."""
    starts, sizes = [], []
    for size in np.unique(np.geomspace(1, n_used // 2, N_SIZES).round().astype(int)):
        places = np.unique(np.linspace(0, n_used - size, N_BLOCKS).round().astype(int))
        starts.append(places)
        sizes.append(np.full(len(places), size))
    return np.concatenate(starts), np.concatenate(sizes)


def _counts(column: ColumnProfile, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the number of values of each sample at each place; the last column: missing ones."""
    n_places = len(_expected(column))
    places = np.full(values.shape, n_places)
    places[known] = _places(column, values[known])
    sample = np.arange(len(values))[:, None] * (n_places + 1)
    flat = np.bincount(
        (sample + places).reshape(-1), minlength=len(values) * (n_places + 1)
    )
    return flat.reshape(len(values), n_places + 1)


def _of_blocks(
    sums: np.ndarray, starts: np.ndarray, ends: np.ndarray, kind: Kind
) -> np.ndarray:
    """Return how far blocks lie from the rest, (n_blocks, 2): distance, missing."""
    inside = sums[ends] - sums[starts]
    outside = sums[-1] - inside
    missing = inside[:, -1] / inside.sum(axis=1) - outside[:, -1] / outside.sum(axis=1)
    inside, outside = inside[:, :-1], outside[:, :-1]
    n_inside, n_outside = inside.sum(axis=1), outside.sum(axis=1)
    gaps = inside / np.maximum(n_inside, 1)[:, None]
    gaps = gaps - outside / np.maximum(n_outside, 1)[:, None]
    distances = np.where((n_inside > 0) & (n_outside > 0), _distances(kind, gaps), 0.0)
    return np.stack([distances, np.abs(missing)], axis=1)
