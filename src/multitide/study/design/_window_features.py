"""Numbers that describe a window, for learners that read tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.data._samples import Samples

MAX_FLAT = 400


def window_features(samples: Samples) -> np.ndarray:
    """Describe every sample by statistics of its channels and of their steps.

    Parameters
    ----------
    samples : Samples

    Returns
    -------
    ndarray of float32, shape (n_samples, n_features)
        For each channel mean, standard deviation, least, largest, first, last value and last -
        first, and the mean size, standard deviation and largest size of its steps; all values and
        all steps themselves where windows are equally long and have at most 400 values; then the
        static inputs, categories as codes. What nobody measured is left out of the statistics; NaN
        where nothing is left.
    """
    series = samples.gather(slice(None))
    steps = np.diff(series, axis=2)
    columns = [_statistics(series), _step_statistics(steps)]
    if samples.equal_lengths and series.shape[1] * series.shape[2] <= MAX_FLAT:
        columns += [series.reshape(len(series), -1), steps.reshape(len(series), -1)]
    if samples.static is not None and samples.static.shape[1]:
        columns.append(_static_numbers(samples.static))
    return np.concatenate(columns, axis=1).astype(np.float32)


def _statistics(series: np.ndarray) -> np.ndarray:
    measured = ~np.isnan(series)
    n_steps = series.shape[2]
    first = np.take_along_axis(series, measured.argmax(axis=2)[:, :, None], axis=2)[:, :, 0]
    last_place = n_steps - 1 - measured[:, :, ::-1].argmax(axis=2)
    last = np.take_along_axis(series, last_place[:, :, None], axis=2)[:, :, 0]
    mean, spread = _mean_and_spread(series)
    low = np.fmin.reduce(series, axis=2)
    high = np.fmax.reduce(series, axis=2)
    return np.concatenate([mean, spread, low, high, first, last, last - first], axis=1)


def _step_statistics(steps: np.ndarray) -> np.ndarray:
    if not steps.shape[2]:
        return np.empty((len(steps), 0))
    size = np.abs(steps)
    return np.concatenate(
        [_mean_and_spread(size)[0], _mean_and_spread(steps)[1], np.fmax.reduce(size, axis=2)],
        axis=1,
    )


def _mean_and_spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of what was measured; NaN, without a warning, where nothing was."""
    known = ~np.isnan(values)
    counts = known.sum(axis=2)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, values, 0).sum(axis=2, dtype=np.float64) / np.where(
            counts, counts, np.nan
        )
        centred = np.where(known, values - mean[:, :, None], 0)
        spread = np.sqrt((centred**2).sum(axis=2) / np.where(counts, counts, np.nan))
    return mean, spread


def _static_numbers(static: pd.DataFrame) -> np.ndarray:
    columns = []
    for name in static:
        values = static[name]
        if pd.api.types.is_numeric_dtype(values):
            columns.append(values.to_numpy(dtype=float, na_value=np.nan))
        else:
            codes = pd.factorize(values, sort=False)[0]
            columns.append(np.where(codes < 0, np.nan, codes))
    return np.stack(columns, axis=1)
