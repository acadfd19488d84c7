"""Representations: how they are fitted to training series and stored in a model's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from multitide.data._samples import Samples
from multitide.encodings._representation import Encoder, Representation
from multitide.errors import StoreError
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
MODEL, OWN = "model", "own"  # kinds that are not stored as arrays
# Entries of vectors that are in memory at a time during prediction.
CHUNK_VALUES = 20_000_000

# Channels, categories and number of steps of what a network reads.
Shape: TypeAlias = "tuple[tuple[str, ...], dict[str, tuple[object, ...]], int]"


def fit_encoder(
    spec: str | Representation, samples: Samples, read_model: Callable[[Path], object]
) -> Encoder:
    """Fit a representation to training series.

    Parameters
    ----------
    spec : Representation
        The resolved parameter of the inputs.
    samples : Samples
        The training set, labelled or not.
    read_model : callable
        Reads a model's folder.

    Raises
    ------
    StoreError
        If the folder of a model is none.
    """
    if isinstance(spec, ModelFeatures) and isinstance(spec.model, (str, Path)):
        try:
            spec = ModelFeatures(read_model(Path(spec.model)))
        except StoreError as error:
            message = str(error).replace("`folder`", "`inputs.representation`")
            raise StoreError(message) from error
    return cast(Representation, spec).fit(samples)


def vectors_of(samples: Samples, encoder: Encoder | None) -> Samples:
    """Return what a network reads: vectors, or the series themselves without an encoder."""
    if encoder is None:
        return samples
    return represent(samples, encoder)


def chunks(samples: Samples, n_features: int) -> list[np.ndarray]:
    """Return the indices of samples whose vectors fit in memory together, chunk by chunk."""
    size = max(1, CHUNK_VALUES // n_features)
    starts = range(0, len(samples), size)
    rows = []
    for start in starts:
        rows.append(np.arange(start, min(start + size, len(samples))))
    return rows


def network_shape(
    channels: tuple[str, ...],
    categories: dict[str, tuple[object, ...]],
    n_timepoints: int,
    n_features: int | None,
) -> Shape:
    """Return the shape of what the network reads: raw series, or vectors of `n_features`."""
    if n_features is None:
        return channels, categories, n_timepoints
    return entry_names(n_features), {}, 1


def save_representation(
    encoder: Encoder, folder: Path, save_model: Callable[..., object]
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
    kind: str, folder: Path, transformer: object, load_model: Callable[[Path], object]
) -> tuple[Representation, Encoder]:
    """Read the encoder of a model's folder, and the representation that it came from.

    Parameters
    ----------
    kind : str
        As returned by `save_representation`.
    folder : path
        The model's folder.
    transformer : object or None
        The user's own fitted transformer.
    load_model : callable
        Reads a model's folder.
    """
    if kind == MODEL:
        return ModelFeatures(str(folder / FOLDER)), BackboneEncoder(
            load_model(folder / FOLDER)
        )
    if kind == OWN:
        own = encoder_of(transformer, folder / FILE)
        return Transformed(own.transformer, own.flat), own
    encoder = load_encoder(folder / FILE)
    return encoder.spec, encoder
