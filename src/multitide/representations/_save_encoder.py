"""Write an encoder to one file of arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import safetensors.numpy

from multitide._result_folder import refuse_existing, writable, write_file
from multitide.encodings._representation import Encoder
from multitide.errors import ParameterError
from multitide.representations._encoder_format import (
    LAYER_PREFIX,
    LEARNED_PREFIX,
    RECORD_KEY,
    SCHEMA_VERSION,
    STORABLE,
    EncoderRecord,
)
from multitide.representations._representation import SeriesEncoder


def save_encoder(encoder: Encoder, path: str | Path) -> Path:
    """Write an encoder to a new safetensors file, atomically.

    Parameters
    ----------
    encoder : Encoder
        Of a representation by convolutions, or of TS2Vec.
    path : str or Path
        Must not exist yet; missing parent folders are created.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ParameterError
        If this kind of encoder cannot be stored: for the features of a model, save the model; your
        own transformers are not stored.
    StoreError
        If `path` exists or cannot be written.
    """
    path = Path(path)
    if not isinstance(encoder, SeriesEncoder):
        raise _not_storable(encoder)
    record = json.dumps(_record(encoder).model_dump())
    refuse_existing(path, "path")
    content = safetensors.numpy.save(_arrays(encoder), {RECORD_KEY: record})
    with writable(path, "path"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content)
    return path


def _record(encoder: SeriesEncoder) -> EncoderRecord:
    categories = {}
    for channel, values in encoder.categories.items():
        categories[channel] = list(values)
    return EncoderRecord.model_validate(
        {
            "schema_version": SCHEMA_VERSION,
            "name": _stored_name(encoder),
            "parameters": encoder.spec.get_params(deep=False),
            "channels": list(encoder.channels),
            "categories": categories,
        }
    )


def _stored_name(encoder: SeriesEncoder) -> str:
    for name, kind in STORABLE.items():
        if type(encoder.spec) is kind:
            return name
    raise _not_storable(encoder)


def _not_storable(encoder: Encoder) -> ParameterError:
    storable = ", ".join(STORABLE)
    got = type(encoder).__name__
    return ParameterError(
        f"`encoder` must be one of {storable} to be stored; got {got}."
    )


def _arrays(encoder: SeriesEncoder) -> dict[str, np.ndarray]:
    arrays = {}
    for name, array in encoder.arrays().items():
        arrays[LEARNED_PREFIX + name] = np.ascontiguousarray(array)
    for name, tensor in encoder.layer.state_dict().items():
        arrays[LAYER_PREFIX + name] = tensor.numpy().copy()
    return arrays
