"""Numbers that describe a window, against NumPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from multitide.data._samples import Samples
from multitide.study.design._window_features import MAX_FLAT, window_features


def arrays(n_timepoints: int = 12) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 3, n_timepoints)).astype(np.float32)


def test_statistics_and_steps_of_whole_windows() -> None:
    X = arrays()
    steps = np.diff(X, axis=2)
    expected = [
        X.mean(2),
        X.std(2),
        X.min(2),
        X.max(2),
        X[:, :, 0],
        X[:, :, -1],
        X[:, :, -1] - X[:, :, 0],
    ]
    expected += [
        np.abs(steps).mean(2),
        steps.std(2),
        np.abs(steps).max(2),
        X.reshape(5, -1),
        steps.reshape(5, -1),
    ]
    found = window_features(Samples.from_arrays(X))
    assert found == pytest.approx(np.concatenate(expected, axis=1), abs=1e-6)


def test_missing_values_are_skipped_and_only_missing_values_give_nan() -> None:
    X = arrays()
    X[0, 0, [0, 5, 11]] = np.nan
    X[1, 2] = np.nan
    found = window_features(Samples.from_arrays(X))[:, :21].reshape(5, 7, 3)
    known = X[0, 0, [1, 2, 3, 4, 6, 7, 8, 9, 10]]
    expected = [
        known.mean(),
        known.std(),
        known.min(),
        known.max(),
        known[0],
        known[-1],
        known[-1] - known[0],
    ]
    assert found[0, :, 0] == pytest.approx(np.array(expected), abs=1e-6)
    assert np.isnan(found[1, :, 2]).all()
    assert not np.isnan(found[2:]).any()


def test_series_of_unequal_length_end_at_their_own_last_step() -> None:
    X = arrays()
    samples = Samples.from_arrays([X[0], X[1, :, :7]])
    found = window_features(samples)
    assert found.shape == (2, 30)
    assert found[1, 15:18] == pytest.approx(X[1, :, 6])
    assert found[1, 27:30] == pytest.approx(
        np.abs(np.diff(X[1, :, :7])).max(1), abs=1e-6
    )


def test_long_windows_are_not_flattened() -> None:
    n = MAX_FLAT // 3 + 1
    assert window_features(Samples.from_arrays(arrays(n))).shape[1] == 30
    assert window_features(Samples.from_arrays(arrays(n - 1))).shape[1] == 30 + 3 * (
        n - 1
    ) + 3 * (n - 2)


def test_a_single_step_has_no_steps() -> None:
    found = window_features(Samples.from_arrays(arrays(1)))
    assert found.shape[1] == 24
    assert not np.isnan(found).any()


def test_static_inputs_are_appended_categories_as_codes() -> None:
    static = pd.DataFrame(
        {"age": [1.0, np.nan, 3, 4, 5], "make": ["a", "b", None, "a", "b"]}
    )
    found = window_features(Samples.from_arrays(arrays(), static=static))[:, -2:]
    np.testing.assert_array_equal(
        found, np.array([[1, 0], [np.nan, 1], [3, np.nan], [4, 0], [5, 1]], dtype=float)
    )
