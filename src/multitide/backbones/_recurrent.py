"""What RNN, LSTM and GRU have in common: layers that read a series forwards, or both ways."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from multitide.backbones._backbone import (
    Backbone,
    Block,
    BlockBackbone,
    Flow,
    Pooling,
    PositiveInt,
    Probability,
)
from multitide.backbones._masked import last_step, reverse_valid


@dataclass
class Recurrent(Backbone):
    """Parent of the recurrent backbones: stacked layers, whose end states are the features.

    Parameters
    ----------
    num_layers : int, default=2
        Layers, each reading the states of the one below.
    hidden_size : int, default=64
        Units of a layer in each direction.
    dropout : float, default=0.1
        Share of values dropped in training: between layers, and of the features (torch leaves out
        the latter, so that one layer would have none).
    bidirectional : bool, default=True
        Whether a second set of units reads each series from its last valid step back to its first.

    Notes
    -----
    (batch, n_channels, time) -> (batch, hidden_size), or twice as many when bidirectional: the
    forward state at the last valid step, then the backward state at the first, each of which has
    read the whole series. (The reference system reads both at the last step, where the backward one
    has seen a single value.)
    """

    num_layers: PositiveInt = 2
    hidden_size: PositiveInt = 64
    dropout: Probability = 0.1
    bidirectional: bool = True

    widths: ClassVar[tuple[str, ...]] = ("hidden_size",)

    @abstractmethod
    def cell(self, n_inputs: int) -> nn.RNNBase:
        """Return one layer of one direction (``batch_first=True``)."""

    def build(self, n_channels: int, n_timepoints: int) -> BlockBackbone:
        """Return a freshly initialised module with ``hidden_size`` features a direction."""
        n_directions = 2 if self.bidirectional else 1
        blocks: dict[str, Block] = {}
        for i in range(self.num_layers):
            n_inputs = n_directions * self.hidden_size if i else n_channels
            cells = [self.cell(n_inputs) for _ in range(n_directions)]
            blocks[f"layer{i + 1}"] = RecurrentLayer(cells, self.dropout if i else 0.0)
        return BlockBackbone(
            blocks, EndStates(n_directions, self.dropout), n_directions * self.hidden_size, self
        )


class RecurrentLayer(Block):
    """One recurrent layer, forwards or both ways.

    Parameters
    ----------
    cells : list of RNNBase
        The forward direction, then the backward one if there is one.
    dropout : float
        Share of its inputs dropped in training.
    """

    def __init__(self, cells: list[nn.RNNBase], dropout: float) -> None:
        super().__init__()
        self.dropout, self.cells = nn.Dropout(dropout), nn.ModuleList(cells)

    def forward(self, flow: Flow) -> Flow:
        """Return the flow with ``x`` of shape (batch, n_directions * hidden_size, time), forward states first."""
        x = self.dropout(flow.x)
        states = [_run(self.cells[0], x)]
        for backward in self.cells[1:]:
            reversed_states = _run(backward, reverse_valid(x, flow.lengths))
            states.append(reverse_valid(reversed_states, flow.lengths))
        return flow._replace(x=torch.cat(states, dim=1) if len(states) > 1 else states[0])


class EndStates(Pooling):
    """The state of each direction when it has read the whole series.

    Parameters
    ----------
    n_directions : int
        1 or 2.
    dropout : float
        Share of the features dropped in training.
    """

    def __init__(self, n_directions: int, dropout: float) -> None:
        super().__init__()
        self.n_directions, self.dropout = n_directions, nn.Dropout(dropout)

    def forward(self, flow: Flow) -> Tensor:
        """Return the end states: (batch, n_directions * hidden_size, time) -> (batch, n_directions * hidden_size)."""
        forward, *backward = flow.x.chunk(self.n_directions, dim=1)
        ends = [last_step(forward, flow.lengths), *(states[:, :, 0] for states in backward)]
        return self.dropout(torch.cat(ends, dim=1))


def _run(cell: nn.Module, x: Tensor) -> Tensor:
    """Return a cell's states at every step: (batch, channels, time) -> (batch, hidden_size, time)."""
    return cell(x.transpose(1, 2))[0].transpose(1, 2)
