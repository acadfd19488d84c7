"""Piecewise-linear encoding: a number as how far it has filled each of some bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from multitide.encodings._encoding import Encoding, EncodingModule, positions


@dataclass
class PiecewiseLinear(Encoding):
    """Spreads each channel over bins between its training quantiles (Gorishniy et al. 2022).

    A bin gives 0 for values below it, 1 for values above it, and the share in between; the first
    and the last bin go on linearly outside of the training range. So a network can bend where the
    data are, also for skewed channels.

    Parameters
    ----------
    n_bins : int, default=8
        Bins a channel. Where quantiles coincide (many equal values) their bins are one, and the
        bins left over give 0.
    channels : tuple of str, optional
        Which channels; all of them when not given.
    replace : bool, default=False
        Whether the bins take the place of their channel instead of being added to it.

    Notes
    -----
    The paper encodes the columns of tables; here each time step of a channel is encoded, with the
    same bins.

    References
    ----------
    .. [1] Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep
      learning", NeurIPS
       2022. https://arxiv.org/abs/2203.05556
    """

    n_bins: Annotated[int, Field(ge=1)] = 8
    channels: tuple[str, ...] | None = None
    replace: bool = False

    def build(self, channels: tuple[str, ...]) -> PiecewiseLinearModule:
        """Return a module whose outputs are the inputs that are kept, then the bins, channel by channel."""
        chosen = positions(self.channels, channels, "piecewise_linear")
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
        kept = [i for i in range(len(channels)) if not (replace and i in chosen)]
        self.n_bins = n_bins
        bins = [f"{channels[i]}_bin{k}" for i in chosen for k in range(n_bins)]
        self.names = (*(channels[i] for i in kept), *bins)
        self.sources = (*kept, *(i for i in chosen for _ in range(n_bins)))
        for name in ("low", "gain", "floor", "ceiling"):
            self.register_buffer(name, torch.zeros(len(chosen), n_bins, 1))
        for name, places in (("kept", kept), ("chosen", chosen)):
            self.register_buffer(name, torch.tensor(places, dtype=torch.long), persistent=False)

    def fit(self, x: Tensor, measured: Tensor) -> None:
        """Put the bins between quantiles of the measured values."""
        for row, channel in enumerate(self.chosen.tolist()):
            values = x[:, channel][measured[:, channel]].double().numpy()
            self._place(
                row,
                np.quantile(values, np.linspace(0, 1, self.n_bins + 1))
                if len(values)
                else np.zeros(1),
            )

    def _place(self, row: int, quantiles: np.ndarray) -> None:
        edges = torch.from_numpy(np.unique(quantiles.astype(np.float32)))
        n = len(edges) - 1
        for buffer in (self.low, self.gain, self.floor, self.ceiling):
            buffer[row] = 0.0
        if n:
            self.low[row, :n, 0], self.gain[row, :n, 0] = edges[:-1], 1 / edges.diff()
            self.floor[row, 0], self.ceiling[row, :n] = -torch.inf, 1.0
            self.ceiling[row, n - 1] = torch.inf

    def forward(self, x: Tensor) -> Tensor:
        """Append the bins."""
        filled = (x[:, self.chosen][:, :, None] - self.low) * self.gain
        bins = torch.minimum(torch.maximum(filled, self.floor), self.ceiling).flatten(1, 2)
        return torch.cat([x[:, self.kept], bins], dim=1) if len(self.kept) else bins
