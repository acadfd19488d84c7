"""Representations that come from elsewhere: the backbone of a trained model, a transformer of the user's."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from multitide.errors import DataError, ParameterError
from multitide.representations.representation import Encoder, Representation, check_channels
from multitide.samples import Samples

BATCH = 1024


class BackboneEncoder(Encoder):
    """The features of a trained model: what its heads read, static inputs included.

    It stores nothing: save the model itself.

    Parameters
    ----------
    estimator : MultiTaskEstimator
        Fitted. Of a model with weights of several epochs the joint set is asked; where tasks have backbones of their
        own, their features are joined.
    """

    def __init__(self, estimator: Any) -> None:
        networks = {tuple(network.names): network for network in reversed(estimator.model_.network_list)}
        self._networks = list(reversed(networks.values()))  # of each group of tasks the first network, the joint one
        self._channels: tuple[str, ...] = estimator.channels_

    @torch.no_grad()
    def transform(self, samples: Samples) -> np.ndarray:
        """Return the features, float32 (n_samples, n_features)."""
        check_channels(samples, self._channels)
        return np.concatenate(
            [self._features(samples[np.arange(i, min(i + BATCH, len(samples)))]) for i in range(0, len(samples), BATCH)]
        )

    def _features(self, samples: Samples) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(samples.gather(slice(None))))
        lengths = None if samples.equal_lengths else torch.from_numpy(samples.lengths)
        found: dict[int, Tensor] = {}
        for network in self._networks:
            static = None if network.static is None else torch.from_numpy(network.static.encode(samples.static))
            found |= {id(each): each for each in network.eval().features(x, lengths, static)}
        return torch.cat(list(found.values()), dim=1).numpy()


@dataclass
class Transformed(Representation):
    """Vectors of a transformer of the user's, as scikit-learn's are: ``fit(X)`` and ``transform(X)``.

    It stores nothing: keep the transformer yourself.

    Parameters
    ----------
    transformer : object
        It is copied, and the copy fitted.
    flat : bool, default=False
        Whether it reads tables: X is (n_samples, n_channels * n_timepoints) then, else (n_samples, n_channels,
        n_timepoints).
    """

    transformer: Any
    flat: bool = False

    def fit(self, samples: Samples) -> TransformedEncoder:
        """Fit a copy of the transformer to training series."""
        missing = [name for name in ("fit", "transform") if not hasattr(self.transformer, name)]
        if missing:
            raise ParameterError(f"`transformer` must have `fit` and `transform`; got {self.transformer!r}.")
        encoder = TransformedEncoder(copy.deepcopy(self.transformer), self.flat, samples)
        encoder.transformer.fit(encoder.table(samples))
        return encoder


class TransformedEncoder(Encoder):
    """A fitted transformer of the user's; see :class:`Transformed`."""

    def __init__(self, transformer: Any, flat: bool, samples: Samples) -> None:
        self.transformer, self._flat = transformer, flat
        self._channels, self._n_timepoints = samples.channels, samples.n_timepoints

    def transform(self, samples: Samples) -> np.ndarray:
        """Return what the transformer makes of the raw series, float32 (n_samples, n_features)."""
        vectors = np.asarray(self.transformer.transform(self.table(samples)), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(samples):
            raise DataError(f"`transformer` must give {len(samples)} vectors; got an array of shape {vectors.shape}.")
        return vectors

    def table(self, samples: Samples) -> np.ndarray:
        """Return the raw series as the transformer reads them."""
        check_channels(samples, self._channels)
        series = samples.gather(slice(None))
        if not self._flat:
            return series
        if samples.n_timepoints != self._n_timepoints:
            raise DataError(
                f"`X` must have {self._n_timepoints} time steps for flat=True, as in training; "
                f"got {samples.n_timepoints}."
            )
        return series.reshape(len(series), -1)
