"""The score of a column: how far new values lie, over what chance explains."""

from __future__ import annotations

import numpy as np
from scipy import stats

from multitide.model._difference import Difference, difference
from multitide.model._parts import Parts
from multitide.model._profile import ColumnProfile

# Of new data without drift, over all of their columns; distances are skewed, which adds some.
FALSE_ALARMS = 0.03
N_MEASURES = 5  # of a column
# Differences up to these are never drift, however small those between parts of the training set:
# of distributions, of levels and of spreads (in interquartile ranges), of shares of missing values
# and of constant samples.
LEAST_DISTANCE, LEAST_LEVEL, LEAST_SPREAD, LEAST_MISSING = 0.2, 0.3, 0.3, 0.04
LEAST_CONSTANT = 0.3
LEAST_FAR = (
    0.05  # share of values in another order of magnitude: no chance explains more
)
THRESHOLD = 2.0  # the score of a difference that chance just explains


def score_of(
    column: ColumnProfile,
    values: np.ndarray,
    n_samples: int,
    n_columns: int,
    *,
    with_missing: bool = True,
) -> tuple[float, float, Difference]:
    """Return the score of new values, the distance that is usual, and the difference.

    Five measures are compared with their limit: the distance of the distributions, the level, the
    spread within samples, and the shares of missing values and of constant samples. A limit is
    that of a prediction interval for one more part of the training set, of the size of the new data
    (Student's t with as many degrees of freedom as there are independent parts, less one); all
    columns together exceed any of them in `FALSE_ALARMS` of the cases, if parts are normally
    distributed. Values far beyond the range of training need no such limit, because no part of the
    training set has any.

    Parameters
    ----------
    column : ColumnProfile
        What training knew.
    values : ndarray, shape (n_used, n_values)
        The new ones.
    n_samples : int
        Number of samples that they stand for.
    n_columns : int
        Number of columns that are compared.
    with_missing : bool, default=True
        Whether the share of missing values counts.
    """
    found = difference(column, values)
    features = column.features(values)
    level, spread, missing, constant = features.means()
    parts = column.parts_for(n_samples)
    limit = LEAST_DISTANCE
    for each in parts:
        chance = _factor(each, n_columns, sides=1) * each.distance_spread
        limit = max(limit, each.distance + _finite(chance))
    measures = [found.distance / limit, found.far / LEAST_FAR]
    for value, known, least, name in (
        (level, column.level, LEAST_LEVEL, "level"),
        (spread, column.spread, LEAST_SPREAD, "spread"),
        (missing, column.missing if with_missing else None, LEAST_MISSING, "missing"),
        (constant, column.constant, LEAST_CONSTANT, "constant"),
    ):
        if known is None or np.isnan(value):
            continue
        allowed = least
        for each in parts:
            factor = _factor(each, n_columns, sides=2)
            allowed = max(allowed, _finite(factor * getattr(each, name)))
        measures.append(abs(value - known) / allowed)
    return THRESHOLD * float(np.nanmax(measures)), limit / THRESHOLD, found


def _factor(parts: Parts, n_columns: int, sides: int) -> float:
    """Return how many standard deviations one more part may lie from the mean; inf: any number."""
    n = parts.n_parts
    if n < 2:
        return float("inf")
    tail = FALSE_ALARMS / (n_columns * N_MEASURES * sides)
    return float(stats.t.ppf(1 - tail, n - 1) * (1 + 1 / n) ** 0.5)


def _finite(limit: float) -> float:
    """Return a limit; 0 for an infinite number of times 0."""
    return 0.0 if np.isnan(limit) else limit
