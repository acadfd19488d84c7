"""How far new values lie from a column of the training set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from multitide.model._profile import (
    N_QUANTILES,
    ColumnProfile,
    distances_of,
    expected_shares,
    known_values,
    places_of,
    usual_width,
)

FAR = 10.0  # ranges of training
LEAST_VALUES = 8  # different ones, for a range that says something


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
    far : float
        Share of the known values that lie `FAR` times the range of training beyond it; 0 for
        categories.
    """

    distance: float
    shift: float
    missing: float
    outside: float
    far: float


def difference(column: ColumnProfile, values: np.ndarray) -> Difference:
    """Return how far new values, of any shape, lie from a column of the training set."""
    known = known_values(values, column.kind)
    missing = float(1 - known.mean())
    places = places_of(column, values[known])
    expected = expected_shares(column)
    if not len(places) or not expected.sum():
        return Difference(np.nan, np.nan, missing, np.nan, np.nan)
    counts = np.bincount(places, minlength=len(expected))
    return Difference(
        distance=float(distances_of(column.kind, counts / counts.sum() - expected)),
        shift=_shift(column, values[known]),
        missing=missing,
        outside=float(counts[0] + counts[-1]) / counts.sum(),
        far=_far(column, values[known]),
    )


def _shift(column: ColumnProfile, values: np.ndarray) -> float:
    """Return the mean distance of the quantiles over the interquartile range of training."""
    if column.kind == "category":
        return float("nan")
    known = np.array(column.quantiles)
    width = usual_width(known)
    levels = np.linspace(0, 1, N_QUANTILES)
    found = np.quantile(values.astype(float), levels, method="inverted_cdf")
    mean = float(np.abs(found - known).mean())
    if width > 0:
        return mean / float(width)
    return 0.0 if mean == 0 else float("inf")


def _far(column: ColumnProfile, values: np.ndarray) -> float:
    """Return the share of values far beyond the range of training, as of another unit."""
    grid = np.unique(column.quantiles)
    if column.kind == "category" or len(grid) < LEAST_VALUES:
        return 0.0
    numbers = values.astype(float)
    width = FAR * (grid[-1] - grid[0])
    is_far = (numbers < grid[0] - width) | (numbers > grid[-1] + width)
    return float(is_far.mean())
