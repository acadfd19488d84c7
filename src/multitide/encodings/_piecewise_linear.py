"""Piecewise-linear encoding: how far a number fills each of several bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from multitide.encodings._encoding import Encoding, EncodingModule, channel_positions


@dataclass
class PiecewiseLinear(Encoding):
    """Encode each channel by bins between its training quantiles (Gorishniy et al. 2022 [1]_).

    A bin is 0 for values below it, 1 for values above it, and linear in between. The first and the
    last bin are extrapolated linearly outside the training range. This lets a network represent
    nonlinear functions with a resolution that follows the data, also for skewed channels.

    Parameters
    ----------
    n_bins : int, default=8
        Number of bins per channel. If quantiles coincide (many equal values), their bins are
        merged, and the remaining bins are 0.
    channels : tuple of str, optional
        Channels to encode. Default: all.
    replace : bool, default=False
        Whether the bins replace their channel instead of being added to it.

    Notes
    -----
    The paper encodes the columns of tables. Here, every time step of a channel is encoded with the
    same bins.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
       learning", NeurIPS 2022. https://arxiv.org/abs/2203.05556
    """

    n_bins: Annotated[int, Field(ge=1, le=65_536)] = 8
    channels: tuple[str, ...] | None = None
    replace: bool = False

    def build(self, channels: tuple[str, ...]) -> PiecewiseLinearModule:
        """Return a module that outputs the channels that are kept, then the bins per channel."""
        chosen = channel_positions(self.channels, channels, "piecewise_linear")
        return PiecewiseLinearModule(channels, chosen, self.n_bins, self.replace)


class PiecewiseLinearModule(EncodingModule):
    """Appends bins: (batch, n_channels, time) -> (batch, n_kept + n_chosen * n_bins, time)."""

    low: Tensor
    gain: Tensor
    floor: Tensor
    ceiling: Tensor
    kept: Tensor
    chosen: Tensor

    def __init__(
        self, channels: tuple[str, ...], chosen: list[int], n_bins: int, replace: bool
    ) -> None:
        super().__init__()
        kept = []
        for i in range(len(channels)):
            if not (replace and i in chosen):
                kept.append(i)
        names = [channels[i] for i in kept]
        sources = list(kept)
        for i in chosen:
            for k in range(n_bins):
                names.append(f"{channels[i]}_bin{k}")
            sources += [i] * n_bins
        self.names = tuple(names)
        self.sources = tuple(sources)
        self.n_bins = n_bins
        for name in ("low", "gain", "floor", "ceiling"):
            self.register_buffer(name, torch.zeros(len(chosen), n_bins, 1))
        for name, channel_list in (("kept", kept), ("chosen", chosen)):
            positions = torch.tensor(channel_list, dtype=torch.long)
            self.register_buffer(name, positions, persistent=False)

    def fit(self, x: Tensor, measured: Tensor) -> None:
        """Place the bins between quantiles of the measured values."""
        levels = np.linspace(0, 1, self.n_bins + 1)
        for row, channel in enumerate(self.chosen.tolist()):
            values = x[:, channel][measured[:, channel]].double().numpy()
            self._place(
                row, np.quantile(values, levels) if len(values) else np.zeros(1)
            )

    def _place(self, row: int, quantiles: np.ndarray) -> None:
        edges = torch.from_numpy(np.unique(quantiles.astype(np.float32)))
        n = len(edges) - 1
        for buffer in (self.low, self.gain, self.floor, self.ceiling):
            buffer[row] = 0.0
        if n:
            self.low[row, :n, 0] = edges[:-1]
            self.gain[row, :n, 0] = 1 / edges.diff()
            self.floor[row, 0] = -torch.inf
            self.ceiling[row, :n] = 1.0
            self.ceiling[row, n - 1] = torch.inf

    def forward(self, x: Tensor) -> Tensor:
        """Append the bins."""
        filled = (x[:, self.chosen][:, :, None] - self.low) * self.gain
        bins = torch.minimum(torch.maximum(filled, self.floor), self.ceiling).flatten(
            1, 2
        )
        if len(self.kept):
            return torch.cat([x[:, self.kept], bins], dim=1)
        return bins
