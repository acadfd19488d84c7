"""The reference's LSTM_FCNs in plain torch, written from its description alone; for comparison."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SqueezeExcite(nn.Module):
    def __init__(self, n_channels: int) -> None:
        super().__init__()
        hidden = n_channels // 16
        first, second = (
            nn.Linear(n_channels, hidden, bias=False),
            nn.Linear(hidden, n_channels, bias=False),
        )
        self.fc = nn.Sequential(first, nn.ReLU(), second, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(x.mean(dim=2))[:, :, None]


class ReferenceNetwork(nn.Module):
    """Heads by name, e.g. ``{"fc_1": 4, "fc_2": 1}``."""

    def __init__(
        self,
        n_channels: int,
        heads: dict[str, int],
        num_layers: int = 1,
        filters: int = 128,
    ) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_channels, 64, num_layers, batch_first=True)
        self.conv1, self.conv2 = (
            nn.Conv1d(n_channels, filters, 8),
            nn.Conv1d(filters, filters, 5),
        )
        self.conv3 = nn.Conv1d(filters, 16, 3)
        self.bn1, self.bn2, self.bn3 = (
            nn.BatchNorm1d(filters),
            nn.BatchNorm1d(filters),
            nn.BatchNorm1d(16),
        )
        self.se1, self.se2 = SqueezeExcite(filters), SqueezeExcite(filters)
        self.head_names = list(heads)
        for name, n_outputs in heads.items():
            setattr(self, name, nn.Linear(80, n_outputs))

    def forward(self, x: Tensor) -> list[Tensor]:
        last = self.lstm(x.transpose(1, 2))[0][:, -1]
        x = self.se1(F.relu(self.bn1(self.conv1(x))))
        x = self.se2(F.relu(self.bn2(self.conv2(x))))
        x = F.relu(self.bn3(self.conv3(x))).mean(dim=2)
        features = torch.cat([last, x], dim=1)
        outputs = [getattr(self, name)(features) for name in self.head_names]
        return [
            output.log_softmax(dim=1) if output.shape[1] > 1 else output
            for output in outputs
        ]


def trained_like(
    n_channels: int = 4,
    heads: dict[str, int] | None = None,
    num_layers: int = 1,
    filters: int = 128,
) -> ReferenceNetwork:
    """A network in eval mode, no tensor of which has the value it is born with."""
    torch.manual_seed(0)
    network = ReferenceNetwork(
        n_channels, heads or {"fc_1": 4, "fc_2": 1}, num_layers, filters
    )
    for name, tensor in network.state_dict().items():
        if "num_batches" not in name:
            tensor.add_(torch.rand_like(tensor) * 0.3)
    return network.eval()
