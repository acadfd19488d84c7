"""Representations: from series to vectors, by name; and linear heads that read them."""

from __future__ import annotations

from multitide.representations.features import BackboneEncoder, Transformed
from multitide.representations.linear import LinearHeads
from multitide.representations.minirocket import MiniRocket
from multitide.representations.represent import represent
from multitide.representations.representation import Encoder, Representation
from multitide.representations.storing import load_encoder, save_encoder

REPRESENTATIONS: dict[str, type[Representation]] = {"minirocket": MiniRocket}

__all__ = [
    "REPRESENTATIONS",
    "BackboneEncoder",
    "Encoder",
    "LinearHeads",
    "MiniRocket",
    "Representation",
    "Transformed",
    "load_encoder",
    "represent",
    "save_encoder",
]
