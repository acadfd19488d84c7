"""Representations from other sources: features of a trained model, or a user's transformer."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from multitide._count_values import count_values
from multitide._ready_to_predict import ready_to_predict
from multitide.backbones._backbone import check_shortest
from multitide.backbones._batch_rows import batch_rows
from multitide.data._samples import Samples
from multitide.encodings._representation import Encoder, Representation
from multitide.errors import DataError, ParameterError
from multitide.representations._represent import represent
from multitide.representations._representation import check_channels

N_PROBE = 8  # number of training series by which a transformer is recognised


class FeatureNetwork(Protocol):
    """What is used of a :class:`multitide.network.Network`, which is on a higher floor."""

    @property
    def names(self) -> Sequence[str]:
        """Names of its tasks."""

    @property
    def heads(self) -> nn.Module:
        """The heads of its tasks."""

    def modules(self) -> Iterator[nn.Module]:
        """Return all modules."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return all parameters."""

    def encode_static(self, samples: Samples, /) -> np.ndarray | None:
        """Return the static inputs as numbers."""

    def features(
        self, x: Tensor, lengths: Tensor | None, static: Tensor | None, /
    ) -> Sequence[Tensor]:
        """Return the inputs of each head."""


class FittedModel(Protocol):
    """What is used of a stored model, which is on a higher floor."""

    encoder: Encoder | None
    data: Any
    predictor: Any


class Transformer(Protocol):
    """A transformer in the style of scikit-learn, as the user passes it."""

    def fit(self, X: np.ndarray, /) -> object:
        """Fit to training series."""

    def transform(self, X: np.ndarray, /) -> object:
        """Return one vector per series."""


@dataclass
class ModelFeatures(Representation):
    """The features of a trained model, that is, the inputs of its heads.

    ``representation = "model:FOLDER"`` takes a saved model.

    Parameters
    ----------
    model : path or MultiTaskEstimator
        The folder of a saved model, or a fitted estimator. It is saved together with the model that
        uses its features.
    """

    model: Any

    def check(self, name: str = "") -> None:
        """Raise :class:`ParameterError` unless `model` is a folder or a fitted model."""
        if isinstance(self.model, (str, Path)):
            return
        if not hasattr(_stored(self.model), "predictor"):
            where = f"{name or 'ModelFeatures'}.model"
            raise ParameterError(
                f"`{where}` must be the folder of "
                "a model, or a fitted estimator; "
                f"got {self.model!r}."
            )

    def fit(self, samples: Samples) -> BackboneEncoder:
        """Return the features of the model; nothing is trained."""
        if isinstance(self.model, (str, Path)):
            raise ParameterError(
                "`model` must be a fitted estimator here; "
                f"got the folder {str(self.model)!r}. "
                "Use MultiTaskEstimator.load(folder)."
            )
        self.check()
        return BackboneEncoder(self.model)


class BackboneEncoder(Encoder):
    """The features of a trained model: the inputs of its heads, including static inputs.

    `save_encoder` does not store it; save the model itself.

    Parameters
    ----------
    model : MultiTaskEstimator
        Fitted. If the model keeps weights of several epochs, the joint set is used. If tasks have
        separate backbones, their features are concatenated.
    """

    def __init__(self, model: object) -> None:
        self.model = _stored(model)
        if len(self.model.data) > 1:
            raise ParameterError(
                "`model` must be fitted on one "
                "data set to provide features; "
                f"it was fitted on {len(self.model.data)}."
            )

    @property
    def _networks(self) -> list[FeatureNetwork]:
        predictor = ready_to_predict(self.model.predictor, torch.device("cpu"))
        networks = [network for network, _ in predictor.trained_pairs]
        return _first_of_each_group(networks)

    @property
    def n_parameters(self) -> int:
        """Number of parameters of the model, without its heads, which are not used."""
        if self.model.encoder:
            n_parameters = self.model.encoder.n_parameters
        else:
            n_parameters = 0
        for network in self._networks:
            n_parameters += count_values(network.parameters())
            n_parameters -= count_values(network.heads.parameters())
        return n_parameters

    def transform(self, samples: Samples) -> np.ndarray:
        """Return the features, float32 (n_samples, n_features)."""
        check_channels(samples, self.model.data[0].channels)
        check_shortest(self.model.predictor, int(samples.lengths.min()))
        if self.model.encoder is not None:
            samples = represent(samples, self.model.encoder)
        return features_of(self._networks, samples)


def _first_of_each_group(networks: Sequence[FeatureNetwork]) -> list[FeatureNetwork]:
    """Return the first network of each group of tasks, which has the joint weights."""
    kept: dict[tuple[str, ...], FeatureNetwork] = {}
    # Backwards, so that the first network of a group is kept, at the place of the last one.
    for network in reversed(networks):
        kept[tuple(network.names)] = network
    return list(reversed(kept.values()))


@torch.no_grad()
def features_of(networks: Sequence[FeatureNetwork], samples: Samples) -> np.ndarray:
    """Return the inputs of the heads of these networks, float32 (n_samples, n_features).

    Features that several heads share occur once.
    """
    modules: list[nn.Module] = []
    for network in networks:
        modules.extend(network.modules())
    size = batch_rows(modules, samples.n_channels, samples.n_timepoints)
    batches = []
    for i in range(0, len(samples), size):
        batches.append(_features_of_batch(networks, samples[i : i + size]))
    return np.concatenate(batches)


def _features_of_batch(
    networks: Sequence[FeatureNetwork], samples: Samples
) -> np.ndarray:
    x = torch.from_numpy(np.ascontiguousarray(samples.gather(slice(None))))
    if samples.equal_lengths:
        lengths = None
    else:
        lengths = torch.from_numpy(samples.lengths)
    distinct: dict[int, Tensor] = {}
    for network in networks:
        encoded = network.encode_static(samples)
        if encoded is None:
            static = None
        else:
            static = torch.from_numpy(encoded)
        for features in network.features(x, lengths, static):
            distinct[id(features)] = features
    joined: np.ndarray = torch.cat(list(distinct.values()), dim=1).numpy()
    return joined


def _stored(model: object) -> FittedModel:
    """Return the stored form of a fitted estimator; a stored model is returned as it is."""
    fitted: Any = model  # the classes of models are on a higher floor
    stored: FittedModel = getattr(fitted, "stored_", fitted)
    return stored


@dataclass
class Transformed(Representation):
    """Vectors from the user's own transformer with scikit-learn's ``fit(X)`` and ``transform(X)``.

    The transformer is not stored. Keep the fitted one, ``estimator.representation_.transformer``,
    and pass it to ``load``.

    Parameters
    ----------
    transformer : object
        It is copied, and the copy is fitted.
    flat : bool, default=False
        Whether it expects tables: X has the shape (n_samples, n_channels * n_timepoints) instead of
        (n_samples, n_channels, n_timepoints).
    """

    transformer: Any
    flat: bool = False

    def fit(self, samples: Samples) -> TransformedEncoder:
        """Fit a copy of the transformer to training series."""
        if not all(hasattr(self.transformer, name) for name in ("fit", "transform")):
            raise ParameterError(
                "`transformer` must have `fit` and `transform`; "
                f"got {self.transformer!r}."
            )
        own = copy.deepcopy(self.transformer)
        encoder = TransformedEncoder(
            own, self.flat, samples[:N_PROBE], samples.n_timepoints
        )
        encoder.transformer.fit(encoder.table(samples))
        return encoder


class TransformedEncoder(Encoder):
    """The user's transformer after fitting; see :class:`Transformed`.

    Parameters
    ----------
    transformer : object
        Fitted.
    flat : bool
        As in :class:`Transformed`.
    probe : Samples
        Some training series; see :mod:`multitide.representations._probing`.
    n_steps : int
        Number of steps of the longest training series.
    """

    def __init__(
        self, transformer: Transformer, flat: bool, probe: Samples, n_steps: int
    ) -> None:
        self.transformer = transformer
        self.flat = flat
        self.probe = probe
        self.n_steps = n_steps

    def transform(self, samples: Samples) -> np.ndarray:
        """Return the vectors of the transformer, float32 (n_samples, n_features)."""
        vectors = np.asarray(
            self.transformer.transform(self.table(samples)), dtype=np.float32
        )
        if vectors.ndim != 2 or len(vectors) != len(samples):
            raise DataError(
                f"`transformer` must give {len(samples)} vectors; "
                f"got an array of shape {vectors.shape}."
            )
        return vectors

    def table(self, samples: Samples) -> np.ndarray:
        """Return the raw series in the shape that the transformer expects."""
        check_channels(samples, self.probe.channels)
        series = samples.gather(slice(None))
        if not self.flat:
            return series
        if samples.n_timepoints != self.n_steps:
            raise DataError(
                f"`X` must have {self.n_steps} time "
                "steps for flat=True, as in training; "
                f"got {samples.n_timepoints}."
            )
        return series.reshape(len(series), -1)
