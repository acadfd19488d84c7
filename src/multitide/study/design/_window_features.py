"""Features of windows, for learners that read tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multitide.data._samples import Samples

MAX_FLAT = 400


def window_features(samples: Samples) -> np.ndarray:
    """Return statistics of every sample's channels and of their steps.

    Parameters
    ----------
    samples : Samples

    Returns
    -------
    ndarray of float32, shape (n_samples, n_features)
        For each channel the mean, standard deviation, minimum, maximum, first and last value, and
        last - first; and the mean absolute value, standard deviation and maximum absolute value of
        its steps. If windows have the same length and at most 400 values, all values and steps
        follow. Static inputs come last, categories as codes. Statistics ignore missing values; they
        are NaN if all values are missing.
    """
    series = samples.gather(slice(None))
    steps = np.diff(series, axis=2)
    columns = [_statistics(series), _step_statistics(steps)]
    if samples.equal_lengths and series.shape[1] * series.shape[2] <= MAX_FLAT:
        columns += [series.reshape(len(series), -1), steps.reshape(len(series), -1)]
    if samples.static is not None and samples.static.shape[1]:
        columns.append(_static_numbers(samples.static))
    features: np.ndarray = np.concatenate(columns, axis=1).astype(np.float32)
    return features


def _statistics(series: np.ndarray) -> np.ndarray:
    known = ~np.isnan(series)
    n_steps = series.shape[2]
    first = np.take_along_axis(series, known.argmax(axis=2)[:, :, None], axis=2)[
        :, :, 0
    ]
    last_place = n_steps - 1 - known[:, :, ::-1].argmax(axis=2)
    last = np.take_along_axis(series, last_place[:, :, None], axis=2)[:, :, 0]
    mean, spread = _mean_and_spread(series)
    low = np.fmin.reduce(series, axis=2)
    high = np.fmax.reduce(series, axis=2)
    return np.concatenate([mean, spread, low, high, first, last, last - first], axis=1)


def _step_statistics(steps: np.ndarray) -> np.ndarray:
    if not steps.shape[2]:
        return np.empty((len(steps), 0))
    size = np.abs(steps)
    mean_size, _ = _mean_and_spread(size)
    _, spread = _mean_and_spread(steps)
    return np.concatenate([mean_size, spread, np.fmax.reduce(size, axis=2)], axis=1)


def _mean_and_spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation without missing values, and without warnings."""
    known = ~np.isnan(values)
    counts = known.sum(axis=2)
    divisors = np.where(counts, counts, np.nan)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, values, 0).sum(axis=2, dtype=np.float64) / divisors
        centred = np.where(known, values - mean[:, :, None], 0)
        spread = np.sqrt((centred**2).sum(axis=2) / divisors)
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
