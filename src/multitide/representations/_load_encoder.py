"""Read an encoder from its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from multitide._result_folder import validated
from multitide._torch_defaults import torch_defaults
from multitide.encodings._inputs import Inputs
from multitide.errors import MultitideError, StoreError
from multitide.representations._encoder_format import (
    LAYER_PREFIX,
    LEARNED_PREFIX,
    RECORD_KEY,
    SCHEMA_VERSION,
    STORABLE,
    EncoderRecord,
)
from multitide.representations._representation import SeriesEncoder
from multitide.representations._with_prefix import with_prefix

# What a record with wrong names, types or sizes raises while the encoder is built from it.
UNREADABLE = (
    AttributeError,
    KeyError,
    RuntimeError,
    TypeError,
    ValueError,
    MultitideError,
)


@torch_defaults()
def load_encoder(path: str | Path) -> SeriesEncoder:
    """Read an encoder that `save_encoder` wrote. No pickle is read.

    Raises
    ------
    StoreError
        If the file is missing or damaged, or a newer multitide wrote it.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            record = json.loads((file.metadata() or {}).get(RECORD_KEY, "null"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise StoreError(
            "`path` must be a stored representation; "
            f"{str(path)!r} cannot be read ({error})."
        ) from error
    if not isinstance(record, dict) or record.get("schema_version") != SCHEMA_VERSION:
        raise StoreError(
            f"{str(path)!r} must hold a representation "
            "that this version of multitide can read; "
            "it does not."
        )
    known = validated(record, EncoderRecord, Path(path))
    try:
        return _restore(known, arrays)
    except UNREADABLE as error:
        raise StoreError(
            f"{str(path)!r} must hold a complete representation; it does not ({error})."
        ) from error


def _restore(record: EncoderRecord, arrays: Mapping[str, np.ndarray]) -> SeriesEncoder:
    spec = STORABLE[record.name](**record.parameters)
    spec.check()
    categories = {}
    for channel, values in record.categories.items():
        categories[channel] = tuple(values)
    inputs = Inputs(impute=spec.impute, scale=spec.scale)
    layer = inputs.build(record.channels, categories)
    state = with_prefix(arrays, LAYER_PREFIX)
    layer.load_state_dict(
        {name: torch.from_numpy(array) for name, array in state.items()}
    )
    return spec.restore(layer.eval(), categories, with_prefix(arrays, LEARNED_PREFIX))
