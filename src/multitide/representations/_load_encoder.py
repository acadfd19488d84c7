"""Read an encoder from its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from multitide.encodings._inputs import Inputs
from multitide.errors import MultitideError, StoreError
from multitide.representations._representation import SeriesEncoder
from multitide.representations._save_encoder import KEY, LAYER, LEARNED, SCHEMA, STORED


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
        raise StoreError(
            f"`path` must be a stored representation; {str(path)!r} cannot be read ({error})."
        ) from error
    if (
        not isinstance(record, dict)
        or record.get("schema_version") != SCHEMA
        or record.get("name") not in STORED
    ):
        raise StoreError(
            f"{str(path)!r} must hold a representation that this multitide knows; it does not."
        )
    try:
        return _restore(record, arrays)
    except (KeyError, TypeError, RuntimeError, MultitideError) as error:
        raise StoreError(
            f"{str(path)!r} must hold a whole representation; it does not ({error})."
        ) from error


def _restore(record: dict[str, Any], arrays: dict[str, np.ndarray]) -> SeriesEncoder:
    make, kind = STORED[record["name"]]
    spec: Any = make(**record["parameters"])
    spec.check()
    categories = {channel: tuple(values) for channel, values in record["categories"].items()}
    layer = Inputs(impute=spec.impute, scale=spec.scale).build(
        tuple(record["channels"]), categories
    )
    layer.load_state_dict(
        {
            n.removeprefix(LAYER): torch.from_numpy(a)
            for n, a in arrays.items()
            if n.startswith(LAYER)
        }
    )
    learned = {
        name.removeprefix(LEARNED): array
        for name, array in arrays.items()
        if name.startswith(LEARNED)
    }
    return kind.restore(spec, layer.eval(), categories, learned)
