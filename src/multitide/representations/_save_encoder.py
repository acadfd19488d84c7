"""Encoders as one file of arrays; no pickle is ever read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from multitide.encodings._representation import Encoder, Representation
from multitide.errors import ParameterError, StoreError
from multitide.representations._minirocket import MiniRocket, MiniRocketEncoder
from multitide.representations._representation import SeriesEncoder
from multitide.representations._ts2vec import TS2Vec, TS2VecEncoder

STORED: dict[str, tuple[type[Representation], type[SeriesEncoder]]] = {
    "minirocket": (MiniRocket, MiniRocketEncoder),
    "ts2vec": (TS2Vec, TS2VecEncoder),
}
KEY = "multitide.representation"
SCHEMA = 1
LAYER, LEARNED = "inputs.", "learned."


def save_encoder(encoder: Encoder, path: str | Path) -> Path:
    """Write an encoder as a new safetensors file, atomically.

    Raises
    ------
    ParameterError
        If it is of a kind that is not stored: the features of a model (save the model), a
        transformer of the user's.
    StoreError
        If `path` exists, or cannot be written.
    """
    path = Path(path)
    names = [name for name, (_, kind) in STORED.items() if type(encoder) is kind]
    if not names or not isinstance(encoder, SeriesEncoder):
        raise ParameterError(
            f"`encoder` must be one of {', '.join(STORED)} to be stored; got {type(encoder).__name__}."
        )
    if path.exists():
        raise StoreError(
            f"`path` must not exist yet; {str(path)!r} does. Choose another name or move it away."
        )
    arrays = {
        LEARNED + name: np.ascontiguousarray(array) for name, array in encoder.arrays().items()
    }
    arrays |= {
        LAYER + name: tensor.numpy().copy() for name, tensor in encoder.layer.state_dict().items()
    }
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        safetensors.numpy.save_file(
            arrays, draft, metadata={KEY: json.dumps(_record(encoder, names[0]))}
        )
        os.replace(draft, path)
    except OSError as error:
        raise StoreError(
            f"`path` must be a place that can be written; got {str(path)!r} ({error})."
        ) from error
    return path


def _record(encoder: SeriesEncoder, name: str) -> dict[str, Any]:
    """Return what is no array, as plain values."""
    return {
        "schema_version": SCHEMA,
        "name": name,
        "parameters": encoder.spec.get_params(deep=False),
        "channels": list(encoder.channels),
        "categories": {channel: list(values) for channel, values in encoder.categories.items()},
    }
