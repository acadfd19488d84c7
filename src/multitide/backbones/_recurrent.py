"""Base of RNN, LSTM and GRU: recurrent layers in one or both directions."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from multitide._bf16 import in_float32, multiplies_in_bf16_on_cpu
from multitide.backbones._backbone import (
    Backbone,
    Block,
    BlockBackbone,
    Flow,
    NumberOfLayers,
    Pooling,
    PositiveInt,
    Probability,
)
from multitide.backbones._masked import last_step, reverse_valid


@dataclass
class Recurrent(Backbone):
    """Parent of the recurrent backbones: stacked layers, whose final states are the features.

    Parameters
    ----------
    num_layers : int, default=2
        Number of layers; each reads the states of the previous one.
    hidden_size : int, default=64
        Units of a layer in each direction.
    dropout : float, default=0.1
        Fraction of the values dropped in training, between layers and of the features. (torch does
        not drop the features, so a single layer would have no dropout.)
    bidirectional : bool, default=True
        Whether a second set of units reads each series from its last valid step to its first.

    Notes
    -----
    (batch, n_channels, time) -> (batch, hidden_size), or 2 * hidden_size if bidirectional. The
    features are the forward state at the last valid step, then the backward state at the first
    step; both have read the whole series. (The reference system takes both at the last step, where
    the backward state has seen a single value.)
    """

    num_layers: NumberOfLayers = 2
    hidden_size: PositiveInt = 64
    dropout: Probability = 0.1
    bidirectional: bool = True

    widths: ClassVar[tuple[str, ...]] = ("hidden_size",)

    @abstractmethod
    def cell(self, n_inputs: int) -> nn.RNNBase:
        """Return one layer of one direction (``batch_first=True``)."""

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a newly initialised module with ``hidden_size`` features per direction."""
        if self.bidirectional:
            n_directions = 2
        else:
            n_directions = 1
        n_features = n_directions * self.hidden_size
        blocks: dict[str, Block] = {}
        n_inputs, dropout = n_channels, 0.0  # of the first layer
        for i in range(self.num_layers):
            cells = []
            for _ in range(n_directions):
                cells.append(self.cell(n_inputs))
            blocks[f"layer{i + 1}"] = RecurrentLayer(cells, dropout)
            n_inputs, dropout = n_features, self.dropout
        return BlockBackbone(
            blocks, EndStates(n_directions, self.dropout), n_features, self
        )


class RecurrentLayer(Block):
    """One recurrent layer in one or both directions.

    Parameters
    ----------
    cells : list of RNNBase
        The forward direction, then optionally the backward direction.
    dropout : float
        Fraction of the inputs dropped in training.
    """

    def __init__(self, cells: list[nn.RNNBase], dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.cells = nn.ModuleList(cells)

    def forward(self, flow: Flow) -> Flow:
        """Return the flow with the states as ``x``, forward states first.

        Their shape is (batch, n_directions * hidden_size, time).
        """
        x = self.dropout(flow.x)
        states = [_run(self.cells[0], x)]
        for backward in self.cells[1:]:
            reversed_states = _run(backward, reverse_valid(x, flow.lengths))
            states.append(reverse_valid(reversed_states, flow.lengths))
        return flow._replace(
            x=torch.cat(states, dim=1) if len(states) > 1 else states[0]
        )


class EndStates(Pooling):
    """The state of each direction after it has read the whole series.

    Parameters
    ----------
    n_directions : int
        1 or 2.
    dropout : float
        Fraction of the features dropped in training.
    """

    def __init__(self, n_directions: int, dropout: float) -> None:
        super().__init__()
        self.n_directions = n_directions
        self.dropout = nn.Dropout(dropout)

    def forward(self, flow: Flow) -> Tensor:
        """Return the final states, (batch, n_directions * hidden_size)."""
        forward, *backward = flow.x.chunk(self.n_directions, dim=1)
        ends = [last_step(forward, flow.lengths)]
        for states in backward:
            ends.append(states[:, :, 0])
        dropped: Tensor = self.dropout(torch.cat(ends, dim=1))
        return dropped


def _run(cell: nn.Module, x: Tensor) -> Tensor:
    """Return the states of a cell at every step, (batch, hidden_size, time)."""
    return run_cell(cell, x)[0].transpose(1, 2)


def run_cell(cell: nn.Module, x: Tensor) -> tuple[Tensor, Any]:
    """Return what torch's recurrent layers return for `x`, (batch, channels, time).

    On the CPU it stays in float32: not every processor with bfloat16 has this LSTM in oneDNN, and
    it is hardly faster (https://github.com/pytorch/pytorch/pull/126051).
    """
    if multiplies_in_bf16_on_cpu(x):
        with in_float32(x):
            states, last = cell(x.float().transpose(1, 2))
    else:
        states, last = cell(x.transpose(1, 2))
    return states, last
