"""The parts of the variance of a gain, and the distribution of a gain of zero given them.

Seeds and test groups are crossed (see :mod:`multitide.study.results._statistics`). The seed part A
and the group part B each contain the residual part E, so A + B is too large by E on average, and
A + B - E is unbiased. A test needs no unbiased variance, but a statistic whose distribution is
known: gain / sqrt(A + B). If the true parts are a, b and e, then

    A ~ (a + e) chi2(S-1) / (S-1),    B ~ (b + e) chi2(G'-1) / (G'-1),    gain ~ N(0, a + b + e),

independently of each other. The sum of the two chi-squares is independent of the share R that the
first has in it, and R has a beta distribution. Given R the statistic has a t distribution with
S-1 + G'-1 degrees of freedom, up to a factor. Its distribution is therefore an average of t
distributions over R, which Gauss-Jacobi quadrature takes without any random number.

The true a, b and e are replaced by their estimates, with floors at zero (a parametric bootstrap
without the noise of drawing). Estimates that fall too low by chance would make too many false
alarms: with A, B and E as they are, up to 8.8 % with 5 seeds. So A and B are first enlarged by 3 /
degrees of freedom, which keeps false alarms at 3 to 7 %; `benchmarks/false_alarms.py` has the
tables. If only seeds (or only groups) vary, the result is the t test over seeds (or groups).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, special

ENLARGED = 3.0  # the parts, by this over their degrees of freedom
N_NODES = 64
MOST_GROUP_DOF = 200.0  # more make no difference, and cost accuracy


@dataclass(frozen=True)
class CrossedParts:
    """The seed, group and residual part of the variance of a gain.

    Attributes
    ----------
    seed, group, residual : float
        A, B and E. NaN if there is a single seed or group.
    seed_dof, group_dof : float
        Degrees of freedom of A and B.
    """

    seed: float
    group: float
    residual: float
    seed_dof: float
    group_dof: float

    @property
    def known(self) -> bool:
        """Whether the variance can be estimated."""
        return self.seed_dof >= 1 and not np.isnan(self.seed + self.group)

    @property
    def variance(self) -> float:
        """The unbiased estimate, at least the residual part; NaN if it is not known."""
        if not self.known:
            return float("nan")
        return max(self.seed + self.group - self.residual, self.residual)

    @property
    def spread(self) -> float:
        """What a gain is divided by; its square expects the variance and the residual part."""
        return float(np.sqrt(max(self.seed + self.group, self.residual)))

    @property
    def group_share(self) -> float:
        """The share of the groups in the squared spread; 1 if nothing varies."""
        if self.spread > 0:
            return self.group / self.spread**2
        return 1.0

    def p_value(self, gain: float) -> float:
        """Return the two-sided p value of "no difference"."""
        if not self.known:
            return float("nan")
        if self.spread == 0:  # the difference is the same in all rows and seeds
            if gain == 0:
                return 1.0
            return 0.0
        scales, weights = self._scales()
        return self._tail(abs(gain) / self.spread, scales, weights)

    def half_width(self, level: float) -> float:
        """Return the half width of the interval that misses a gain with probability `level`."""
        if not self.known:
            return float("nan")
        if self.spread == 0:
            return 0.0
        scales, weights = self._scales()

        def excess(ratio: float) -> float:
            return self._tail(ratio, scales, weights) - level

        highest = 2.0
        while excess(highest) > 0:
            highest *= 2
        return self.spread * float(optimize.brentq(excess, 0, highest, xtol=1e-6))

    def _tail(self, ratio: float, scales: np.ndarray, weights: np.ndarray) -> float:
        dof = self.seed_dof + self._group_dof
        return float(2 * np.sum(weights * special.stdtr(dof, -ratio * scales)))

    @property
    def _group_dof(self) -> float:
        return min(self.group_dof, MOST_GROUP_DOF)

    def _scales(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the factors of the t distributions whose average it is, and their weights."""
        seed = (1 + ENLARGED / self.seed_dof) * self.seed
        group = (1 + ENLARGED / self._group_dof) * self.group
        seeds = max(seed, self.residual)
        groups = max(group, self.residual)
        total = seeds + groups - self.residual
        shares, weights = _shares(self.seed_dof, self._group_dof)
        of_seeds = seeds * shares / self.seed_dof
        of_groups = groups * (1 - shares) / self._group_dof
        dof = self.seed_dof + self._group_dof
        return np.sqrt(dof * (of_seeds + of_groups) / total), weights


@lru_cache(maxsize=256)
def _shares(seed_dof: float, group_dof: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of the beta distribution of the share of the seeds."""
    nodes, weights = special.roots_jacobi(N_NODES, group_dof / 2 - 1, seed_dof / 2 - 1)
    return (1 + nodes) / 2, weights / weights.sum()
