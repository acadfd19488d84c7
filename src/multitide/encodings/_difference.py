"""Differences between neighbouring steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from multitide.encodings._encoding import Encoding, EncodingModule, positions


@dataclass
class Difference(Encoding):
    """Adds to each channel how much it changed since the step before, in units of its usual change.

    The difference is taken inside the window: the first step has none, and gets 0. It is divided by
    its standard deviation on the training series and not centred, so that 0 means no change.

    Parameters
    ----------
    channels : tuple of str, optional
        Which channels; all of them when not given.
    """

    channels: tuple[str, ...] | None = None

    def build(self, channels: tuple[str, ...]) -> DifferenceModule:
        """Return a module whose outputs are the inputs, then the differences."""
        return DifferenceModule(channels, positions(self.channels, channels, "difference"))


class DifferenceModule(EncodingModule):
    """Appends differences: (batch, n_channels, time) -> (batch, n_channels + n_chosen, time)."""

    gain: Tensor
    chosen: Tensor

    def __init__(self, channels: tuple[str, ...], chosen: list[int]) -> None:
        super().__init__()
        self.names = (*channels, *(f"{channels[i]}_difference" for i in chosen))
        self.sources = (*range(len(channels)), *chosen)
        self.every = len(chosen) == len(channels)
        self.register_buffer("gain", torch.ones(len(chosen), 1))
        self.register_buffer("chosen", torch.tensor(chosen, dtype=torch.long), persistent=False)

    def fit(self, x: Tensor, measured: Tensor) -> None:
        """Learn the standard deviation of the differences at measured steps."""
        for i, source in enumerate(self.sources[x.shape[1] :]):
            changes = x[:, source].diff(dim=1)[measured[:, source, 1:]].double()
            deviation = float(changes.std(correction=0)) if len(changes) else 0.0
            self.gain[i] = 1 / deviation if deviation > 0 else 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Append the differences."""
        chosen = x if self.every else x[:, self.chosen]
        changes = chosen.diff(dim=2, prepend=chosen[:, :, :1])
        return torch.cat([x, changes * self.gain], dim=1)
