"""Whether the gains of test groups look like those that an interval assumes."""

from __future__ import annotations

import numpy as np

SURE = 3.0  # standard errors
MUCH = 0.25  # skew of the mean
MIN_GROUPS = 10

SKEWED = (
    "a few test groups differ much more than the others, and the interval may then miss the true "
    "gain in up to 15 % of the studies; look at these groups, or add test groups"
)
BY_SIZE = (
    "the gain depends on the size of the test group, and the interval may then miss the true gain, "
    "in which large groups count for more, in up to 20 % of the studies; look at large and small "
    "groups apart, or give all groups the same weight"
)


def uneven_groups(
    influence: np.ndarray, weights: np.ndarray, share: float = 1.0
) -> str:
    """Say what is uneven about the test groups; "" if nothing shows.

    Parameters
    ----------
    influence : ndarray, shape (n_seeds, n_groups)
        Of a ``GainTable``.
    weights : ndarray, shape (n_groups,)
        Fraction of the labelled rows in each group.
    share : float, default=1
        Of the groups in the spread of the gain; skewed groups matter little if seeds vary more.

    Notes
    -----
    The skew of a mean is that of a group / sqrt(number of groups): with many groups, losses may be
    as skewed as they usually are.
    A warning is rare where nothing is wrong (1 to 5 % of the studies), but with few groups a skew
    often does not show either: a study that has missed the few extreme groups looks well.
    """
    has_rows = weights > 0
    weights = weights[has_rows]
    n_groups = len(weights)
    if n_groups < MIN_GROUPS or len(influence) < 2:
        return ""
    # How far each group is from the mean gain, undoing the weight of its rows.
    apart = influence[:, has_rows].mean(axis=0) * np.sqrt(1 - weights) / weights
    if np.ptp(apart) <= 1e-12 * np.abs(apart).max():
        return ""
    skewness = abs(_skewness(apart))
    of_mean = skewness / np.sqrt(n_groups) * share
    if skewness > SURE * np.sqrt(6 / n_groups) and of_mean > MUCH:
        return SKEWED
    if _t_of_correlation(apart, weights) > SURE:
        return BY_SIZE
    return ""


def _skewness(values: np.ndarray) -> float:
    centred = values - values.mean()
    return float(np.mean(centred**3) / np.mean(centred**2) ** 1.5)


def _t_of_correlation(values: np.ndarray, weights: np.ndarray) -> float:
    if np.ptp(weights) <= 1e-9:
        return 0.0
    correlation = float(np.corrcoef(values, weights)[0, 1])
    left = max(1 - correlation**2, 1e-12)
    return abs(correlation) * float(np.sqrt((len(values) - 2) / left))
