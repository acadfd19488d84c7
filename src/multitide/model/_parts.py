"""How far parts of the training set lie from the whole, by size: what chance alone explains.

Rows of a series depend on each other, and machines differ. New data of a size are like a part of
the training set of that size: neighbouring samples, or samples of a series. Few such parts, or
parts that resemble their neighbours, say little about how far the next one may lie.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveInt

N_SIZES = 8  # of parts
MOST_PARTS = 20  # of each size
LEAST_PARTS = 8  # of the largest size
Order: TypeAlias = Literal["neighbours", "series"]
Unit: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Parts(BaseModel):
    """The differences of parts of one size from the training set.

    Attributes
    ----------
    order : {"neighbours", "series"}
        Whether they are neighbouring samples, or samples of the same series.
    n_samples : int
        Their size.
    n_parts : float
        How many independent ones they are worth.
    distance, distance_spread : float
        Mean and standard deviation of the distances of their distributions from the rest.
    level, spread, missing, constant : float
        Standard deviations of :class:`Features`.
    """

    model_config = ConfigDict(extra="forbid")
    order: Order
    n_samples: PositiveInt
    n_parts: Annotated[float, Field(ge=1, allow_inf_nan=False)]
    distance: Unit
    distance_spread: Unit
    level: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)]
    spread: Annotated[NonNegativeFloat, Field(allow_inf_nan=False)]
    missing: Unit
    constant: Unit = 0.0


class Features(NamedTuple):
    """Four numbers of each sample, (n_samples,); NaN where a sample has none.

    Attributes
    ----------
    level, spread : ndarray
        Mean and standard deviation of its values, on a scale on which large ones are logarithms.
    missing : ndarray
        Share of missing values.
    constant : ndarray
        Whether all its values are equal, 0 or 1.
    """

    level: np.ndarray
    spread: np.ndarray
    missing: np.ndarray
    constant: np.ndarray

    def means(self) -> np.ndarray:
        """Return the mean features of all samples, (4,)."""
        return np.array([_mean_of_known(feature) for feature in self])

    def means_of_parts(self, starts: np.ndarray, size: int) -> np.ndarray:
        """Return the mean features of parts, (n_parts, 4), from their first samples."""
        samples = starts[:, None] + np.arange(size)
        columns = []
        for feature in self:
            parts = feature[samples]
            if np.isnan(parts).any():
                columns.append(np.array([_mean_of_known(part) for part in parts]))
            else:
                columns.append(parts.mean(axis=1))
        return np.stack(columns, axis=1)


def _mean_of_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


class Arrangement(NamedTuple):
    """The samples in an order, and parts of them.

    Attributes
    ----------
    order : {"neighbours", "series"}
        Whether parts are neighbouring samples, or samples of the same series.
    rows : ndarray of int, shape (n_samples,)
        The samples in this order.
    parts : list of (int, ndarray of int)
        Sizes, the smallest first, and the places of the first sample of each part.
    """

    order: Order
    rows: np.ndarray
    parts: list[tuple[int, np.ndarray]]


def arrangements(series: np.ndarray) -> list[Arrangement]:
    """Return the orders in which parts of samples are looked at.

    Parameters
    ----------
    series : ndarray of int, shape (n_samples,)
        What each sample belongs to: its group of a split by group, or its series.
    """
    n = len(series)
    n_changes = np.count_nonzero(np.diff(series))
    n_series = len(np.unique(series))
    found = []
    if n_series == 1 or n_changes >= n_series:
        parts = [(size, starts_of_neighbours(n, size)) for size in part_sizes(n)]
        found.append(Arrangement("neighbours", np.arange(n), _enough(parts)))
    if n_series > 1:
        rows = np.argsort(series, kind="stable")
        parts = [(size, starts_of_series(series[rows], size)) for size in part_sizes(n)]
        found.append(Arrangement("series", rows, _enough(parts)))
    return found


def _enough(parts: list[tuple[int, np.ndarray]]) -> list[tuple[int, np.ndarray]]:
    """Return the sizes of which there are enough parts; the first one has one sample each."""
    most = len(parts[0][1])
    return [each for each in parts if len(each[1]) >= min(LEAST_PARTS, most)]


def part_sizes(n_used: int) -> list[int]:
    """Return the sizes of parts: from one sample to an eighth of all."""
    largest = max(1, n_used // LEAST_PARTS)
    sizes: list[int] = (
        np.unique(np.geomspace(1, largest, N_SIZES).round()).astype(int).tolist()
    )
    return sizes


def parts_of(
    features: Features,
    distances: np.ndarray,
    starts: np.ndarray,
    size: int,
    order: Order,
    n_samples: int,
) -> Parts:
    """Summarise parts of one size.

    Parameters
    ----------
    features : Features
        Of all samples, in the order of the parts.
    distances : ndarray, shape (n_parts,)
        Distance of each part from the rest.
    starts : ndarray of int, shape (n_parts,)
        Their first samples.
    size : int
        Their number of samples.
    order : str
        What they are.
    n_samples : int
        How many samples of the training set they stand for.
    """
    means = features.means_of_parts(starts, size)
    share = min(_independent_share(column) for column in means.T)
    level, spread, missing, constant = (_deviation(column) for column in means.T)
    return Parts(
        order=order,
        n_samples=n_samples,
        n_parts=max(share * len(starts), 1.0),
        distance=float(distances.mean().clip(0, 1)),
        distance_spread=min(_deviation(distances), 1.0),
        level=level,
        spread=spread,
        missing=min(missing, 1.0),
        constant=min(constant, 1.0),
    )


def starts_of_neighbours(n_used: int, size: int) -> np.ndarray:
    """Return the first samples of parts that do not overlap, evenly spaced."""
    n_parts = min(MOST_PARTS, n_used // size)
    return np.unique(np.linspace(0, n_used - size, n_parts).round().astype(int))


def starts_of_series(codes: np.ndarray, size: int) -> np.ndarray:
    """Return the first samples of parts that begin with a series and do not overlap.

    Parameters
    ----------
    codes : ndarray of int, shape (n_used,)
        The series of each sample, sorted.
    size : int
        Number of samples of a part; of a longer series it is the first ones, shorter ones are
        joined.
    """
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    begins = begins[begins + size <= len(codes)]
    following = np.searchsorted(begins, begins + size).tolist()
    starts: list[int] = []
    place = 0
    while place < len(begins):
        starts.append(int(begins[place]))
        place = following[place]
    chosen = np.linspace(0, len(starts) - 1, min(MOST_PARTS, len(starts)))
    result: np.ndarray = np.array(starts, dtype=int)[chosen.round().astype(int)]
    return result


def _deviation(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else 0.0


def _independent_share(values: np.ndarray) -> float:
    """Return (1 - r) / (1 + r) for the correlation r of parts with the next one; at most 1.

    The estimate of a short series is too small by about (1 + 3 r) / n, which is added.
    """
    known = values[~np.isnan(values)]
    if len(known) < LEAST_PARTS or known.std() == 0:
        return 1.0
    off = known - known.mean()
    r = float((off[1:] * off[:-1]).sum() / (off**2).sum())
    r = float(np.clip(r + max(0.0, 1 + 3 * r) / len(known), 0.0, 0.99))
    if r < 2 / len(known) ** 0.5:
        return 1.0  # no more than chance
    return (1 - r) / (1 + r)
