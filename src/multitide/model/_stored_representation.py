"""Vectors before the network: what a representation becomes on training series, and in a model's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from multitide.data._samples import Samples
from multitide.encodings._representation import Encoder, Representation
from multitide.representations import (
    BackboneEncoder,
    ModelFeatures,
    Transformed,
    load_encoder,
    represent,
    save_encoder,
)
from multitide.representations._features import TransformedEncoder
from multitide.representations._probing import encoder_of, save_probe
from multitide.representations._represent import entry_names

FILE, FOLDER = "representation.safetensors", "representation"
MODEL, OWN = "model", "own"  # kinds that are stored otherwise than as their arrays
CHUNK_VALUES = 20_000_000  # entries of vectors that are there at a time when a model answers


def fit_encoder(spec: Any, samples: Samples, read_model: Callable[[Path], Any]) -> Encoder | None:
    """Return what a representation becomes on training series; None for none.

    Parameters
    ----------
    spec : Representation or None
    samples : Samples
        Of the training part only, labelled or not.
    read_model : callable
        Reads a model's folder.
    """
    if spec is None:
        return None
    assert isinstance(spec, Representation)
    if isinstance(spec, ModelFeatures) and isinstance(spec.model, (str, Path)):
        spec = ModelFeatures(read_model(Path(spec.model)))
    return spec.fit(samples)


def vectors_of(samples: Samples, encoder: Encoder | None) -> Samples:
    """Return what a network reads: vectors, or without an encoder the series as they are."""
    return samples if encoder is None else represent(samples, encoder)


def chunks(samples: Samples, n_features: int) -> list[np.ndarray]:
    """Return the numbers of samples whose vectors fit in memory together."""
    size = max(1, CHUNK_VALUES // n_features)
    return [np.arange(i, min(i + size, len(samples))) for i in range(0, len(samples), size)]


def network_shape(
    channels: tuple[str, ...],
    categories: dict[str, tuple[Any, ...]],
    n_timepoints: int,
    n_features: int | None,
) -> tuple[tuple[str, ...], dict[str, tuple[Any, ...]], int]:
    """Return channels, categories and steps of what the network reads, for raw series and the entries of a vector."""
    return (
        (channels, categories, n_timepoints)
        if n_features is None
        else (entry_names(n_features), {}, 1)
    )


def save_representation(
    encoder: Encoder, folder: Path, save_model: Callable[[Any, Path], Any]
) -> str:
    """Write an encoder into a model's folder, and return its kind."""
    if isinstance(encoder, BackboneEncoder):
        save_model(encoder.model, folder / FOLDER)
        return MODEL
    if isinstance(encoder, TransformedEncoder):
        save_probe(encoder, folder / FILE)
        return OWN
    save_encoder(encoder, folder / FILE)
    return "arrays"


def load_representation(
    kind: str, folder: Path, transformer: Any, load_model: Callable[[Path], Any]
) -> tuple[Representation, Encoder]:
    """Read the encoder of a model's folder, with the representation that it came from.

    Parameters
    ----------
    kind : str
        What `save_representation` returned.
    folder : path
        The model's.
    transformer : object or None
        The user's own.
    load_model : callable
        Reads a model's folder.
    """
    if kind == MODEL:
        return ModelFeatures(str(folder / FOLDER)), BackboneEncoder(load_model(folder / FOLDER))
    if kind == OWN:
        own = encoder_of(transformer, folder / FILE)
        return Transformed(own.transformer, own.flat), own
    encoder = load_encoder(folder / FILE)
    return encoder.spec, encoder
