"""Groups of test rows that resemble each other; intervals count groups instead of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.data._samples import Samples

MIN_GROUPS = 10
MAX_BLOCKS = 30


def independent_groups(
    samples: Samples, test: np.ndarray, *, new_series: bool = False
) -> np.ndarray:
    """Return the group of every test row.

    A group is a series (a run, a patient, a machine). If the test rows come from fewer than 10
    series that were also in training, a group is a block of time instead. Blocks are the same for
    all series, at least as long as one window with its leads, and at most 30: longer blocks are
    less dependent, and more than 30 would hardly narrow an interval.

    Parameters
    ----------
    samples : Samples
        All samples.
    test : ndarray of int, shape (n_test,)
        Numbers of the test samples.
    new_series : bool, default=False
        Whether no series of the test set was in training. Then series are the groups even if there
        are few.

    Returns
    -------
    ndarray of int64, shape (n_test,)
        The group of each test row: 0, 1, ...
    """
    codes, series = pd.factorize(pd.Series(samples.series[test]), use_na_sentinel=False)
    if len(series) >= MIN_GROUPS or (new_series and len(series) > 1):
        return np.asarray(codes, dtype=np.int64)
    return _blocks(*_places(samples, test))


def _places(samples: Samples, test: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the place of each test row and the length of a window, on one scale.

    The scale is time, or the position in the table if there are no time stamps.
    """
    if samples.begin is None or samples.finish is None:
        ends = (samples.starts + samples.lengths)[test]
        return ends.astype(float), float(samples.lengths[test].max())
    begin = _as_float(samples.begin[test])
    finish = _as_float(samples.finish[test])
    window = float((finish - begin).max())
    if window == 0:
        # Arrays with one stamp per sample: their stamps are at least a step apart.
        gaps = np.diff(np.unique(finish))
        if len(gaps):
            window = float(np.median(gaps)) * samples.n_timepoints
    return finish, window


def _as_float(stamps: np.ndarray) -> np.ndarray:
    """Return time stamps as numbers; other values than dates and numbers as their ranks."""
    if stamps.dtype.kind == "M":
        return stamps.astype("datetime64[ns]").astype(np.int64).astype(float)
    if stamps.dtype.kind in "iuf":
        return stamps.astype(float)
    return np.asarray(pd.Series(stamps).rank(method="dense"), dtype=float)


def _blocks(places: np.ndarray, window: float) -> np.ndarray:
    """Cut a line into equal blocks, each at least one window long."""
    start, length = places.min(), float(np.ptp(places))
    if length == 0:
        return np.zeros(len(places), dtype=np.int64)
    n_blocks = MAX_BLOCKS
    if window > 0:
        n_blocks = int(np.clip(length // window, 1, MAX_BLOCKS))
    codes = np.minimum((places - start) / length * n_blocks, n_blocks - 1).astype(
        np.int64
    )
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)
