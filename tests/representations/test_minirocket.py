"""MiniRocket through aeon: its features, for any length and with holes; stored as arrays."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from makers import make_samples
from multitide.data._samples import Samples
from multitide.errors import (
    DataError,
    MissingDependencyError,
    ParameterError,
    StoreError,
)
from multitide.representations import MiniRocket, load_encoder, represent, save_encoder
from refusals import refused

SMALL = MiniRocket(n_features=168)
needs_aeon = (
    pytest.mark.slow
)  # seconds to import, and minutes to compile where it has never run


def test_a_missing_aeon_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def without_aeon(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("aeon"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_aeon)
    with refused(
        "aeon", 'pip install "multitide[representations]"', error=MissingDependencyError
    ):
        SMALL.fit(make_samples(10))


def test_impossible_parameters_are_refused() -> None:
    with refused("n_features`", "84", "got 10", error=ParameterError):
        MiniRocket(n_features=10).fit(make_samples(10))


@needs_aeon
@pytest.mark.parametrize("n_channels", [1, 3])
def test_features_are_aeons(n_channels: int) -> None:
    aeon = pytest.importorskip("aeon.transformations.collection.convolution_based")
    X = (
        np.random.default_rng(0)
        .normal(3, 2, size=(12, n_channels, 30))
        .astype(np.float32)
    )
    samples = Samples.from_arrays(X)
    state, n_threads = np.random.get_state()[1].copy(), torch.get_num_threads()
    features = SMALL.fit(samples).transform(samples)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert torch.get_num_threads() == n_threads
    scaled = (X - X.mean(axis=(0, 2), keepdims=True)) / X.std(
        axis=(0, 2), keepdims=True
    )
    expected = aeon.MiniRocket(n_kernels=168, random_state=0).fit_transform(scaled)
    assert features.dtype == np.float32
    assert features.shape == (12, 168)
    np.testing.assert_allclose(
        features, expected, atol=0.04
    )  # one step of thirty may lie on a bias


@needs_aeon
def test_a_series_has_its_own_features_whatever_the_others() -> None:
    samples = make_samples(30, unequal=True)
    encoder = SMALL.fit(samples)
    features = encoder.transform(samples)
    assert np.isfinite(features).all()
    for i in (0, 7):
        np.testing.assert_array_equal(encoder.transform(samples[[i]])[0], features[i])


@needs_aeon
def test_holes_and_short_series_are_filled() -> None:
    samples = make_samples(30)
    encoder = SMALL.fit(samples)
    values = samples.values.copy()
    values[::3, 0] = np.nan
    assert np.isfinite(encoder.transform(samples.replace(values=values))).all()
    short = Samples.from_arrays(samples.gather(slice(None))[:, :, :5])
    held = np.pad(short.gather(slice(None)), ((0, 0), (0, 0), (0, 15)), mode="edge")[
        :, :, : encoder.n_spanned
    ]
    np.testing.assert_array_equal(
        encoder.transform(short), encoder.transform(Samples.from_arrays(held))
    )
    with refused("`X`", "at least 9 time steps", "has 5", error=DataError):
        SMALL.fit(short)
    with refused("`X`", "channels of the training series", error=DataError):
        encoder.transform(Samples.from_arrays(np.zeros((2, 2, 20))))


@needs_aeon
def test_it_is_stored_as_its_arrays(tmp_path: Path) -> None:
    samples = make_samples(30)
    encoder = SMALL.fit(samples)
    path = save_encoder(encoder, tmp_path / "rocket.safetensors")
    again = load_encoder(path)
    np.testing.assert_array_equal(again.transform(samples), encoder.transform(samples))
    assert again.spec == SMALL
    assert represent(samples, again).shape == (30, 168, 1)
    with refused("`path`", "exist", error=StoreError):
        save_encoder(encoder, path)
    path.write_bytes(path.read_bytes()[:-50])
    with refused("`path`", "cannot be read", error=StoreError):
        load_encoder(path)
