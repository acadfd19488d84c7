"""Differences between neighbouring steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from multitide.encodings._encoding import Encoding, EncodingModule, channel_positions


@dataclass
class Difference(Encoding):
    """Add the change of each channel since the previous step, scaled by its standard deviation.

    Differences are computed inside the window; the first step gets 0. They are divided by their
    standard deviation on the training series but not centred, so that 0 means no change.

    Parameters
    ----------
    channels : tuple of str, optional
        Channels to encode. Default: all.
    """

    channels: tuple[str, ...] | None = None

    def build(self, channels: tuple[str, ...]) -> DifferenceModule:
        """Return a module that outputs the channels, then the differences."""
        chosen = channel_positions(self.channels, channels, "difference")
        return DifferenceModule(channels, chosen)


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
        self.register_buffer(
            "chosen", torch.tensor(chosen, dtype=torch.long), persistent=False
        )

    def fit(self, x: Tensor, measured: Tensor) -> None:
        """Compute the standard deviation of the differences at measured steps."""
        for i, source in enumerate(self.sources[x.shape[1] :]):
            changes = x[:, source].diff(dim=1)[measured[:, source, 1:]].double()
            self.gain[i] = 1.0
            if len(changes) and changes.std(correction=0) > 0:
                self.gain[i] = 1 / float(changes.std(correction=0))

    def forward(self, x: Tensor) -> Tensor:
        """Append the differences."""
        if self.every:
            chosen = x
        else:
            chosen = x[:, self.chosen]
        changes = chosen.diff(dim=2, prepend=chosen[:, :, :1])
        return torch.cat([x, changes * self.gain], dim=1)
