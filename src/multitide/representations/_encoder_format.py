"""The file format of stored encoders: one safetensors file, whose metadata holds a JSON record."""

from __future__ import annotations

from typing import Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)

from multitide.representations._hydra import Hydra
from multitide.representations._minirocket import MiniRocket
from multitide.representations._multirocket import MultiRocket
from multitide.representations._multirocket_hydra import MultiRocketHydra
from multitide.representations._representation import SeriesRepresentation
from multitide.representations._ts2vec import TS2Vec

RECORD_KEY = "multitide.representation"
SCHEMA_VERSION = 1
# Prefixes of array names: buffers of the input layer, and what the encoder itself has learned.
LAYER_PREFIX = "inputs."
LEARNED_PREFIX = "learned."

STORABLE: dict[str, type[SeriesRepresentation]] = {
    "minirocket": MiniRocket,
    "multirocket": MultiRocket,
    "hydra": Hydra,
    "multirocket_hydra": MultiRocketHydra,
    "ts2vec": TS2Vec,
}


# A category, as the user wrote it.
Category: TypeAlias = StrictBool | StrictInt | FiniteFloat | StrictStr


class EncoderRecord(BaseModel):
    """Everything about an encoder that is not an array."""

    model_config = ConfigDict(extra="forbid")
    schema_version: StrictInt
    name: StrictStr
    parameters: dict[str, object]
    channels: list[StrictStr] = Field(min_length=1)
    categories: dict[str, list[Category]]

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if self.name not in STORABLE:
            raise ValueError(f"`name` must be one of {', '.join(STORABLE)}")
        if not set(self.categories) <= set(self.channels):
            raise ValueError("`categories` must be of the channels")
        return self
