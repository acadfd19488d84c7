"""Backbones: modules from series to features, by name."""

from __future__ import annotations

from multitide.backbones.backbone import Backbone, BackboneModule, Block, BlockBackbone, Flow, Pooling
from multitide.backbones.cnn1d import CNN1D
from multitide.backbones.fc import FC
from multitide.backbones.fcn import FCN
from multitide.backbones.gru import GRU
from multitide.backbones.inception_time import InceptionTime
from multitide.backbones.linear import Linear
from multitide.backbones.lstm import LSTM
from multitide.backbones.lstm_fcn import LSTMFCN
from multitide.backbones.rnn import RNN

BACKBONES: dict[str, type[Backbone]] = {
    "lstm_fcn": LSTMFCN,
    "fcn": FCN,
    "rnn": RNN,
    "lstm": LSTM,
    "gru": GRU,
    "cnn1d": CNN1D,
    "fc": FC,
    "inception_time": InceptionTime,
    "linear": Linear,
}

__all__ = [
    "BACKBONES",
    "CNN1D",
    "FC",
    "FCN",
    "GRU",
    "LSTM",
    "LSTMFCN",
    "RNN",
    "Backbone",
    "BackboneModule",
    "Block",
    "BlockBackbone",
    "Flow",
    "InceptionTime",
    "Linear",
    "Pooling",
]
