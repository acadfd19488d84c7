"""MiniRocket: its features are the paper's and aeon's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from makers import make_samples
from multitide.backbones._rocket_kernels import NAMES, RocketKernels, draw_kernels
from multitide.backbones._rocket_pooling import fraction_above
from multitide.data._samples import Samples
from multitide.errors import ParameterError
from multitide.representations import MiniRocket
from paper_features import kernel_values, kernels_of
from refusals import refused


def test_impossible_parameters_are_refused() -> None:
    with refused("n_features`", "84", "got 10", error=ParameterError):
        MiniRocket(n_features=10).fit(make_samples(10))


@pytest.mark.parametrize(("n_channels", "n_steps"), [(1, 9), (1, 30), (4, 41)])
def test_features_are_the_papers(n_channels: int, n_steps: int) -> None:
    x = np.random.default_rng(0).normal(size=(3, n_channels, n_steps))
    x = x.astype(np.float32)
    drawn = draw_kernels(x, 420, 32, random_state=2)
    features = RocketKernels(drawn, n_channels, fraction_above)(torch.from_numpy(x))
    expected = []
    for kernel in kernels_of(drawn):
        values = kernel_values(x, kernel)
        for bias in kernel.biases:
            expected.append((values > bias).mean(axis=1))
    assert features.shape == (3, 420)
    np.testing.assert_allclose(features.T, expected, atol=1e-6)


def test_a_constant_series_is_exactly_zero_under_every_kernel() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3, 30)).astype(np.float32)
    drawn = draw_kernels(x, 84, 1, random_state=0)
    drawn["biases"][:] = 0
    kernels = RocketKernels(drawn, 3, lambda z: z.abs().amax(dim=-1)[:, None])
    levels = torch.linspace(-7.7, 1e5, 600).reshape(200, 3, 1).expand(-1, -1, 30)
    inside = torch.arange(84) % 2 == 1  # kernels that do not see the padding
    assert torch.equal(kernels(levels)[:, inside], torch.zeros(200, 42))


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.slow
def test_kernels_and_features_are_aeons(n_channels: int) -> None:
    aeon = pytest.importorskip("aeon.transformations.collection.convolution_based")
    X = np.random.default_rng(0).normal(3, 2, size=(12, n_channels, 30))
    scaled = (X - X.mean(axis=(0, 2), keepdims=True)) / X.std(
        axis=(0, 2), keepdims=True
    )
    scaled = scaled.astype(np.float32)
    known = aeon.MiniRocket(n_kernels=168, random_state=0)
    expected = known.fit_transform(scaled)
    drawn = draw_kernels(scaled, 168, 32, random_state=0)
    for name, array in zip(NAMES, known.parameters, strict=True):
        np.testing.assert_allclose(drawn[name], array, rtol=1e-4, atol=1e-4)
    samples = Samples.from_arrays(X.astype(np.float32))
    features = MiniRocket(n_features=168).fit(samples).transform(samples)
    # A value that lies on a bias may be rounded to either side of it.
    np.testing.assert_allclose(features, expected, atol=0.04)
    assert (features != expected).mean() < 0.01
