"""Backbones: modules from series to features, by name."""

from __future__ import annotations

from multitide.backbones.backbone import Backbone, BackboneModule, Block, BlockBackbone, Flow, Pooling
from multitide.backbones.lstm_fcn import FCN, LSTMFCN

BACKBONES: dict[str, type[Backbone]] = {
    "lstm_fcn": LSTMFCN,
    "fcn": FCN,
}

__all__ = ["BACKBONES", "FCN", "LSTMFCN", "Backbone", "BackboneModule", "Block", "BlockBackbone", "Flow", "Pooling"]
