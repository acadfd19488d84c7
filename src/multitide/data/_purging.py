"""What leaks between the sets of a split: spans of time that touch, and shared rows."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from multitide.data._samples import Samples
from multitide.errors import DataError, MultitideWarning

Index = NDArray[np.int64]


def time_of(samples: Samples) -> np.ndarray:
    """Return the time stamps of the samples, or refuse with the remedy."""
    if samples.time is None:
        raise DataError(
            "`split` by time must have the time of every sample; "
            "got samples without. "
            "Name the column of times (`time`), "
            'or split by="group" or by="random".'
        )
    return samples.time


def purged(samples: Samples, keep: Index, held: Index) -> Index:
    """Return the samples of `keep` whose span of time touches that of no held-out sample."""
    time = time_of(samples)
    if samples.begin is None:
        begin = time
    else:
        begin = samples.begin
    if samples.finish is None:
        finish = time
    else:
        finish = samples.finish
    leaks = touches(begin[keep], finish[keep], begin[held], finish[held])
    kept: Index = keep[~leaks]
    return kept


def touches(
    begin: np.ndarray,
    finish: np.ndarray,
    other_begin: np.ndarray,
    other_finish: np.ndarray,
) -> np.ndarray:
    """Return which closed intervals meet any of the others."""
    if not len(other_begin):
        return np.zeros(len(begin), dtype=bool)
    order = np.argsort(other_begin, kind="stable")
    furthest = np.maximum.accumulate(other_finish[order])
    # The place of the last one that begins in time.
    place = np.searchsorted(other_begin[order], finish, side="right") - 1
    touching: np.ndarray = (place >= 0) & (furthest[np.maximum(place, 0)] >= begin)
    return touching


def warn_of_overlap(samples: Samples, index: Index, others: Index, by: str) -> None:
    """Warn if samples of one set contain the same rows as samples of another."""
    last = samples.starts + samples.lengths - 1
    shared = touches(
        samples.starts[index], last[index], samples.starts[others], last[others]
    )
    if shared.any():
        warnings.warn(
            f"{int(shared.sum())} of {len(index)} samples share rows "
            f"with samples of another set of the split by {by}: "
            "metrics will be too good. "
            'Split by="time" (purged) or by="group", '
            "or use `stride` >= `window`.",
            MultitideWarning,
            stacklevel=4,
        )
