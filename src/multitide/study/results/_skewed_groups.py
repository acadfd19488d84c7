"""Intervals of gains over test groups of which a few differ much more than the others.

The mean of skewed groups and its standard error go together: a study that happens to draw no
extreme group has a mean on one side of the truth *and* a small standard error, so a t interval
misses far more often on that side. Hall (1992) transforms the ratio T = gain / spread such that its
skewness is gone to first order, with the skewness s of the mean:

    H(T) = T + s T^2 / 3 + s^2 T^3 / 27 + s / 6.

s is estimated from few groups, so H alone makes too many false alarms where groups are unequal but
not skewed. An interval here therefore covers both, that of T and that of H. Without a skew they are
the same.

References
----------
.. [1] Hall, "On the removal of skewness by transformation", Journal of the Royal Statistical
   Society B 54(1), 1992.
"""

from __future__ import annotations

import numpy as np


def skewness_of_mean(influence: np.ndarray, spread: float) -> float:
    """Return the estimated skewness of a gain, between -1 and 1.

    Parameters
    ----------
    influence : ndarray, shape (n_groups,)
        Of each group on the gain, the mean over seeds.
    spread : float
        What the gain is divided by; 0 or NaN if it is unknown.
    """
    if not spread > 0:
        return 0.0
    return float(np.sum((influence / spread) ** 3))


def without_skew(ratio: float, skewness: float) -> float:
    """Return H(T)."""
    cubic = skewness**2 * ratio**3 / 27
    return ratio + skewness * ratio**2 / 3 + cubic + skewness / 6


def ends(
    gain: float, spread: float, half: float, skewness: float
) -> tuple[float, float]:
    """Return the interval that covers the interval of T, gain +- half, and that of H.

    NaN if `half` is.
    """
    if skewness == 0 or not half > 0:
        return gain - half, gain + half
    quantile = half / spread
    lowest = _with_skew(-quantile, skewness)
    highest = _with_skew(quantile, skewness)
    low = gain - spread * max(highest, quantile)
    high = gain - spread * min(lowest, -quantile)
    return low, high


def _with_skew(value: float, skewness: float) -> float:
    """Return T for a value of H."""
    root = np.cbrt(1 + skewness * (value - skewness / 6))
    return float(3 * (root - 1) / skewness)
