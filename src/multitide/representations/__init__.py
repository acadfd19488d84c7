"""Representations by name: they transform series to vectors; and linear heads for the vectors."""

from __future__ import annotations

from multitide.encodings._representation import Encoder, Representation
from multitide.representations._features import (
    BackboneEncoder,
    ModelFeatures,
    Transformed,
)
from multitide.representations._hydra import Hydra
from multitide.representations._linear import LinearHeads
from multitide.representations._load_encoder import load_encoder
from multitide.representations._minirocket import MiniRocket
from multitide.representations._multirocket import MultiRocket
from multitide.representations._multirocket_hydra import MultiRocketHydra
from multitide.representations._represent import represent
from multitide.representations._save_encoder import save_encoder
from multitide.representations._ts2vec import TS2Vec

REPRESENTATIONS: dict[str, type[Representation]] = {
    "minirocket": MiniRocket,
    "multirocket": MultiRocket,
    "hydra": Hydra,
    "multirocket_hydra": MultiRocketHydra,
    "ts2vec": TS2Vec,
    "model": ModelFeatures,
}

__all__ = [
    "REPRESENTATIONS",
    "BackboneEncoder",
    "Encoder",
    "Hydra",
    "LinearHeads",
    "MiniRocket",
    "ModelFeatures",
    "MultiRocket",
    "MultiRocketHydra",
    "Representation",
    "TS2Vec",
    "Transformed",
    "load_encoder",
    "represent",
    "save_encoder",
]
