"""Series like those of training, made of what the input layers have learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from multitide.encodings._input_layer import InputLayer
from multitide.exporting._exported_model import ExportedModel

MISSING = 0.1  # share of the values


class Feed(NamedTuple):
    """The inputs of a graph."""

    series: np.ndarray
    lengths: np.ndarray | None
    static: np.ndarray | None

    def by_name(self) -> dict[str, np.ndarray]:
        """Return the inputs that there are."""
        named = {}
        for name, value in self._asdict().items():
            if value is not None:
                named[name] = value
        return named


def example_inputs(
    model: ExportedModel, n_rows: int, n_timepoints: int, seed: int = 0
) -> Feed:
    """Return random series of the training set's centre and spread, with missing values.

    Parameters
    ----------
    model : ExportedModel
        What reads them.
    n_rows, n_timepoints : int
        Their number, and the length of the longest.
    seed : int, default=0
        Of the random numbers.
    """
    random = np.random.default_rng(seed)
    series = _random_series(model, model.raw_layers[0], n_rows, n_timepoints, random)
    lengths = None
    if model.reads_lengths:
        low = min(model.shortest, n_timepoints)
        lengths = random.integers(low, n_timepoints + 1, n_rows, dtype=np.int64)
        lengths[0] = n_timepoints
    static = None
    if model.static is not None:
        static = _random_static(model, n_rows, random)
    return Feed(series, lengths, static)


def _random_series(
    model: ExportedModel,
    layer: InputLayer,
    n_rows: int,
    n_timepoints: int,
    random: np.random.Generator,
) -> np.ndarray:
    n_channels = len(layer.channels)
    noise = random.normal(size=(n_rows, n_channels, n_timepoints))
    # Neighbouring steps resemble each other, as in most series.
    noise = noise.cumsum(axis=2) / np.sqrt(np.arange(1, n_timepoints + 1))
    gain = layer.gain.double().numpy()
    spread = np.divide(1, gain, out=np.zeros_like(gain), where=gain != 0)
    series = layer.center.double().numpy() + noise * spread
    pairs = zip(
        layer.category_channel.tolist(), layer.category_code.flatten(), strict=True
    )
    for channel, code in pairs:
        size = (n_rows, n_timepoints)
        series[:, channel] = random.integers(0, int(code) + 1, size)
    series[random.random(series.shape) < MISSING] = np.nan
    typed: np.ndarray = series.astype(_numpy_dtype(model.series_dtype))
    return typed


def _random_static(
    model: ExportedModel, n_rows: int, random: np.random.Generator
) -> np.ndarray:
    layer = model.static
    assert layer is not None
    columns: list[np.ndarray] = []
    spreads = iter((1 / layer.gain.double()).nan_to_num(posinf=0).tolist())
    centers = iter(layer.center.double().tolist())
    for known in layer.categories.values():
        if known is None:
            column = next(centers) + next(spreads) * random.normal(size=n_rows)
        else:
            column = random.integers(0, max(1, len(known)), n_rows).astype(np.float64)
        column[random.random(n_rows) < MISSING] = np.nan
        columns.append(column)
    return np.stack(columns, axis=1).astype(_numpy_dtype(layer.center.dtype))


def _numpy_dtype(dtype: torch.dtype) -> type[np.floating]:
    if dtype == torch.float64:
        return np.float64
    return np.float32


def as_tensors(feed: Feed) -> Sequence[torch.Tensor | None]:
    """Return the inputs as torch reads them, in the order of the graph."""
    tensors = []
    for value in feed:
        tensors.append(None if value is None else torch.from_numpy(value))
    return tensors
