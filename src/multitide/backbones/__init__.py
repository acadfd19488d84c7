"""Backbones by name: modules that map series to features."""

from __future__ import annotations

from multitide.backbones._backbone import (
    Backbone,
    BackboneModule,
    Block,
    BlockBackbone,
    Flow,
    Pooling,
)
from multitide.backbones._cnn1d import CNN1D
from multitide.backbones._fc import FC
from multitide.backbones._fcn import FCN
from multitide.backbones._gru import GRU
from multitide.backbones._inception_time import InceptionTime
from multitide.backbones._linear import Linear
from multitide.backbones._lstm import LSTM
from multitide.backbones._lstm_fcn import LSTMFCN
from multitide.backbones._rnn import RNN
from multitide.backbones._rocket import Rocket
from multitide.backbones._trees import Trees

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
    "rocket": Rocket,
    "trees": Trees,
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
    "Rocket",
    "Trees",
]
