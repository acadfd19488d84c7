"""Groups of test rows that resemble each other: what an interval counts instead of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.data._samples import Samples

MIN_GROUPS = 10
MAX_BLOCKS = 30


def independent_groups(
    samples: Samples, test: np.ndarray, *, new_series: bool = False
) -> np.ndarray:
    """Say which test rows belong together.

    A group is a series (a run, a patient, a machine). Where the test rows come from fewer than 10
    series that were seen in training, the question is about their future, and a group is a block of
    time: at least one window with its leads long, the same for all series, and at most 30 of them,
    since longer blocks depend less on each other and more of them would hardly narrow an interval.

    Parameters
    ----------
    samples : Samples
        All samples.
    test : ndarray of int, shape (n_test,)
        Numbers of the test samples.
    new_series : bool, default=False
        Whether no series of the test part was seen in training; then series are groups however few
        they are.

    Returns
    -------
    ndarray of int64, shape (n_test,)
        The group of each test row: 0, 1, ...
    """
    codes, series = pd.factorize(pd.Series(samples.series[test]), use_na_sentinel=False)
    if len(series) >= MIN_GROUPS or (new_series and len(series) > 1):
        return codes.astype(np.int64)
    return _blocks(*_places(samples, test))


def _places(samples: Samples, test: np.ndarray) -> tuple[np.ndarray, float]:
    """Return where each test row lies on a line (time, else its place in the table), and the length of a window."""
    if samples.finish is None:
        return (samples.starts + samples.lengths)[test].astype(float), float(
            samples.lengths[test].max()
        )
    begin, finish = (_as_float(stamps[test]) for stamps in (samples.begin, samples.finish))  # type: ignore[index]
    window = float((finish - begin).max())
    if (
        window == 0
    ):  # arrays cut by the user, with one stamp each: their stamps are at least a step apart
        apart = np.diff(np.unique(finish))
        window = float(np.median(apart)) * samples.n_timepoints if len(apart) else 0.0
    return finish, window


def _as_float(stamps: np.ndarray) -> np.ndarray:
    """Return time stamps as numbers; those that are neither dates nor numbers by their order."""
    if stamps.dtype.kind == "M":
        return stamps.astype("datetime64[ns]").astype(np.int64).astype(float)
    if stamps.dtype.kind in "iuf":
        return stamps.astype(float)
    return pd.Series(stamps).rank(method="dense").to_numpy(dtype=float)


def _blocks(places: np.ndarray, window: float) -> np.ndarray:
    """Cut a line into equal blocks, each at least one window long."""
    start, length = places.min(), float(np.ptp(places))
    if length == 0:
        return np.zeros(len(places), dtype=np.int64)
    n_blocks = int(np.clip(length // window if window > 0 else MAX_BLOCKS, 1, MAX_BLOCKS))
    codes = np.minimum((places - start) / length * n_blocks, n_blocks - 1).astype(np.int64)
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)
