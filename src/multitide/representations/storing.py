"""Encoders as one file of arrays; no pickle is ever read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import torch
from safetensors import SafetensorError, safe_open

from multitide.encodings.inputs import Inputs
from multitide.encodings.representation import Encoder, Representation
from multitide.errors import MultitideError, ParameterError, StoreError
from multitide.representations.minirocket import MiniRocket, MiniRocketEncoder
from multitide.representations.representation import SeriesEncoder
from multitide.representations.ts2vec import TS2Vec, TS2VecEncoder

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
        If it is of a kind that is not stored: the features of a model (save the model), a transformer of the user's.
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
        raise StoreError(f"`path` must not exist yet; {str(path)!r} does. Choose another name or move it away.")
    arrays = {LEARNED + name: np.ascontiguousarray(array) for name, array in encoder.arrays().items()}
    arrays |= {LAYER + name: tensor.numpy().copy() for name, tensor in encoder.layer.state_dict().items()}
    draft = path.with_name(f".{path.name}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        safetensors.numpy.save_file(arrays, draft, metadata={KEY: json.dumps(_record(encoder, names[0]))})
        os.replace(draft, path)
    except OSError as error:
        raise StoreError(f"`path` must be a place that can be written; got {str(path)!r} ({error}).") from error
    return path


def load_encoder(path: str | Path) -> SeriesEncoder:
    """Read an encoder that `save_encoder` wrote.

    Raises
    ------
    StoreError
        If there is none, it is damaged, or it was written by a newer multitide.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            record = json.loads((file.metadata() or {}).get(KEY, "null"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise StoreError(f"`path` must be a stored representation; {str(path)!r} cannot be read ({error}).") from error
    if not isinstance(record, dict) or record.get("schema_version") != SCHEMA or record.get("name") not in STORED:
        raise StoreError(f"{str(path)!r} must hold a representation that this multitide knows; it does not.")
    try:
        return _restore(record, arrays)
    except (KeyError, TypeError, RuntimeError, MultitideError) as error:
        raise StoreError(f"{str(path)!r} must hold a whole representation; it does not ({error}).") from error


def _record(encoder: SeriesEncoder, name: str) -> dict[str, Any]:
    """Return what is no array, as plain values."""
    return {
        "schema_version": SCHEMA,
        "name": name,
        "parameters": encoder.spec.get_params(deep=False),
        "channels": list(encoder.channels),
        "categories": {channel: list(values) for channel, values in encoder.categories.items()},
    }


def _restore(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> SeriesEncoder:
    make, kind = STORED[record["name"]]
    spec: Any = make(**record["parameters"])
    spec.check()
    categories = {channel: tuple(values) for channel, values in record["categories"].items()}
    layer = Inputs(impute=spec.impute, scale=spec.scale).build(tuple(record["channels"]), categories)
    layer.load_state_dict(
        {n.removeprefix(LAYER): torch.from_numpy(a) for n, a in arrays.items() if n.startswith(LAYER)}
    )
    learned = {name.removeprefix(LEARNED): array for name, array in arrays.items() if name.startswith(LEARNED)}
    return kind.restore(spec, layer.eval(), categories, learned)
