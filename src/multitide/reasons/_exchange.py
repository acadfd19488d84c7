"""Samples that have a part of their input from other samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from multitide.data._samples import Samples
from multitide.reasons._input_parts import InputPart

MAX_VALUES = 2**25  # in memory at once


def exchanged(samples: Samples, donors: Samples, part: InputPart) -> Samples:
    """Return samples whose part of the input is that of other samples.

    Whole channels change hands, or a segment of all channels, with their missing values. A donor
    of another length is stretched to that of the sample: each step takes the nearest one at the
    same share of the length.

    Parameters
    ----------
    samples, donors : Samples
        As many donors as samples.
    part : InputPart
        What is exchanged.
    """
    changed = samples
    if part.channels:
        values = _exchanged_values(samples, donors, part)
        n, n_steps, n_channels = values.shape
        changed = changed.replace(
            values=values.reshape(n * n_steps, n_channels),
            starts=np.arange(n, dtype=np.int64) * n_steps,
        )
    if part.statics and samples.static is not None and donors.static is not None:
        static = samples.static.copy()
        for name in part.statics:
            static[name] = donors.static[name].to_numpy()
        changed = changed.replace(static=static.astype(samples.static.dtypes))
    return changed


def _exchanged_values(samples: Samples, donors: Samples, part: InputPart) -> np.ndarray:
    """Return the values, (n_samples, n_timepoints, n_channels)."""
    steps = np.arange(samples.n_timepoints)
    lengths = samples.lengths[:, None]
    own = samples.starts[:, None] + np.minimum(steps, lengths - 1)
    values: np.ndarray = samples.values[own]
    places = (steps + 0.5) * donors.lengths[:, None] / lengths
    places = np.minimum(places.astype(np.int64), donors.lengths[:, None] - 1)
    theirs = donors.starts[:, None] + places
    begin, end = np.rint(part.begin * lengths), np.rint(part.end * lengths)
    inside = (steps >= begin) & (steps < end)
    for channel in part.channels:
        column = donors.values[theirs, channel]
        values[:, :, channel] = np.where(inside, column, values[:, :, channel])
    return values


def donor_rows(n_samples: int, n_repeats: int, seed: int) -> np.ndarray:
    """Return the donor of each sample in each repeat, (n_repeats, n_samples); never itself."""
    rng = np.random.default_rng(seed)
    rows = np.empty((n_repeats, n_samples), dtype=np.int64)
    for repeat in range(n_repeats):
        order = rng.permutation(n_samples)
        rows[repeat, order] = np.roll(order, 1)
    return rows


def in_chunks(
    samples: Samples, donors: np.ndarray, part: InputPart
) -> Iterator[Samples]:
    """Yield the samples of all repeats, one repeat after another, as many as fit in memory."""
    n_repeats, n_samples = donors.shape
    rows = np.tile(np.arange(n_samples), n_repeats)
    givers = donors.reshape(-1)
    per_sample = max(1, samples.n_timepoints * samples.n_channels)
    size = max(1, MAX_VALUES // per_sample)
    for start in range(0, len(rows), size):
        here = slice(start, start + size)
        yield exchanged(samples[rows[here]], samples[givers[here]], part)
