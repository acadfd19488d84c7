"""What convolutions and TS2Vec share: they read complete series and are stored as their arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from multitide.data._samples import Samples
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._inputs import Impute, Inputs
from multitide.encodings._representation import Encoder, Representation
from multitide.encodings._scaling import Scale
from multitide.errors import DataError

BATCH_VALUES = 4_000_000  # number of values per batch


class SeriesRepresentation(Representation, ABC):
    """Parent of representations that read complete series and can be stored.

    Subclasses are dataclasses with the fields `impute` and `scale`.
    """

    impute: Impute
    scale: Scale

    @abstractmethod
    def restore(
        self,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
        arrays: Mapping[str, np.ndarray],
    ) -> SeriesEncoder:
        """Rebuild an encoder from what `SeriesEncoder.arrays` returned.

        Parameters
        ----------
        layer : InputLayer
            With its buffers filled, in eval mode.
        categories : mapping
            For each categorical channel, its categories.
        arrays : mapping of str to ndarray
            What the encoder has learned.
        """


class SeriesEncoder(Encoder, ABC):
    """Parent of encoders that impute and scale series, then encode those of equal length together.

    The vector of a sample depends on that sample alone, whatever the lengths of the others.

    Parameters
    ----------
    spec : SeriesRepresentation
        The parameters that it was fitted with.
    layer : InputLayer
        Imputes and scales; already fitted.
    categories : mapping
        For each categorical channel, its categories.
    """

    def __init__(
        self,
        spec: SeriesRepresentation,
        layer: InputLayer,
        categories: Mapping[str, Sequence[object]],
    ) -> None:
        self.spec = spec
        self.layer = layer
        self.categories = dict(categories)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the raw channels."""
        return self.layer.channels

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of entries of a vector."""

    @abstractmethod
    def as_module(self) -> nn.Module:
        """Return what maps complete series, (batch, channels, time), to vectors."""

    @abstractmethod
    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the vectors of complete series of equal length.

        Parameters
        ----------
        x : ndarray of float32, shape (n, n_channels, time)

        Returns
        -------
        ndarray, shape (n, n_features)
        """

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Return what it has learned, apart from the buffers of the input layer."""

    def transform(self, samples: Samples) -> np.ndarray:
        """Return one vector per sample, float32 (n_samples, n_features)."""
        check_channels(samples, self.channels)
        vectors = np.empty((len(samples), self.n_features), dtype=np.float32)
        for rows, x in complete_series(samples, self.layer):
            vectors[rows] = self.encode(x)
        return vectors


def check_channels(samples: Samples, channels: tuple[str, ...]) -> None:
    """Raise unless the samples have exactly these channels, in this order."""
    if samples.channels != channels:
        raise DataError(
            "`X` must have the channels of the training "
            f"series, {list(channels)}, in this order; "
            f"got {list(samples.channels)}."
        )


def fit_layer(samples: Samples, impute: Impute, scale: Scale) -> InputLayer:
    """Return an input layer fitted to these training series."""
    layer = Inputs(impute=impute, scale=scale).build(
        samples.channels, samples.categories
    )
    layer.fit(samples)
    return layer.eval()


@torch.no_grad()
def complete_series(
    samples: Samples, layer: InputLayer
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield batches of imputed and scaled series; all series of a batch have the same length.

    Yields
    ------
    rows : ndarray of int
        Positions of the series in `samples`.
    x : ndarray of float32, shape (n, n_channels, time)
        The series.
    """
    for length in np.unique(samples.lengths):
        rows = np.flatnonzero(samples.lengths == length)
        n_values = len(rows) * layer.n_channels * int(length)
        n_batches = max(1, -(-n_values // BATCH_VALUES))
        for batch in np.array_split(rows, min(n_batches, len(rows))):
            raw = torch.from_numpy(
                np.ascontiguousarray(samples[batch].gather(slice(None)))
            )
            yield batch, layer(raw).numpy()
