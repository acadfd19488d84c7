"""LSTM-FCN against its formula: parameter counts, features, and the dimension shuffle."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from multitide.backbones import FCN, LSTMFCN, BackboneModule, BlockBackbone
from multitide.errors import DataError
from refusals import refused


class ReferenceNetwork(nn.Module):
    """The reference system's features, in plain torch."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_channels, 64, batch_first=True)
        self.conv1, self.bn1 = nn.Conv1d(n_channels, 128, 8), nn.BatchNorm1d(128)
        self.conv2, self.bn2 = nn.Conv1d(128, 128, 5), nn.BatchNorm1d(128)
        self.conv3, self.bn3 = nn.Conv1d(128, 16, 3), nn.BatchNorm1d(16)
        self.se1_fc_0, self.se1_fc_2 = (
            nn.Linear(128, 8, bias=False),
            nn.Linear(8, 128, bias=False),
        )
        self.se2_fc_0, self.se2_fc_2 = (
            nn.Linear(128, 8, bias=False),
            nn.Linear(8, 128, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        state = self.lstm(x.permute(0, 2, 1))[1][0][0]
        x = F.relu(self.bn1(self.conv1(x)))
        x = x * torch.sigmoid(
            self.se1_fc_2(F.relu(self.se1_fc_0(x.mean(2))))
        ).unsqueeze(2)
        x = F.relu(self.bn2(self.conv2(x)))
        x = x * torch.sigmoid(
            self.se2_fc_2(F.relu(self.se2_fc_0(x.mean(2))))
        ).unsqueeze(2)
        x = F.relu(self.bn3(self.conv3(x)))
        return torch.hstack([state, x.mean(2)])


# Where each tensor of the reference lies in ours.
NAMES = {
    "lstm": "blocks.lstm.lstm",
    **{f"conv{i}": f"blocks.conv{i}.convolution" for i in (1, 2, 3)},
    **{f"bn{i}": f"blocks.conv{i}.norm" for i in (1, 2, 3)},
    **{f"se{i}_fc_0": f"blocks.conv{i}.squeeze.squeeze" for i in (1, 2)},
    **{f"se{i}_fc_2": f"blocks.conv{i}.squeeze.excite" for i in (1, 2)},
}


def reference_and_ours(n_channels: int = 4) -> tuple[ReferenceNetwork, BackboneModule]:
    torch.manual_seed(0)
    reference = ReferenceNetwork(n_channels)
    for _ in range(5):
        reference(
            torch.randn(32, n_channels, 24) * 3 + 1
        )  # running statistics that matter
    ours = LSTMFCN().build(n_channels, 24)
    state = {
        f"{NAMES[name.rsplit('.', 1)[0]]}.{name.rsplit('.', 1)[1]}": t
        for name, t in reference.state_dict().items()
    }
    ours.load_state_dict(state)
    return reference, ours


def test_the_defaults_are_the_reference_network() -> None:
    reference, ours = reference_and_ours()
    x = torch.randn(9, 4, 24)
    assert ours.n_features == 80
    torch.testing.assert_close(
        ours.eval()(x), reference.eval()(x), rtol=1e-6, atol=1e-6
    )


def test_it_trains_like_the_reference_network() -> None:
    reference, ours = reference_and_ours()
    for module in ours.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    x = torch.randn(9, 4, 24)
    for network in (reference, ours):
        network(x).square().sum().backward()
    gradients = dict(ours.named_parameters())
    for name, parameter in reference.named_parameters():
        layer, _, tensor = name.rpartition(".")
        assert parameter.grad is not None
        torch.testing.assert_close(
            gradients[f"{NAMES[layer]}.{tensor}"].grad,
            parameter.grad,
            rtol=1e-4,
            atol=1e-5,
        )
    for name, buffer in reference.named_buffers():
        layer, _, tensor = name.rpartition(".")
        torch.testing.assert_close(ours.get_buffer(f"{NAMES[layer]}.{tensor}"), buffer)


def test_tensor_shapes_are_those_of_the_reference() -> None:
    shapes = {
        name: tuple(p.shape) for name, p in LSTMFCN().build(4, 24).named_parameters()
    }
    assert shapes["blocks.lstm.lstm.weight_ih_l0"] == (256, 4)
    assert shapes["blocks.conv1.convolution.weight"] == (128, 4, 8)
    assert shapes["blocks.conv1.squeeze.squeeze.weight"] == (8, 128)
    assert (
        sum(torch.Size(shape).numel() for shape in shapes.values())
        == 115_397 - (4 + 1) * 81
    )  # without its heads


def test_fcn_is_the_same_without_the_lstm() -> None:
    _, both = reference_and_ours()
    alone = FCN().build(4, 24).eval()
    alone.load_state_dict(
        {n: t for n, t in both.state_dict().items() if not n.startswith("blocks.lstm")}
    )
    x = torch.randn(3, 4, 24)
    assert torch.equal(alone(x), both.eval()(x)[:, 64:])


def test_dropout_falls_where_it_is_declared() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 24)
    for spec, columns in (
        (LSTMFCN(lstm_dropout=1.0, conv_dropout=0.0), slice(0, 64)),
        (LSTMFCN(lstm_dropout=0.0, conv_dropout=1.0), slice(64, 80)),
    ):
        features = spec.build(3, 24)(x)
        dropped = torch.zeros(80, dtype=torch.bool)
        dropped[columns] = True
        assert (features[:, dropped] == 0).all()
        assert (features[:, ~dropped] != 0).any(dim=0).all()


def test_layers_follow_the_parameters() -> None:
    module = LSTMFCN(
        num_layers=2, hidden_size=6, filters=(8, 4), kernel_sizes=(4, 2), squeeze=None
    ).build(3, 24)
    assert isinstance(module, BlockBackbone)
    assert list(module.blocks) == ["lstm", "conv1", "conv2"]
    names = {name for name, _ in module.named_parameters()}
    assert "blocks.lstm.lstm.weight_ih_l1" in names
    assert not any("squeeze" in name for name in names)


@pytest.mark.parametrize(("padding", "shortest"), [("valid", 14), ("same", 1)])
def test_shortest_series(padding: str, shortest: int) -> None:
    assert LSTMFCN(padding=padding).min_timepoints == shortest  # type: ignore[arg-type]


def test_shuffle_lets_the_lstm_read_channels_as_steps() -> None:
    torch.manual_seed(0)
    module = LSTMFCN(shuffle=True, hidden_size=5).build(3, 24).eval()
    lstm = module.get_submodule("blocks.lstm.lstm")
    assert isinstance(lstm, nn.LSTM) and lstm.input_size == 24
    x = torch.randn(2, 3, 24)
    torch.testing.assert_close(module(x)[:, :5], lstm(x)[1][0][0])


@pytest.mark.parametrize(
    ("steps", "lengths", "found"),
    [
        (20, None, "got 20"),
        (24, torch.tensor([20, 24]), "got series of unequal length"),
    ],
)
def test_shuffle_needs_equal_lengths(
    steps: int, lengths: Tensor | None, found: str
) -> None:
    module = LSTMFCN(shuffle=True).build(3, 24)
    with refused(
        "`X`", "24 time steps in every series", found, "shuffle=False", error=DataError
    ):
        module(torch.randn(2, 3, steps), lengths)
