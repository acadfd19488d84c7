"""Whether the size of a recording goes with how well its labels are covered."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FEWEST_UNITS = 20  # below, a few large ones decide, and chance is mistaken for a link
MATTERS = 0.02  # difference of coverage
N_PERMUTATIONS = 999
FALSE_ALARMS = 0.01


class SizeLink(NamedTuple):
    """Coverage as conformal prediction promises it, and whether that of rows is another one.

    Attributes
    ----------
    by_unit : float
        Mean over units of the share of their labels that are covered.
    is_linked : bool
        Whether large units have larger or smaller scores than small ones, and coverage over rows
        differs by `MATTERS` or more from that over units.
    """

    by_unit: float
    is_linked: bool


def size_link(
    scores: np.ndarray,
    quantiles: np.ndarray,
    units: np.ndarray,
    weights: np.ndarray | None = None,
) -> SizeLink:
    """Say whether the size of units goes with how well their labels are covered.

    Hierarchical conformal prediction covers a row of a random unit. A random row is of a large unit
    more often, and is covered less if large units are harder. The test permutes the mean rank of
    the scores of each unit: ranks, because one large unit that is missed would decide otherwise.

    Parameters
    ----------
    scores : ndarray of float64, shape (n_rows, n_columns)
        NaN for missing labels.
    quantiles : ndarray, shape (n_columns,)
        Larger scores are not covered.
    units : ndarray, shape (n_rows,)
        The recording or group of each row.
    weights : ndarray, shape (n_rows,), optional
        How much each row counts, above 0.
    """
    from scipy.stats import rankdata

    known = ~np.isnan(scores)
    of_labels = np.ones(len(scores)) if weights is None else weights
    of_labels = np.broadcast_to(of_labels[:, None], scores.shape)[known]
    codes = np.unique(units, return_inverse=True)[1]
    codes = np.broadcast_to(codes[:, None], scores.shape)[known]
    # Units without a label have no size.
    codes = np.unique(codes, return_inverse=True)[1]
    sizes = np.bincount(codes, of_labels)

    def by_unit(values: np.ndarray) -> np.ndarray:
        means: np.ndarray = np.bincount(codes, of_labels * values[known]) / sizes
        return means

    shares = sizes / sizes.sum()
    covered = by_unit((scores <= quantiles).astype(np.float64))
    mean = float(covered.mean())
    is_linked = False
    if len(sizes) >= FEWEST_UNITS and abs(shares @ covered - mean) >= MATTERS:
        n_known = np.maximum(known.sum(axis=0), 1)
        ranks = rankdata(scores, axis=0, nan_policy="omit") / n_known
        is_linked = _permuted_share(shares, by_unit(ranks)) <= FALSE_ALARMS
    return SizeLink(mean, is_linked)


def _permuted_share(shares: np.ndarray, means: np.ndarray) -> float:
    """Return how often chance links shares and means at least as much as they are."""
    generator = np.random.default_rng(0)
    centered = means - means.mean()
    found = abs(shares @ centered)
    n_larger = 0
    for _ in range(N_PERMUTATIONS):
        n_larger += abs(shares @ generator.permutation(centered)) >= found - 1e-12
    return float(1 + n_larger) / (1 + N_PERMUTATIONS)
