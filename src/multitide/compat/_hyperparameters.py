"""Names, defaults and ranges of the hyperparameters on the reference system's page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from multitide._part import Part
from multitide.backbones import CNN1D, FC, GRU, LSTM, LSTMFCN, Backbone

Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
Switch = Annotated[bool, Field(strict=True)]


@dataclass(kw_only=True)
class Page(Part, ABC):
    """Hyperparameters that all models of the page have.

    Parameters
    ----------
    input_size : int
        Channels of the series, or entries of the vectors.
    num_epochs, batch_size, lr, device
        As on the page; lr is above 0 and at most 0.1.
    """

    input_size: Count
    num_epochs: Count = 1000
    batch_size: Count = 16
    lr: Annotated[float, Field(gt=0, le=0.1, strict=True)] = 0.0001
    device: Literal["cuda", "cpu"] = "cuda"

    @abstractmethod
    def backbone(self) -> Backbone:
        """Return the backbone with these hyperparameters."""

    @abstractmethod
    def class_counts(self) -> Sequence[int]:
        """Return the number of classes per task; 1 is a regression."""


@dataclass(kw_only=True)
class SingleTask(Page):
    """A model of one task.

    Parameters
    ----------
    num_classes : int
        Number of classes; 1 for a regression.
    """

    num_classes: Count

    def class_counts(self) -> Sequence[int]:
        """Return the number of classes."""
        return [self.num_classes]


@dataclass(kw_only=True)
class LSTMPage(SingleTask):
    """[LSTM & GRU], with an LSTM."""

    num_layers: Count = 2
    hidden_size: Count = 64
    dropout: Share = 0.1
    bidirectional: Switch = True

    def backbone(self) -> Backbone:
        """Return an LSTM."""
        return LSTM(self.num_layers, self.hidden_size, self.dropout, self.bidirectional)


@dataclass(kw_only=True)
class GRUPage(LSTMPage):
    """[LSTM & GRU], with a GRU."""

    def backbone(self) -> Backbone:
        """Return a GRU."""
        return GRU(self.num_layers, self.hidden_size, self.dropout, self.bidirectional)


@dataclass(kw_only=True)
class CNNPage(SingleTask):
    """[1D CNN]; every series has `seq_len` steps."""

    seq_len: Count
    output_channels: Count = 64
    kernel_size: Annotated[int, Field(ge=3, strict=True)] = 3
    stride: Count = 1
    padding: Annotated[int, Field(ge=0, strict=True)] = 0
    dropout: Share = 0.1

    def backbone(self) -> Backbone:
        """Return a CNN1D that flattens, as in the reference system."""
        return CNN1D(
            self.output_channels,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dropout,
            flatten=True,
        )


@dataclass(kw_only=True)
class LSTMFCNPage(SingleTask):
    """[LSTM_FCNs_reg & LSTM_FCNs_cls]."""

    num_layers: Count = 2
    lstm_drop_out: Share = 0.1
    fc_drop_out: Share = 0.1
    freeze: Switch = False

    def backbone(self) -> Backbone:
        """Return an LSTM-FCN. The page's "FC dropout" acts after each convolution."""
        return LSTMFCN(
            num_layers=self.num_layers,
            lstm_dropout=self.lstm_drop_out,
            conv_dropout=self.fc_drop_out,
        )


@dataclass(kw_only=True)
class RegressionLSTMFCNPage(LSTMFCNPage):
    """[LSTM_FCNs_reg]: its number of classes is 1."""

    num_classes: Literal[1]


@dataclass(kw_only=True)
class ClassificationLSTMFCNPage(LSTMFCNPage):
    """[LSTM_FCNs_cls]: its number of classes is 2 or more."""

    num_classes: Annotated[int, Field(ge=2, strict=True)]


@dataclass(kw_only=True)
class MultiPage(Page):
    """[LSTM_FCNs_multi]: two tasks, with other defaults than a single task."""

    num_classes_1: Count
    num_classes_2: Count
    num_layers: Count = 1
    lstm_drop_out: Share = 0.4
    fc_drop_out: Share = 0.1
    num_epochs: Count = 150
    batch_size: Count = 64
    freeze: Switch = False
    alpha: Share = 0.5

    def backbone(self) -> Backbone:
        """Return an LSTM-FCN."""
        return LSTMFCN(
            num_layers=self.num_layers,
            lstm_dropout=self.lstm_drop_out,
            conv_dropout=self.fc_drop_out,
        )

    def class_counts(self) -> Sequence[int]:
        """Return the number of classes of both tasks."""
        return [self.num_classes_1, self.num_classes_2]


@dataclass(kw_only=True)
class FCPage(SingleTask):
    """[FC]: vectors of `input_size` entries, as series of one step."""

    dropout: Share = 0.1
    bias: Switch = True

    def backbone(self) -> Backbone:
        """Return an FC."""
        return FC(dropout=self.dropout, bias=self.bias)


PAGES: dict[str, type[Page]] = {
    "LSTM": LSTMPage,
    "GRU": GRUPage,
    "CNN_1D": CNNPage,
    "1D CNN": CNNPage,
    "LSTM_FCNs_reg": RegressionLSTMFCNPage,
    "LSTM_FCNs_cls": ClassificationLSTMFCNPage,
    "LSTM_FCNs_multi": MultiPage,
    "FC": FCPage,
}
