"""Hydra: kernels that compete at each step, as in the paper and in aeon."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from multitide.representations import Hydra, MultiRocket, MultiRocketHydra
from multitide.representations._hydra import HydraFeatures


def series(n_channels: int) -> np.ndarray:
    x = np.random.default_rng(1).normal(size=(4, n_channels, 40))
    return x.cumsum(axis=2).astype(np.float32)


def by_loops(x: np.ndarray, module: HydraFeatures) -> np.ndarray:
    """Return the features of one series (channels, time), in float64."""
    found = []
    for exponent, each in enumerate(module.weights.double().numpy()):
        dilation = 2**exponent
        for i, own in enumerate((x, np.diff(x))):
            padded = np.pad(own.astype(np.float64), ((0, 0), (4 * dilation,) * 2))
            most, least = np.zeros((2, *each.shape[1:3]))
            for group, weights in enumerate(each[i]):
                read = padded[module.channels[exponent, i, group].numpy()].sum(axis=0)
                for step in range(own.shape[1]):
                    window = read[step : step + 8 * dilation + 1 : dilation]
                    values = weights @ window
                    most[group, values.argmax()] += values.max()
                    least[group, values.argmin()] += 1
            found += [most.clip(min=0) / own.shape[1], least / own.shape[1]]
    return np.sqrt(np.concatenate([part.ravel() for part in found]))


@pytest.mark.parametrize("n_channels", [1, 2, 7])
def test_features_are_the_papers(n_channels: int) -> None:
    x = series(n_channels)
    module = Hydra(n_kernels=3, n_groups=4).draw(x)
    features = module(torch.from_numpy(x)).numpy()
    assert features.shape == (4, 3 * 2 * 4 * 3)
    for own, each in zip(features, x, strict=True):
        np.testing.assert_allclose(own, by_loops(each, module), atol=1e-5)


def test_each_group_reads_half_of_the_channels() -> None:
    counts = {}
    for n_channels in (1, 2, 3, 5, 9, 40):
        channels = Hydra(n_groups=4).draw(series(n_channels)).channels
        counts[n_channels] = channels.shape[3]
        assert (channels.sort(dim=3).values.diff(dim=3) > 0).all()
    assert counts == {1: 1, 2: 2, 3: 2, 5: 2, 9: 4, 40: 8}


def test_no_kernel_wins_where_a_series_is_constant() -> None:
    module = Hydra(n_kernels=3, n_groups=4).draw(series(1))
    x = torch.full((1, 1, 100), 3.7)
    features = module(x).reshape(3, 2, 2, -1)
    counts = (features[:, :, 1] ** 2).sum(dim=-1)  # of the smallest, over 2 groups
    reach = 8 * 2 ** torch.arange(3)  # steps at which a kernel sees the padding
    np.testing.assert_allclose(counts[:, 0], 2 * reach / 100, atol=1e-5)
    np.testing.assert_allclose(counts[:, 1], 0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("n_channels", [1, 6])
def test_features_are_aeons(n_channels: int) -> None:
    aeon = pytest.importorskip("aeon.transformations.collection.convolution_based")
    x = series(n_channels)
    module = Hydra(n_kernels=3, n_groups=4).draw(x)
    known = aeon.HydraTransformer(3, 4, random_state=0, output_type="numpy").fit(x)
    known._hydra.W = module.weights.flatten(2, 3)[:, :, :, None].clone()
    known._hydra.idx = list(module.channels)
    n_threads = torch.get_num_threads()
    theirs = known.transform(x)
    torch.set_num_threads(n_threads)
    n_steps = np.tile(np.repeat([40, 39], 2 * 2 * 3), len(module.weights))
    expected = np.sqrt(theirs.clip(min=0) / n_steps)
    np.testing.assert_allclose(module(torch.from_numpy(x)), expected, atol=1e-5)


def test_multirocket_hydra_has_the_features_of_both() -> None:
    x = series(3)
    parts = [MultiRocket(n_features=672), Hydra(n_kernels=3, n_groups=4)]
    both = MultiRocketHydra(n_features=672, n_kernels=3, n_groups=4).draw(x)
    expected = [part.draw(x).in_batches(x) for part in parts]
    np.testing.assert_array_equal(both.in_batches(x), np.concatenate(expected, axis=1))
