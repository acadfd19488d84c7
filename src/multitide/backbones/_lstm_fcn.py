"""LSTM-FCN: an LSTM and a fully convolutional network read a series side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from multitide.backbones._backbone import Block, BlockBackbone, Flow, PositiveInt, Probability
from multitide.backbones._convolution import MeanPooling
from multitide.backbones._fcn import FCN
from multitide.backbones._masked import last_step
from multitide.errors import DataError


@dataclass
class LSTMFCN(FCN):
    """LSTM-FCN with squeeze-and-excite (Karim et al. 2017, 2019): an LSTM beside an FCN, their features joined.

    Parameters
    ----------
    filters, kernel_sizes, padding, conv_dropout, squeeze
        The convolutions; see :class:`FCN`.
    hidden_size : int, default=64
        Units of the LSTM, whose state at a series' last step is its part of the features.
    num_layers : int, default=1
        LSTM layers.
    lstm_dropout : float, default=0.4
        Share of the LSTM's features dropped in training.
    shuffle : bool, default=False
        The paper's dimension shuffle: the LSTM reads one channel a step, with all time steps as its
        inputs. Much faster for long series of few channels; needs series of equal length.

    Notes
    -----
    (batch, n_channels, time) -> (batch, hidden_size + filters[-1]), the LSTM's features first. The
    papers have 128, 256 and 128 filters, "same" padding, a dropout of 0.8 after the LSTM and none
    after convolutions, always shuffle, and tune the LSTM's size for each data set. The defaults
    here are those of the reference system (KUDataMultitasklearning), which declares a dropout after
    the LSTM too, but never applies it.

    References
    ----------
    .. [1] Karim, Majumdar, Darabi and Chen, "LSTM fully convolutional networks for time series
       classification", IEEE Access 6, 2017. https://arxiv.org/abs/1709.05206
    .. [2] Karim, Majumdar, Darabi and Harford, "Multivariate LSTM-FCNs for time series
       classification", Neural Networks 116, 2019. https://arxiv.org/abs/1801.04503
    """

    hidden_size: PositiveInt = 64
    num_layers: PositiveInt = 1
    lstm_dropout: Probability = 0.4
    shuffle: bool = False

    widths: ClassVar[tuple[str, ...]] = ("filters", "hidden_size")

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a freshly initialised module with ``hidden_size + filters[-1]`` features."""
        self.check_timepoints(n_timepoints)
        kind = ShuffledLSTM if self.shuffle else LastStateLSTM
        lstm = kind(
            n_timepoints if self.shuffle else n_channels,
            self.hidden_size,
            self.num_layers,
            self.lstm_dropout,
        )
        n_features = self.hidden_size + self.filters[-1]
        return BlockBackbone(
            {"lstm": lstm, **self.convolutions(n_channels)}, MeanPooling(), n_features, self
        )


class LastStateLSTM(Block):
    """An LSTM that adds its last state to the finished features and leaves the series as it is.

    Parameters
    ----------
    n_inputs, hidden_size, num_layers : int
        Inputs of a step, units, layers.
    dropout : float
        Share of the features dropped in training.
    """

    def __init__(self, n_inputs: int, hidden_size: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_inputs, hidden_size, num_layers, batch_first=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, flow: Flow) -> Flow:
        """Return the flow with features of shape (batch, hidden_size) more."""
        return flow._replace(
            features=(*flow.features, self.dropout(self.last_state(flow.x, flow.lengths)))
        )

    def last_state(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the top layer's state at each series' last valid step, shape (batch, hidden_size)."""
        states, (hidden, _) = self.lstm(x.transpose(1, 2))
        return hidden[-1] if lengths is None else last_step(states.transpose(1, 2), lengths)


class ShuffledLSTM(LastStateLSTM):
    """The same after the dimension shuffle: one channel a step, all time steps as inputs."""

    def last_state(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the top layer's state after the last channel, shape (batch, hidden_size)."""
        if lengths is not None or x.shape[2] != self.lstm.input_size:
            found = "series of unequal length" if lengths is not None else f"{x.shape[2]}"
            raise DataError(
                f"`X` must have {self.lstm.input_size} time steps in every series, as in training, with shuffle=True; "
                f"got {found}. Use shuffle=False."
            )
        return super().last_state(x.transpose(1, 2), None)
