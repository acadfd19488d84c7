"""Long series as means of blocks of steps, so that the backbone reads fewer steps."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from multitide.backbones._masked import valid_steps

Count = TypeVar("Count", int, Tensor)


def n_pooled(n_steps: Count, size: int) -> Count:
    """Return how many blocks some steps make; the last one may be shorter."""
    if size == 1:
        return n_steps
    return (n_steps + size - 1) // size


def pooled(
    x: Tensor, lengths: Tensor | None, size: int, category_channel: Tensor
) -> Tensor:
    """Return the mean of the measured values of each block of steps.

    Parameters
    ----------
    x : Tensor, shape (batch, channels, time)
        Raw series; NaN for missing values.
    lengths : Tensor, shape (batch,), optional
        Number of valid steps of each series.
    size : int
        Steps per block.
    category_channel : Tensor of int64
        Channels of codes, which have no mean: the last measured one of each block is taken.

    Returns
    -------
    Tensor, shape (batch, channels, blocks)
        NaN where a block has no measured value.
    """
    if lengths is not None:
        x = torch.where(valid_steps(lengths, x.shape[2]), x, torch.nan)
    padding = -x.shape[2] % size
    blocks = F.pad(x, (0, padding), value=torch.nan).unflatten(2, (-1, size))
    measured = ~blocks.isnan()
    count = measured.sum(dim=3)
    total = torch.where(measured, blocks, 0.0).sum(dim=3)
    means = torch.where(count > 0, total / count.clamp(min=1), torch.nan)
    if not len(category_channel):
        return means
    steps = torch.arange(size, device=x.device)
    last = torch.where(measured, steps, -1).amax(dim=3)
    codes = blocks.gather(3, last.clamp(min=0)[..., None])[..., 0]
    is_category = torch.zeros(x.shape[1], dtype=torch.bool, device=x.device)
    is_category = is_category.index_fill(0, category_channel, True)
    return torch.where(is_category[:, None], codes, means)
