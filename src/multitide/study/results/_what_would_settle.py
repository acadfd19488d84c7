"""How many seeds or labels would probably give a verdict, if the gain stays as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from multitide.study.results._crossed_parts import CrossedParts
from multitide.study.results._statistics import Gain, t_half_width

POWER = 0.8
MOST_SEEDS, MOST_LABELS = 200, 1000
Z = float(stats.norm.ppf(POWER))


@dataclass(frozen=True)
class Needed:
    """What would give a verdict with a probability of 80 %.

    Attributes
    ----------
    seeds : float
        Total number of seeds; NaN if not even 200 are enough.
    labels : float
        Total number of labelled test rows with the present seeds; NaN if not even 1,000 times the
        present ones are enough.
    """

    seeds: float
    labels: float


def what_would_settle(gain: Gain, margin: float, level: float, alpha: float) -> Needed:
    """Return how many seeds, or labels, would give a verdict.

    A verdict takes an interval that excludes zero, or one within the margin; the easier of the two
    is aimed at. The gain and the parts of its variance are taken to be those of the estimate, and
    the gain of the larger study to vary around them.

    Parameters
    ----------
    gain : Gain
    margin : float
    level : float
        The p value that "helps" or "hurts" takes, with the adjustment for many gains.
    alpha : float
        1 - the confidence of the interval, which "same" takes.
    """
    size = abs(gain.gain)
    if size > margin - size:
        room = size
    else:
        room, level = margin - size, alpha
    return Needed(_seeds(gain, room, level), _labels(gain, room, level))


def _seeds(gain: Gain, room: float, level: float) -> float:
    """Return the smallest number of seeds that is enough, by halving."""
    if gain.n_seeds < 2:
        return float("nan")  # the variance is that of folds, not divided into parts

    def enough(n_seeds: int) -> bool:
        return _reach(gain, n_seeds / gain.n_seeds, 1.0, level) < room

    low, high = gain.n_seeds, MOST_SEEDS
    if low >= high or not enough(high):
        return float("nan")
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return float(high)


def _labels(gain: Gain, room: float, level: float) -> float:
    """Return the number of labelled test rows that is enough, in groups of the present size."""
    if gain.n_seeds < 2:
        return float("nan")
    factors = np.geomspace(1.05, MOST_LABELS, 128)
    low, high = -1, len(factors) - 1
    if not _reach(gain, 1.0, factors[high], level) < room:
        return float("nan")
    while high - low > 1:
        middle = (low + high) // 2
        if _reach(gain, 1.0, factors[middle], level) < room:
            high = middle
        else:
            low = middle
    return float(np.ceil(gain.n_rows * factors[high]))


def _reach(gain: Gain, more_seeds: float, more_groups: float, level: float) -> float:
    """Return how far from zero a gain must lie for a verdict, in four of five studies."""
    residual = gain.residual_part / more_seeds / more_groups
    seed = max(gain.seed_part - gain.residual_part, 0) / more_seeds + residual
    group = max(gain.group_part - gain.residual_part, 0) / more_groups + residual
    parts = CrossedParts(
        seed,
        group,
        residual,
        round(gain.n_seeds * more_seeds) - 1.0,
        max(1.0, gain.effective_groups * more_groups - 1),
    )
    half, variance = parts.half_width(level), parts.variance
    if gain.fold_part:
        fold = gain.fold_part / more_groups
        half = max(half, t_half_width(fold, gain.n_runs / gain.n_seeds - 1, level))
        variance = max(variance, fold)
    return half + Z * float(np.sqrt(variance))
