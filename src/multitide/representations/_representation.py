"""What representations of our own have in common: they read complete series, and are stored as their arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from multitide.data._samples import Samples
from multitide.encodings._inputs import InputLayer, Inputs
from multitide.encodings._representation import Encoder, Representation
from multitide.encodings._scaling import Scale
from multitide.errors import DataError

BATCH_VALUES = 4_000_000  # values that are worked on at a time


class SeriesEncoder(Encoder):
    """Parent of encoders that read complete series: imputes and scales, then works length by length.

    So a sample's vector is that of the sample alone, whatever the lengths of the others.

    Parameters
    ----------
    spec : Representation
        What it was made from.
    layer : InputLayer
        Imputes and scales; fitted, or filled by `restore`.
    categories : mapping
        For a channel of categories, its categories.
    """

    def __init__(
        self, spec: Representation, layer: InputLayer, categories: Mapping[str, Any]
    ) -> None:
        self.spec, self.layer, self.categories = spec, layer, dict(categories)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the raw channels."""
        return self.layer.channels

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of entries of a vector."""

    @abstractmethod
    def encode(self, x: np.ndarray) -> np.ndarray:
        """Return the vectors, (n, n_features), of complete series of one length, float32 (n, channels, time)."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """Return what it has learned; with the input layer's buffers they are all that is stored."""

    @classmethod
    @abstractmethod
    def restore(
        cls,
        spec: Any,
        layer: InputLayer,
        categories: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray],
    ) -> SeriesEncoder:
        """Rebuild an encoder from what `arrays` gave."""

    def transform(self, samples: Samples) -> np.ndarray:
        """Return one vector a sample, float32 (n_samples, n_features)."""
        check_channels(samples, self.channels)
        vectors = np.empty((len(samples), self.n_features), dtype=np.float32)
        for rows, x in complete_series(samples, self.layer):
            vectors[rows] = self.encode(x)
        return vectors


def check_channels(samples: Samples, channels: tuple[str, ...]) -> None:
    """Raise unless the samples have these channels, in this order."""
    if samples.channels != channels:
        raise DataError(
            f"`X` must have the channels of the training series, {list(channels)}, in this order; "
            f"got {list(samples.channels)}."
        )


def fit_layer(samples: Samples, impute: str, scale: Scale) -> InputLayer:
    """Return an input layer that has seen these training series."""
    layer = Inputs(impute=impute, scale=scale).build(samples.channels, samples.categories)  # type: ignore[arg-type]
    layer.fit(samples)
    return layer.eval()


@torch.no_grad()
def complete_series(samples: Samples, layer: InputLayer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield numbers of samples of one length, and their imputed and scaled series (n, n_channels, time), float32."""
    for length in np.unique(samples.lengths):
        rows = np.flatnonzero(samples.lengths == length)
        n_batches = max(1, -(-len(rows) * layer.n_channels * int(length) // BATCH_VALUES))
        for part in np.array_split(rows, min(n_batches, len(rows))):
            raw = torch.from_numpy(np.ascontiguousarray(samples[part].gather(slice(None))))
            yield part, layer(raw).numpy()
