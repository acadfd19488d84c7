"""LSTM-FCN: an LSTM in parallel to a fully convolutional network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from multitide.backbones._backbone import (
    Block,
    BlockBackbone,
    Flow,
    NumberOfLayers,
    PositiveInt,
    Probability,
)
from multitide.backbones._convolution import MeanPooling
from multitide.backbones._fcn import FCN
from multitide.backbones._masked import last_step
from multitide.backbones._recurrent import run_cell
from multitide.errors import DataError


@dataclass
class LSTMFCN(FCN):
    """LSTM-FCN with squeeze-and-excitation (Karim et al. 2017 [1]_, 2019 [2]_).

    An LSTM and an FCN process the series in parallel; their features are concatenated.

    Parameters
    ----------
    filters, kernel_sizes, padding, conv_dropout, squeeze
        Parameters of the convolutions; see :class:`FCN`.
    hidden_size : int, default=64
        Units of the LSTM. Its features are its state at the last step of a series.
    num_layers : int, default=1
        Number of LSTM layers.
    lstm_dropout : float, default=0.4
        Fraction of the LSTM features dropped in training.
    shuffle : bool, default=False
        The dimension shuffle of the paper: the LSTM reads one channel per step, with all time steps
        as its inputs. Much faster for long series with few channels; needs series of equal length.

    Notes
    -----
    (batch, n_channels, time) -> (batch, hidden_size + filters[-1]), the LSTM features first. The
    papers use 128, 256 and 128 filters, "same" padding, a dropout of 0.8 after the LSTM and none
    after convolutions; they always shuffle, and tune the size of the LSTM for each data set. The
    defaults here are those of the reference system (KUDataMultitasklearning), which also declares a
    dropout after the LSTM but never applies it.

    References
    ----------
    .. [1] Karim, Majumdar, Darabi and Chen, "LSTM fully convolutional networks for time series
       classification", IEEE Access 6, 2017. https://arxiv.org/abs/1709.05206
    .. [2] Karim, Majumdar, Darabi and Harford, "Multivariate LSTM-FCNs for time series
       classification", Neural Networks 116, 2019. https://arxiv.org/abs/1801.04503
    """

    hidden_size: PositiveInt = 64
    num_layers: NumberOfLayers = 1
    lstm_dropout: Probability = 0.4
    shuffle: bool = False

    widths: ClassVar[tuple[str, ...]] = ("filters", "hidden_size")

    @property
    def needs_equal_lengths(self) -> bool:
        """Whether the time steps are the inputs of the LSTM."""
        return self.shuffle

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a newly initialised module with ``hidden_size + filters[-1]`` features."""
        self.check_timepoints(n_timepoints)
        lstm = self._lstm(n_channels, n_timepoints)
        blocks: dict[str, Block] = {"lstm": lstm, **self.convolutions(n_channels)}
        n_features = self.hidden_size + self.filters[-1]
        return BlockBackbone(blocks, MeanPooling(), n_features, self)

    def _lstm(self, n_channels: int, n_timepoints: int) -> LastStateLSTM:
        size = (self.hidden_size, self.num_layers, self.lstm_dropout)
        if self.shuffle:
            return ShuffledLSTM(n_timepoints, *size)
        return LastStateLSTM(n_channels, *size)


class LastStateLSTM(Block):
    """An LSTM that appends its last state to `Flow.features` and does not change the series.

    Parameters
    ----------
    n_inputs, hidden_size, num_layers : int
        Numbers of inputs per step, units and layers.
    dropout : float
        Fraction of the features dropped in training.
    """

    def __init__(
        self, n_inputs: int, hidden_size: int, num_layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_inputs, hidden_size, num_layers, batch_first=True)
        self.dropout = nn.Dropout(dropout)

    def forward(self, flow: Flow) -> Flow:
        """Return the flow with additional features of shape (batch, hidden_size)."""
        state = self.dropout(self.last_state(flow.x, flow.lengths))
        return flow._replace(features=(*flow.features, state))

    def last_state(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the state of the top layer at the last valid step, (batch, hidden_size)."""
        states, (hidden, _) = run_cell(self.lstm, x)
        if lengths is None:
            last: Tensor = hidden[-1]
            return last
        return last_step(states.transpose(1, 2), lengths)


class ShuffledLSTM(LastStateLSTM):
    """The LSTM after the dimension shuffle: one channel per step, all time steps as inputs."""

    def last_state(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        """Return the state of the top layer after the last channel, (batch, hidden_size)."""
        if lengths is not None or x.shape[2] != self.lstm.input_size:
            if lengths is not None:
                n_steps = "series of unequal length"
            else:
                n_steps = f"{x.shape[2]}"
            raise DataError(
                f"`X` must have {self.lstm.input_size} time steps in "
                "every series, as in training, with shuffle=True; "
                f"got {n_steps}. Use shuffle=False."
            )
        return super().last_state(x.transpose(1, 2), None)
