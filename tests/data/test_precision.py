"""Channels that float32 cannot hold are kept, and reach the network centred."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from makers import small
from multitide._estimator import MultiTaskEstimator
from multitide.data._precision import as_values
from multitide.data._samples import Samples
from multitide.data.tables._read_table import read_table
from multitide.encodings._inputs import Inputs

WAVE = np.sin(np.arange(4000) / 7)


def meter(offset: float = 2e9) -> pd.DataFrame:
    return pd.DataFrame({"meter": offset + WAVE, "lab": np.arange(4000) // 20 % 2})


@pytest.mark.parametrize("door", ["frame", "csv", "parquet", "every"])
def test_a_table_keeps_a_large_counter(door: str, tmp_path: Path) -> None:
    frame = meter()
    data: pd.DataFrame | Path = frame
    every = None
    if door == "csv":
        data = tmp_path / "a.csv"
        frame.to_csv(data, index=False)
    elif door == "parquet":
        data = tmp_path / "a.parquet"
        frame.to_parquet(data)
    elif door == "every":
        data = frame.assign(time=np.arange(4000))
        every = 1
    samples = read_table(data, tasks=["lab"], window=24, every=every)
    assert len(np.unique(samples.values)) > 3980
    assert samples.X.dtype == np.float64
    assert np.asarray(samples.X[:2]).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.longdouble])
def test_arrays_keep_a_large_counter(dtype: type) -> None:
    X = (2**40 + np.arange(60)).astype(dtype).reshape(3, 1, 20)
    samples = Samples.from_arrays(X)
    np.testing.assert_array_equal(samples.gather(slice(None)), X.astype(np.float64))
    again = Samples.from_arrays(samples.X)
    np.testing.assert_array_equal(again.values, samples.values)


@given(st.floats(-1e4, 1e4), st.floats(0.1, 1e4))
def test_ordinary_channels_are_float32(center: float, spread: float) -> None:
    values = center + spread * 10 * WAVE[:100, None]
    assert as_values(values).dtype == np.float32
    assert as_values(np.full((5, 1), center)).dtype == np.float32


@given(st.floats(1e7, 1e12), st.integers(-3, 3))
def test_values_stay_apart(center: float, exponent: int) -> None:
    values = center * (1 + 1e-9 * 10.0**exponent * WAVE[:50, None])
    kept = as_values(values)
    error = np.abs(kept.astype(np.float64) - values).max()
    assert error <= 1e-3 * values.std() or len(np.unique(values)) == 1


def test_the_input_layer_centres_before_it_rounds() -> None:
    frame = meter()
    samples = read_table(frame, tasks=["lab"], window=40, stride=40)
    layer = Inputs().build(samples.channels)
    layer.fit(samples)
    raw = torch.from_numpy(samples.gather(slice(None)))
    encoded = layer(raw)
    assert encoded.dtype == torch.float32
    plain = read_table(meter(0), tasks=["lab"], window=40, stride=40)
    ordinary = Inputs().build(plain.channels)
    ordinary.fit(plain)
    expected = ordinary(torch.from_numpy(plain.gather(slice(None))))
    torch.testing.assert_close(encoded, expected, atol=1e-4, rtol=1e-4)


def test_a_saved_model_predicts_the_same_one_by_one(tmp_path: Path) -> None:
    level = np.arange(40) % 2
    X = 2e9 + 3.0 * level[:, None, None] + WAVE[:640].reshape(40, 1, 16)
    y = pd.DataFrame({"up": level, "load": 1e15 + np.arange(40) / 8})
    model = small(max_epochs=3).fit(X, y)
    expected = model.predict(X)
    model.save(tmp_path / "model")
    loaded = MultiTaskEstimator.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(X), expected)
    one = pd.concat([loaded.predict(X[i : i + 1]) for i in range(4)])
    np.testing.assert_allclose(
        one["load"] - 1e15, expected["load"][:4] - 1e15, atol=0.3
    )
    assert one["up"].tolist() == expected["up"][:4].tolist()
