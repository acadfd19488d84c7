"""Representations that come from elsewhere: the backbone of a trained model, a transformer of the user's."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from multitide.backbones._backbone import check_shortest
from multitide.data._samples import Samples
from multitide.encodings._representation import Encoder, Representation
from multitide.errors import DataError, ParameterError
from multitide.representations._represent import represent
from multitide.representations._representation import check_channels

BATCH = 1024
N_PROBE = 8  # training series by which a transformer is known again


@dataclass
class ModelFeatures(Representation):
    """The features of a trained model: what its heads read.

    ``representation = "model:FOLDER"`` names one that was saved.

    Parameters
    ----------
    model : path or MultiTaskEstimator
        The folder of a saved model, or a fitted estimator. It is saved with the model that reads
        its features.
    """

    model: Any

    def check(self, name: str = "") -> None:
        """Raise :class:`ParameterError` if there is neither a folder nor a fitted model."""
        if not isinstance(self.model, (str, Path)) and not hasattr(
            _stored(self.model), "predictor"
        ):
            where = f"{name or 'ModelFeatures'}.model"
            raise ParameterError(
                f"`{where}` must be the folder of a model, or a fitted estimator; got {self.model!r}."
            )

    def fit(self, samples: Samples) -> BackboneEncoder:
        """Return the model's features; nothing is learned."""
        if isinstance(self.model, (str, Path)):
            raise ParameterError(
                "`model` must be a fitted estimator here: MultiTaskEstimator.load(folder)."
            )
        self.check()
        return BackboneEncoder(self.model)


class BackboneEncoder(Encoder):
    """The features of a trained model: what its heads read, static inputs included.

    `save_encoder` does not store it: save the model itself.

    Parameters
    ----------
    model : MultiTaskEstimator
        Fitted. Of a model with weights of several epochs the joint set is asked; where tasks have
        backbones of their own, their features are joined.
    """

    def __init__(self, model: Any) -> None:
        self.model = _stored(model)
        if len(self.model.data) > 1:
            raise ParameterError(
                "`model` must be of one data set to give features; it was fitted on several."
            )
        networks = {
            tuple(network.names): network for network in reversed(self.model.predictor.network_list)
        }
        self._networks = list(
            reversed(networks.values())
        )  # of each group of tasks the first network, the joint one

    @property
    def n_parameters(self) -> int:
        """How many the model has, without those of its heads, which are not asked."""
        heads = [
            parameter.numel()
            for network in self._networks
            for parameter in network.heads.parameters()
        ]
        every = [
            parameter.numel() for network in self._networks for parameter in network.parameters()
        ]
        return (
            sum(every) - sum(heads) + (self.model.encoder.n_parameters if self.model.encoder else 0)
        )

    def transform(self, samples: Samples) -> np.ndarray:
        """Return the features, float32 (n_samples, n_features)."""
        check_channels(samples, self.model.data[0].channels)
        check_shortest(self.model.predictor, int(samples.lengths.min()))
        if self.model.encoder is not None:
            samples = represent(samples, self.model.encoder)
        return features_of(self._networks, samples)


@torch.no_grad()
def features_of(networks: Sequence[Any], samples: Samples) -> np.ndarray:
    """Return what the heads of these networks read, float32 (n_samples, n_features); what two have in common once."""
    parts = [_features(networks, samples[i : i + BATCH]) for i in range(0, len(samples), BATCH)]
    return np.concatenate(parts)


def _features(networks: Sequence[Any], samples: Samples) -> np.ndarray:
    x = torch.from_numpy(np.ascontiguousarray(samples.gather(slice(None))))
    lengths = None if samples.equal_lengths else torch.from_numpy(samples.lengths)
    found: dict[int, Tensor] = {}
    for network in networks:
        encoded = network.encode_static(samples)
        static = None if encoded is None else torch.from_numpy(encoded)
        found |= {id(each): each for each in network.eval().features(x, lengths, static)}
    return torch.cat(list(found.values()), dim=1).numpy()


def _stored(model: Any) -> Any:
    """Return what a fitted estimator would save; that itself is returned as it is."""
    return getattr(model, "stored_", model)


@dataclass
class Transformed(Representation):
    """Vectors of a transformer of the user's, as scikit-learn's are: ``fit(X)`` and ``transform(X)``.

    It is not stored: keep the fitted one, ``estimator.representation_.transformer``, and give it to
    ``load``.

    Parameters
    ----------
    transformer : object
        It is copied, and the copy fitted.
    flat : bool, default=False
        Whether it reads tables: X is (n_samples, n_channels * n_timepoints) then, else (n_samples,
        n_channels, n_timepoints).
    """

    transformer: Any
    flat: bool = False

    def fit(self, samples: Samples) -> TransformedEncoder:
        """Fit a copy of the transformer to training series."""
        missing = [name for name in ("fit", "transform") if not hasattr(self.transformer, name)]
        if missing:
            raise ParameterError(
                f"`transformer` must have `fit` and `transform`; got {self.transformer!r}."
            )
        own = copy.deepcopy(self.transformer)
        encoder = TransformedEncoder(own, self.flat, samples[:N_PROBE], samples.n_timepoints)
        encoder.transformer.fit(encoder.table(samples))
        return encoder


class TransformedEncoder(Encoder):
    """A fitted transformer of the user's; see :class:`Transformed`.

    Parameters
    ----------
    transformer : object
        Fitted.
    flat : bool
        As in :class:`Transformed`.
    probe : Samples
        Some training series; see :mod:`multitide.representations._probing`.
    n_steps : int
        Of the longest training series.
    """

    def __init__(self, transformer: Any, flat: bool, probe: Samples, n_steps: int) -> None:
        self.transformer, self.flat, self.probe, self.n_steps = transformer, flat, probe, n_steps

    def transform(self, samples: Samples) -> np.ndarray:
        """Return what the transformer makes of the raw series, float32 (n_samples, n_features)."""
        vectors = np.asarray(self.transformer.transform(self.table(samples)), dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(samples):
            raise DataError(
                f"`transformer` must give {len(samples)} vectors; got an array of shape {vectors.shape}."
            )
        return vectors

    def table(self, samples: Samples) -> np.ndarray:
        """Return the raw series as the transformer reads them."""
        check_channels(samples, self.probe.channels)
        series = samples.gather(slice(None))
        if not self.flat:
            return series
        if samples.n_timepoints != self.n_steps:
            raise DataError(
                f"`X` must have {self.n_steps} time steps for flat=True, as in training; "
                f"got {samples.n_timepoints}."
            )
        return series.reshape(len(series), -1)
