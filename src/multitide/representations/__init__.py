"""Representations: from series to vectors, by name; and linear heads that read them."""

from __future__ import annotations

from multitide.encodings.representation import Encoder, Representation
from multitide.representations.features import BackboneEncoder, ModelFeatures, Transformed
from multitide.representations.linear import LinearHeads
from multitide.representations.minirocket import MiniRocket
from multitide.representations.represent import represent
from multitide.representations.storing import load_encoder, save_encoder
from multitide.representations.ts2vec import TS2Vec

REPRESENTATIONS: dict[str, type[Representation]] = {
    "minirocket": MiniRocket,
    "ts2vec": TS2Vec,
    "model": ModelFeatures,
}

__all__ = [
    "REPRESENTATIONS",
    "BackboneEncoder",
    "Encoder",
    "LinearHeads",
    "MiniRocket",
    "ModelFeatures",
    "Representation",
    "TS2Vec",
    "Transformed",
    "load_encoder",
    "represent",
    "save_encoder",
]
