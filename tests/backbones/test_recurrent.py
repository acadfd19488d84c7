"""RNN, LSTM and GRU against torch's own stacked, bidirectional modules with copied weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from multitide.backbones import GRU, LSTM, RNN, BlockBackbone, Flow
from multitide.backbones._recurrent import Recurrent

SPECS = [RNN, LSTM, GRU]
every_spec = pytest.mark.parametrize("kind", SPECS)
every_stack = pytest.mark.parametrize(
    ("num_layers", "bidirectional"), [(1, False), (2, False), (1, True), (3, True)]
)


def pair(spec: Recurrent, n_channels: int) -> tuple[nn.RNNBase, BlockBackbone]:
    """Torch's module and ours, with the same weights."""
    torch.manual_seed(0)
    theirs: Any = getattr(nn, type(spec).__name__)(
        n_channels,
        spec.hidden_size,
        spec.num_layers,
        bidirectional=spec.bidirectional,
        batch_first=True,
    )
    ours = spec.build(n_channels, 35).eval()
    state = {}
    for name, tensor in theirs.state_dict().items():
        layer = int(name.removesuffix("_reverse").rpartition("_l")[2])
        direction = int(name.endswith("_reverse"))
        inner = name.removesuffix("_reverse").replace(f"_l{layer}", "_l0")
        state[f"blocks.layer{layer + 1}.cells.{direction}.{inner}"] = tensor
    ours.load_state_dict(state)
    return theirs, ours


def run_blocks(
    module: BlockBackbone, x: Tensor, lengths: Tensor | None = None
) -> list[Flow]:
    flows = [module.start(x, lengths)]
    for block in module.block_list:
        flows.append(block(flows[-1]))
    return flows


@every_spec
@every_stack
def test_states_and_features_are_torchs(
    kind: type[Recurrent], num_layers: int, bidirectional: bool
) -> None:
    theirs, ours = pair(kind(num_layers, hidden_size=6, bidirectional=bidirectional), 4)
    x = torch.randn(5, 4, 35)
    output, hidden = theirs(x.transpose(1, 2))
    hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    torch.testing.assert_close(
        run_blocks(ours, x)[-1].x, output.transpose(1, 2), rtol=1e-6, atol=1e-6
    )
    n_directions = 2 if bidirectional else 1
    torch.testing.assert_close(
        ours(x), torch.hstack(list(hidden[-n_directions:])), rtol=1e-6, atol=1e-6
    )


@every_spec
@every_stack
def test_unequal_lengths_are_torchs_packed_sequences(
    kind: type[Recurrent], num_layers: int, bidirectional: bool
) -> None:
    theirs, ours = pair(kind(num_layers, hidden_size=6, bidirectional=bidirectional), 4)
    x, lengths = torch.randn(4, 4, 35), torch.tensor([35, 1, 12, 2])
    packed = nn.utils.rnn.pack_padded_sequence(
        x.transpose(1, 2), lengths, batch_first=True, enforce_sorted=False
    )
    hidden = theirs(packed)[1]
    hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    expected = torch.hstack(list(hidden[-(2 if bidirectional else 1) :]))
    torch.testing.assert_close(ours(x, lengths), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("num_layers", "bidirectional", "output", "states"),
    [
        (1, False, (1, 35, 20), (1, 1, 20)),
        (2, False, (1, 35, 20), (2, 1, 20)),
        (2, True, (1, 35, 40), (4, 1, 20)),
    ],
)
def test_documented_lstm_shapes(
    num_layers: int,
    bidirectional: bool,
    output: tuple[int, ...],
    states: tuple[int, ...],
) -> None:
    # The shapes of an introduction to torch's LSTM that users of the reference system learn from: a
    # batch of 1, 35 steps, 10 channels, 20 units. Theirs are (batch, time, channels); ours are
    # (batch, channels, time).
    module = LSTM(
        num_layers=num_layers, hidden_size=20, bidirectional=bidirectional, dropout=0.0
    ).build(10, 35)
    flows = run_blocks(module, torch.zeros(1, 10, 35))
    assert tuple(flows[-1].x.transpose(1, 2).shape) == output
    ends = []
    for block, flow in zip(module.block_list, flows, strict=False):
        ends += [
            cell(flow.x.transpose(1, 2))[1]
            for cell in block.get_submodule("cells").children()
        ]
    hidden = torch.cat([end[0] for end in ends])
    cell_state = torch.cat([end[1] for end in ends])
    assert tuple(hidden.shape) == tuple(cell_state.shape) == states
    assert module.n_features == output[-1]


def test_dropout_falls_between_layers_and_on_the_features() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 10)
    flows = run_blocks(LSTM(dropout=1.0, num_layers=2).build(4, 10), x)
    assert (flows[1].x != 0).any() and not torch.equal(
        flows[1].x, torch.zeros_like(flows[1].x)
    )
    alone = run_blocks(LSTM(dropout=1.0, num_layers=2).build(4, 10), x * 5)[2].x
    assert torch.equal(alone[0], alone[1]), (
        "the second layer must have read nothing but zeros"
    )
    assert (LSTM(dropout=1.0, num_layers=1).build(4, 10)(x) == 0).all()


def test_relu_and_tanh_differ() -> None:
    x = torch.randn(2, 3, 9)
    bounded = run_blocks(RNN(nonlinearity="tanh").build(3, 9), 100 * x)[-1].x
    positive = run_blocks(RNN(nonlinearity="relu").build(3, 9), 100 * x)[-1].x
    assert bounded.abs().max() <= 1 < positive.max()
    assert positive.min() == 0
