"""What is unusual about the channels of samples: missing cells, constants and sentinels."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.data._samples import Samples

MIN_REPEATS = 3  # of an extreme value, to be a sentinel and not an outlier
# What loggers write for "no value": nines, and the ends of the ranges of integers.
SENTINELS = (
    *(sign * (10**n - 1) for n in range(2, 8) for sign in (-1, 1)),
    *(sign * (10**n - 1) / 10 for n in range(3, 7) for sign in (-1, 1)),
    *(255, 32767, -32768, 65535, 2147483647, -2147483648),
)


def channel_facts(samples: Samples) -> pd.DataFrame:
    """Return one row per channel that has missing cells, one value only, or a sentinel.

    Parameters
    ----------
    samples : Samples
        All rows are looked at, also those that are in no sample.

    Returns
    -------
    DataFrame
        ``channel``, ``missing`` (number of cells), ``share`` (of all cells) and ``note``.
    """
    rows = []
    for i, channel in enumerate(samples.channels):
        column = samples.values[:, i]
        known = column[~np.isnan(column)]
        n_missing = len(column) - len(known)
        note = _note(known, channel in samples.categories)
        if n_missing or note:
            share = n_missing / len(column)
            rows.append((channel, n_missing, share, note))
    return pd.DataFrame(rows, columns=["channel", "missing", "share", "note"])


def channels_without_value(samples: Samples) -> pd.DataFrame:
    """Return one row per channel that has no value in some samples.

    Returns
    -------
    DataFrame
        ``channel``, ``samples`` (how many have none) and ``first`` (the series of the first).
    """
    rows = []
    for i, channel in enumerate(samples.channels):
        known = np.cumsum(~np.isnan(samples.values[:, i]))
        before = np.where(samples.starts > 0, known[samples.starts - 1], 0)
        empty = known[samples.starts + samples.lengths - 1] == before
        if empty.any():
            rows.append((channel, int(empty.sum()), samples.series[empty.argmax()]))
    return pd.DataFrame(rows, columns=["channel", "samples", "first"])


def _note(known: np.ndarray, is_category: bool) -> str:
    if not len(known):
        return "has no value"
    low, high = known.min(), known.max()
    if low == high:
        if is_category:
            return "only one category"
        return f"only one value, {low:g}"
    if is_category:
        return ""
    for value in (low, high):
        if n := _n_sentinels(known, value):
            return f"{value:g} ({n} cells) may mean missing: missing = [{value:g}]"
    return ""


def _n_sentinels(known: np.ndarray, value: float) -> int:
    """Return how often an extreme value occurs if it looks like a sentinel, else 0.

    It does if loggers use it, it repeats, and it is further from all other values than these are
    from each other.
    """
    if not np.isclose(value, SENTINELS, rtol=1e-6, atol=0).any():
        return 0
    others = known[known != value]
    n = len(known) - len(others)
    nearest = np.abs(others - value).min()
    if n < MIN_REPEATS or nearest <= np.ptp(others):
        return 0
    return n
