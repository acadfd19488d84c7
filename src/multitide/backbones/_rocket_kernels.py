"""The 84 kernels of MiniRocket in torch: convolutions at many dilations, pooled over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, islice
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from multitide.backbones._convolution_features import KERNEL, ConvolutionFeatures

# The steps of each kernel with the weight 2; the other six have the weight -1.
TAPS = torch.tensor(list(combinations(range(KERNEL), 3)))
N_KERNELS = len(TAPS)
# What is drawn: the channels of each kernel, by dilation and kernel; the dilations, with the number
# of biases that a kernel has at each; and the biases, by dilation and kernel.
NAMES = (
    "n_channels_per_kernel",
    "channel_indices",
    "dilations",
    "n_features_per_dilation",
    "biases",
)
# Values minus biases, (batch, kernels, biases, time), to (batch, operators, kernels, biases); the
# numbers of steps that count follow if series end at different steps.
Pooling: TypeAlias = Callable[..., Tensor]


class RocketKernels(ConvolutionFeatures):
    """Convolve series with every kernel at every dilation, and pool the values over time.

    Parameters
    ----------
    drawn : mapping of str to ndarray
        The arrays of `NAMES`.
    n_channels : int
        Number of channels of the series.
    pooling : callable
        Maps values minus biases, (batch, kernels, biases, time), to the features of each pooling
        operator, (batch, operators, kernels, biases).
    n_operators : int, default=1
        Number of pooling operators.

    Notes
    -----
    As in the paper, every other kernel, alternating by dilation, is applied to the series padded
    with zeros; the others only where they lie within the series.

    The value of a kernel is three times the sum of its three steps minus the sum of all nine. Sums
    are taken element by element in one order, so that values have the same bits in every batch and
    on every machine, and are exactly 0 where the series is constant. Whether they exceed a bias
    then never depends on rounding.
    """

    biases: Tensor
    taps: Tensor
    sorted_channels: Tensor
    places: Tensor

    def __init__(
        self,
        drawn: Mapping[str, np.ndarray],
        n_channels: int,
        pooling: Pooling,
        n_operators: int = 1,
    ) -> None:
        super().__init__()
        _check_drawn(drawn, n_channels)
        for name in NAMES:
            # A copy, because arrays that were read from a file cannot be written to.
            self.register_buffer(name, torch.from_numpy(np.array(drawn[name])))
        self.register_buffer("taps", TAPS.T.contiguous(), persistent=False)
        self._dilations: list[int] = drawn["dilations"].tolist()
        self._n_biases: list[int] = drawn["n_features_per_dilation"].tolist()
        self._pooling = pooling
        self._n_operators = n_operators
        table = _channel_table(drawn)
        # Kernels with many channels first, so that those with an n-th channel are a slice.
        order = np.argsort(-(table >= 0).sum(axis=1), axis=-1, kind="stable")
        table = np.take_along_axis(table, order[:, None], axis=2)
        self._n_with_channel: list[list[int]] = (table >= 0).sum(axis=2).tolist()
        places = np.argsort(order, axis=-1)
        if n_channels == 1:
            places[:] = 0
        self.register_buffer("sorted_channels", torch.from_numpy(table), False)
        self.register_buffer("places", torch.from_numpy(places), False)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self._n_operators * len(self.biases)

    @property
    def n_spanned(self) -> int:
        """Number of steps that the longest kernel spans."""
        return (KERNEL - 1) * max(self._dilations) + 1

    @property
    def n_values(self) -> int:
        """Number of values minus biases per step of a series, at one dilation."""
        return N_KERNELS * max(self._n_biases)

    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the features, by operator, dilation, kernel and bias.

        `lengths` (batch,) are needed if series are followed by zeros; only some poolings support
        this.
        """
        pooled = []
        start = 0
        for index, n_biases in enumerate(self._n_biases):
            end = start + N_KERNELS * n_biases
            biases = self.biases[start:end].reshape(N_KERNELS, n_biases, 1)
            summed = self._summed_channels(x, index)
            pooled.append(self._pool(index, summed, biases, lengths))
            start = end
        return torch.cat(pooled, dim=2).flatten(1)

    def _summed_channels(self, x: Tensor, index: int) -> Tensor:
        """Return the sum of each kernel's channels, (batch, kernels in sorted order, time)."""
        if x.shape[1] == 1:
            return x
        channels = self.sorted_channels[index]
        first, *more = self._n_with_channel[index]
        summed = x.index_select(1, channels[0, :first])
        for n, count in enumerate(more, start=1):
            if count:
                more_channels = x.index_select(1, channels[n, :count])
                summed.narrow(1, 0, count).add_(more_channels)
        return summed

    def _pool(
        self, index: int, summed: Tensor, biases: Tensor, lengths: Tensor | None
    ) -> Tensor:
        dilation = self._dilations[index]
        values = convolve(summed, self.places[index], self.taps, dilation)
        padding = KERNEL // 2 * dilation
        halves: list[Tensor] = []
        for parity in (0, 1):
            half = values[:, parity::2]
            ends = lengths
            if (index + parity) % 2:
                half = half[:, :, padding:-padding]
                if lengths is not None:
                    ends = lengths - 2 * padding
            above = half[:, :, None] - biases[parity::2]
            if ends is None:
                halves.append(self._pooling(above))
            else:
                halves.append(self._pooling(above, ends))
        return torch.stack(halves, dim=3).flatten(2)


def convolve(summed: Tensor, places: Tensor, taps: Tensor, dilation: int) -> Tensor:
    """Return the values of all kernels at one dilation, (batch, kernels, time).

    Parameters
    ----------
    summed : Tensor, shape (batch, rows, time)
        Sums of channels.
    places : Tensor of int64, shape (kernels,)
        The row that each kernel reads.
    taps : Tensor of int64, shape (3, kernels)
        The three steps of each kernel.
    dilation : int
    """
    n_steps = summed.shape[2]
    reach = KERNEL // 2 * dilation
    padded = F.pad(summed, (reach, reach))
    shifted = []
    for tap in range(KERNEL):
        shifted.append(padded.narrow(2, tap * dilation, n_steps))
    # 2 r + r is rounded as 3 r is, so that both sums are equal where the series is constant.
    thirds = [shifted[i] + shifted[i + 1] + shifted[i + 2] for i in (0, 3, 6)]
    nines = thirds[0] + thirds[1] + thirds[2]
    rows = torch.stack(shifted, dim=2).flatten(1, 2)
    first = places * KERNEL
    threes = rows.index_select(1, first + taps[0])
    threes += rows.index_select(1, first + taps[1])
    threes += rows.index_select(1, first + taps[2])
    threes *= 3
    threes -= nines.index_select(1, places)
    return threes


def draw_kernels(
    x: np.ndarray, n_features: int, max_dilations: int, random_state: int
) -> dict[str, np.ndarray]:
    """Draw the channels of kernels, and their biases from values of the training series.

    Parameters
    ----------
    x : ndarray of float32, shape (n_samples, n_channels, time)
        At least 9 steps.
    n_features : int
        Number of biases; rounded down to a multiple of 84.
    max_dilations : int
        Maximum number of dilations.
    random_state : int

    Returns
    -------
    dict of str to ndarray
        The arrays of `NAMES`.

    Notes
    -----
    The draws are those of aeon 1.6.
    """
    drawn = draw_channels(
        x.shape[1], x.shape[2], n_features, max_dilations, random_state
    )
    drawn["biases"] = draw_biases(x, drawn, random_state)
    return drawn


def draw_channels(
    n_channels: int,
    n_timepoints: int,
    n_features: int,
    max_dilations: int,
    random_state: int,
) -> dict[str, np.ndarray]:
    """Draw the channels of kernels; all biases are zero. See :func:`draw_kernels`."""
    dilations, n_biases = _dilations(
        n_timepoints, n_features // N_KERNELS, max_dilations
    )
    generator = np.random.RandomState(random_state)
    most = np.log2(min(n_channels, KERNEL) + 1)
    n_combinations = N_KERNELS * len(dilations)
    counts = (2 ** generator.uniform(0, most, n_combinations)).astype(np.int32)
    channels = []
    for count in counts:
        channels.append(generator.choice(n_channels, count, replace=False))
    return {
        "n_channels_per_kernel": counts,
        "channel_indices": np.concatenate(channels).astype(np.int32),
        "dilations": dilations,
        "n_features_per_dilation": n_biases,
        "biases": np.zeros(N_KERNELS * int(n_biases.sum()), dtype=np.float32),
    }


def _dilations(
    n_steps: int, n_biases: int, max_dilations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return exponentially spaced dilations, and the number of biases of a kernel at each."""
    n_dilations = min(n_biases, max_dilations)
    largest = np.log2((n_steps - 1) / (KERNEL - 1))
    spaced = np.logspace(0, largest, n_dilations, base=2).astype(np.int32)
    dilations, counts = np.unique(spaced, return_counts=True)
    counts = (counts * (n_biases / n_dilations)).astype(np.int32)
    for i in range(n_biases - int(counts.sum())):
        counts[i % len(counts)] += 1
    return dilations, counts


def draw_biases(
    x: np.ndarray, drawn: Mapping[str, np.ndarray], random_state: int
) -> np.ndarray:
    """Return quantiles of each kernel's values on one series, by dilation and kernel.

    `x` (n_samples, n_channels, time) are training series.
    """
    generator = np.random.RandomState(random_state)
    table = _channel_table(drawn)
    n_biases = drawn["n_features_per_dilation"].tolist()
    quantiles = iter(_low_discrepancy(N_KERNELS * sum(n_biases)))
    biases = []
    for dilation, count, channels in zip(
        drawn["dilations"].tolist(), n_biases, table, strict=True
    ):
        rows = generator.randint(len(x), size=N_KERNELS)
        summed = np.zeros((1, N_KERNELS, x.shape[2]), dtype=np.float32)
        for own in channels:
            present = np.flatnonzero(own >= 0)
            summed[0, present] += x[rows[present], own[present]]
        kernels = torch.arange(N_KERNELS)
        values = convolve(torch.from_numpy(summed), kernels, TAPS.T, dilation)[0]
        for each in values.double().numpy():
            biases.append(np.quantile(each, list(islice(quantiles, count))))
    joined: np.ndarray = np.concatenate(biases)
    return joined.astype(np.float32)


def _low_discrepancy(n: int) -> np.ndarray:
    """Return n numbers between 0 and 1, the multiples of the golden ratio modulo 1."""
    golden = (np.sqrt(5) + 1) / 2
    numbers: np.ndarray = np.arange(1, n + 1) * golden % 1
    return numbers.astype(np.float32)


def _channel_table(drawn: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the n-th channel of each kernel, -1 for none, (dilations, most channels, kernels)."""
    counts = drawn["n_channels_per_kernel"]
    positions = np.arange(counts.max())[:, None]
    present = positions < counts
    starts = np.cumsum(counts) - counts
    indices = np.where(present, starts + positions, 0)
    table = np.where(present, drawn["channel_indices"][indices], -1)
    by_dilation: np.ndarray = table.reshape(len(table), -1, N_KERNELS)
    return by_dilation.transpose(1, 0, 2).astype(np.int64)


def _check_drawn(drawn: Mapping[str, np.ndarray], n_channels: int) -> None:
    """Raise a ValueError unless the arrays, which may come from a file, fit together."""
    n_combinations = N_KERNELS * len(drawn["dilations"])
    channels = drawn["channel_indices"]
    sizes = {
        "n_channels_per_kernel": n_combinations,
        "n_features_per_dilation": len(drawn["dilations"]),
        "channel_indices": int(drawn["n_channels_per_kernel"].sum()),
        "biases": N_KERNELS * int(drawn["n_features_per_dilation"].sum()),
    }
    for name, size in sizes.items():
        if drawn[name].shape != (size,):
            raise ValueError(f"{name} of shape {drawn[name].shape} instead of {size}")
    if channels.min() < 0 or channels.max() >= n_channels:
        raise ValueError(f"channel_indices outside 0 to {n_channels - 1}")
