"""Channels that float32 cannot hold are kept, and reach the network centred."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._inputs import Inputs
from multitide.encodings._static import StaticLayer
from multitide.errors import MultitideWarning

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


def fitted(values: np.ndarray, **params: Any) -> InputLayer:
    samples = Samples.from_arrays(values.reshape(len(values) // 20, 1, 20))
    layer = Inputs(**params).build(samples.channels)
    layer.fit(samples)
    return layer


@pytest.mark.parametrize("scale", ["standard", "robust"])
@pytest.mark.parametrize("size", [1e-310, 1e-42, 1e-39])
def test_a_channel_too_small_for_float32_is_constant_and_named(
    scale: str, size: float
) -> None:
    with pytest.warns(MultitideWarning, match=r"`0`.*vary by less than.*Multiply"):
        layer = fitted(size * WAVE, scale=scale)
    x = torch.from_numpy(size * WAVE[None, None, :20])
    assert layer(x).abs().max() < 1e-30


@pytest.mark.parametrize(
    "values",
    [2e9 + WAVE, 1 + 1e-15 * WAVE, 1e-310 * WAVE],
    ids=["counter", "one", "denormal"],
)
def test_scale_none_names_what_float32_loses(values: np.ndarray) -> None:
    with pytest.warns(MultitideWarning, match=r"`0`.*float32.*inputs.scale"):
        fitted(values, scale="none")


@given(st.floats(-1e30, 1e30), st.floats(1e-30, 1e30))
def test_channels_that_float32_holds_are_not_named(
    center: float, spread: float
) -> None:
    values = center + spread * WAVE[:100]
    if values.std() < 1e-4 * np.abs(values).max():
        return
    for scale in ("standard", "robust", "none"):
        layer = fitted(values, scale=scale)
        assert layer(torch.from_numpy(values[None, None])).isfinite().all()


@pytest.mark.parametrize("offset", [0.0, 2e9, 1.7e9])
def test_static_inputs_are_centred_before_they_are_rounded(offset: float) -> None:
    frame = pd.DataFrame({"serial": offset + WAVE[:50], "ward": ["a", "b"] * 25})
    layer = StaticLayer.build(frame)
    layer.fit(frame)
    encoded = layer(torch.from_numpy(layer.encode(frame)))
    assert encoded.dtype == torch.float32
    expected = (WAVE[:50] - WAVE[:50].mean()) / WAVE[:50].std()
    np.testing.assert_allclose(encoded[:, 0], expected, atol=1e-5)
    loaded = StaticLayer.from_config(layer.to_config())
    loaded.load_state_dict(layer.state_dict())
    one = loaded(torch.from_numpy(loaded.encode(frame[:1])))
    torch.testing.assert_close(one, encoded[:1])


def test_a_model_with_static_counters_is_saved(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(40, 1, 16))
    static = pd.DataFrame({"serial": 2e9 + np.arange(40) % 2})
    y = pd.DataFrame({"odd": np.arange(40) % 2})
    model = small(max_epochs=1).fit(X, y, static=static)
    expected = model.predict_proba(X, static=static)["odd"]
    model.save(tmp_path / "model")
    loaded = MultiTaskEstimator.load(tmp_path / "model")
    one = loaded.predict_proba(X[:1], static=static[:1])["odd"]
    np.testing.assert_allclose(one, expected[:1], atol=1e-6)
