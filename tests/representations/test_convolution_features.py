"""Rockets and Hydra: any length, missing values, one file without pickle, and an export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from makers import make_samples
from multitide.backbones import _convolution_features as features_module
from multitide.data._samples import Samples
from multitide.errors import DataError, StoreError
from multitide.representations import REPRESENTATIONS, load_encoder, represent
from multitide.representations._convolution_features import ConvolutionRepresentation
from multitide.representations._save_encoder import save_encoder
from refusals import refused

SMALL = {
    "minirocket": {"n_features": 168},
    "multirocket": {"n_features": 672},
    "hydra": {"n_kernels": 3, "n_groups": 4},
    "multirocket_hydra": {"n_features": 672, "n_kernels": 3, "n_groups": 4},
}
NAMES = [
    name
    for name, kind in REPRESENTATIONS.items()
    if issubclass(kind, ConvolutionRepresentation)
]
by_name = pytest.mark.parametrize("name", NAMES)


def small(name: str) -> ConvolutionRepresentation:
    spec = REPRESENTATIONS[name](**SMALL[name])
    assert isinstance(spec, ConvolutionRepresentation)
    return spec


@by_name
def test_a_series_has_its_own_features_whatever_the_others(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = make_samples(30, unequal=True)
    state = np.random.get_state()[1].copy(), torch.random.get_rng_state()
    encoder = small(name).fit(samples)
    features = encoder.transform(samples)
    np.testing.assert_array_equal(np.random.get_state()[1], state[0])
    assert torch.equal(torch.random.get_rng_state(), state[1])
    assert (features.shape, features.dtype) == ((30, encoder.n_features), np.float32)
    assert np.isfinite(features).all()
    for i in (0, 7):
        alone = encoder.transform(samples[[i]])[0]
        np.testing.assert_allclose(alone, features[i], atol=1e-6)
    monkeypatch.setattr(features_module, "MOST_VALUES", 1)  # one series in a batch
    np.testing.assert_allclose(encoder.transform(samples), features, atol=1e-6)


@by_name
def test_holes_and_short_series_are_filled(name: str) -> None:
    samples = make_samples(30)
    encoder = small(name).fit(samples)
    values = samples.values.copy()
    values[::3, 0] = np.nan
    assert np.isfinite(encoder.transform(samples.replace(values=values))).all()
    short = Samples.from_arrays(samples.gather(slice(None))[:, :, :5])
    missing = max(0, encoder.module.n_spanned - 5)
    held = np.pad(
        short.gather(slice(None)), ((0, 0), (0, 0), (0, missing)), mode="edge"
    )
    np.testing.assert_array_equal(
        encoder.transform(short), encoder.transform(Samples.from_arrays(held))
    )
    with refused("`X`", "at least", "time steps", "has 5", error=DataError):
        small(name).fit(short)
    with refused("`X`", "channels of the training series", error=DataError):
        encoder.transform(Samples.from_arrays(np.zeros((2, 2, 20))))


@by_name
def test_the_same_seed_draws_the_same(name: str) -> None:
    samples = make_samples(12)
    features = small(name).fit(samples).transform(samples)
    np.testing.assert_array_equal(small(name).fit(samples).transform(samples), features)
    other = small(name).set_params(random_state=1).fit(samples).transform(samples)
    assert (other != features).any()


@by_name
def test_it_is_stored_as_its_arrays(name: str, tmp_path: Path) -> None:
    samples = make_samples(30)
    encoder = small(name).fit(samples)
    path = save_encoder(encoder, tmp_path / "rocket.safetensors")
    again = load_encoder(path)
    np.testing.assert_array_equal(again.transform(samples), encoder.transform(samples))
    assert again.spec == small(name)
    assert represent(samples, again).shape == (30, encoder.n_features, 1)
    with refused("`path`", "exist", error=StoreError):
        save_encoder(encoder, path)
    path.write_bytes(path.read_bytes()[:-50])
    with refused("`path`", "cannot be read", error=StoreError):
        load_encoder(path)


@by_name
def test_arrays_that_do_not_fit_together_are_refused(name: str) -> None:
    encoder = small(name).fit(make_samples(12))
    for changed, array in encoder.arrays().items():
        wrong = [array[:-1]]
        if changed.endswith(("channels", "channel_indices")):
            wrong += [array + 1000, array - 1000]
        for each in wrong:
            arrays = {**encoder.arrays(), changed: each}
            with pytest.raises(ValueError, match=r"shape|outside|kernels"):
                small(name).restore(encoder.layer, {}, arrays)


@pytest.mark.slow
@by_name
def test_it_is_exported_with_operators_that_onnx_has(name: str) -> None:
    samples = make_samples(6)
    encoder = small(name).fit(samples)
    x = torch.from_numpy(np.ascontiguousarray(samples.gather(slice(None))))
    module = nn.Sequential(encoder.layer, encoder.module).eval()
    batch = torch.export.Dim("batch", min=1, max=1000)
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: batch},))
    operators = {str(node.target) for node in exported.graph.nodes}
    assert not any("cummax" in operator for operator in operators)
    features = exported.module()(x[:3]).detach().numpy()
    np.testing.assert_allclose(features, encoder.transform(samples[:3]), atol=1e-5)
