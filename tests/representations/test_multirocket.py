"""MultiRocket: the four operators on the series and its difference, as in the paper and in aeon."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from multitide.representations import MultiRocket
from multitide.representations._with_prefix import with_prefix
from paper_features import kernel_values, kernels_of


def series(n_channels: int, n_steps: int) -> np.ndarray:
    x = np.random.default_rng(1).normal(size=(4, n_channels, n_steps))
    return x.cumsum(axis=2).astype(np.float32)


def pooled_by_loops(values: np.ndarray, bias: float) -> np.ndarray:
    """Return PPV, LSPV, MPV and MIPV of some series, (4, n)."""
    found = []
    for own in values:
        above = np.flatnonzero(own > bias)
        marked = {0, *np.flatnonzero(own < bias).tolist(), len(own) - 1}
        stretch = max(np.diff(sorted(marked)), default=0)
        mean, index = 0.0, -1.0
        if len(above):
            mean, index = (own[above] - bias).mean(), above.mean()
        n = len(own)
        found.append([len(above) / n, stretch / n, mean, index / n])
    return np.array(found).T


@pytest.mark.parametrize(("n_channels", "n_steps"), [(1, 10), (3, 37)])
def test_features_are_the_papers(n_channels: int, n_steps: int) -> None:
    x = series(n_channels, n_steps)
    module = MultiRocket(n_features=1344).draw(x)
    arrays = {name: t.numpy() for name, t in module.state_dict().items()}
    expected = []
    for prefix, own in (("series.", x), ("difference.", np.diff(x))):
        by_bias = []
        for kernel in kernels_of(with_prefix(arrays, prefix)):
            values = kernel_values(own, kernel)
            for bias in kernel.biases:
                by_bias.append(pooled_by_loops(values, bias))
        expected.append(np.stack(by_bias, axis=1).reshape(-1, len(x)))
    features = module(torch.from_numpy(x)).T
    assert features.shape == (1344, 4)
    np.testing.assert_allclose(features, np.concatenate(expected), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("n_channels", [1, 3])
def test_features_of_the_series_are_aeons(n_channels: int) -> None:
    aeon = pytest.importorskip("aeon.transformations.collection.convolution_based")
    x = series(n_channels, 40)
    module = MultiRocket(n_features=1344).draw(x)
    kernels = {name: t.numpy() for name, t in module.series.state_dict().items()}
    known = aeon.MultiRocket(n_kernels=168, random_state=0).fit(x)
    names = ["dilations", "n_features_per_dilation", "biases"]
    if n_channels > 1:
        names = ["n_channels_per_kernel", "channel_indices", *names]
    known.parameter = known.parameter1 = tuple(kernels[name] for name in names)
    theirs = known.transform(x)[:, :672].reshape(4, 4, -1)
    own = module.series(torch.from_numpy(x)).numpy().reshape(4, 4, -1)
    n_steps = []
    for kernel in kernels_of(kernels):
        n_steps += [kernel_values(x, kernel).shape[1]] * len(kernel.biases)
    # Their stretches and positions are in steps, and they add the bias that we subtract.
    own[:, [1, 3]] *= np.array(n_steps)
    own[:, 2] += 2 * kernels["biases"] * (own[:, 0] > 0)
    np.testing.assert_allclose(own, theirs, atol=1e-4)
