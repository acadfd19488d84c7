"""P values adjusted for their number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values adjusted for the share of false ones among those that are small.

    Below a level, at most that share is false on average (Benjamini & Hochberg 1995). NaN stays NaN
    and does not count.
    """
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])[::-1]]
    ranks = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum.accumulate(p[order] * (len(order) / ranks))
    return adjusted


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values adjusted for the chance of any false one that is small (Holm 1979).

    NaN stays NaN and does not count.
    """
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    adjusted[order] = np.minimum(
        1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    )
    return adjusted
