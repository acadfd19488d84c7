"""The file format of stored encoders: one safetensors file, whose metadata holds a JSON record."""

from __future__ import annotations

from typing import Any, TypedDict

from multitide.representations._minirocket import MiniRocket
from multitide.representations._representation import SeriesRepresentation
from multitide.representations._ts2vec import TS2Vec

RECORD_KEY = "multitide.representation"
SCHEMA_VERSION = 1
# Prefixes of array names: buffers of the input layer, and what the encoder itself has learned.
LAYER_PREFIX = "inputs."
LEARNED_PREFIX = "learned."

STORABLE: dict[str, type[SeriesRepresentation]] = {
    "minirocket": MiniRocket,
    "ts2vec": TS2Vec,
}


class EncoderRecord(TypedDict):
    """Everything about an encoder that is not an array."""

    schema_version: int
    name: str
    parameters: dict[str, Any]
    channels: list[str]
    categories: dict[str, list[Any]]
