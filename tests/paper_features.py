"""Values of MiniRocket's kernels by the paper's formula, with loops in float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np


class Kernel(NamedTuple):
    """One kernel at one dilation."""

    taps: tuple[int, ...]
    channels: np.ndarray
    dilation: int
    padded: bool
    biases: np.ndarray


def kernels_of(drawn: Mapping[str, np.ndarray]) -> Iterator[Kernel]:
    """Yield the kernels in the order of their features."""
    channels = iter(drawn["channel_indices"].tolist())
    counts = iter(drawn["n_channels_per_kernel"].tolist())
    biases = iter(drawn["biases"].tolist())
    places = zip(drawn["dilations"], drawn["n_features_per_dilation"], strict=True)
    for i, (dilation, n_biases) in enumerate(places):
        for k, taps in enumerate(combinations(range(9), 3)):
            own = np.array([next(channels) for _ in range(next(counts))])
            some = np.array([next(biases) for _ in range(n_biases)])
            yield Kernel(taps, own, int(dilation), (i + k) % 2 == 0, some)


def kernel_values(x: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Return the convolution of series (n, channels, time) over time, (n, steps)."""
    weights = np.full(9, -1.0)
    weights[list(kernel.taps)] = 2.0
    summed = x.astype(np.float64)[:, kernel.channels].sum(axis=1)
    reach = 4 * kernel.dilation
    padded = np.pad(summed, ((0, 0), (reach, reach)))
    n_steps = x.shape[2]
    values = np.zeros((len(x), n_steps))
    for step in range(n_steps):
        values[:, step] = padded[:, step : step + 2 * reach + 1 : kernel.dilation] @ (
            weights
        )
    if kernel.padded:
        return values
    return values[:, reach : n_steps - reach]
