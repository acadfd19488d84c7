"""Quantiles of the measured values in dyadic intervals of series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor


class Level(NamedTuple):
    """Intervals of one length."""

    n_parts: int
    n_quantiles: int

    @property
    def n_intervals(self) -> int:
        """The parts, and those between their centres."""
        return 2 * self.n_parts - 1

    @property
    def n_values(self) -> int:
        """Number of quantiles of all intervals."""
        return self.n_intervals * self.n_quantiles


@dataclass(frozen=True)
class Layout:
    """The intervals of several levels of several views, one after the other, and their quantiles.

    Attributes
    ----------
    view, half, n_halves : Tensor of int64, shape (n_intervals,)
        The view of each interval; the interval begins at `half` of `n_halves` halves of a part.
    interval : Tensor of int64, shape (n_quantiles,)
        The interval of each quantile.
    share : Tensor of float32, shape (n_quantiles,)
        The share of the measured values that lie below it.
    less_mean : Tensor of bool, shape (n_quantiles,)
        Whether the mean of the interval is subtracted.
    """

    view: Tensor
    half: Tensor
    n_halves: Tensor
    interval: Tensor
    share: Tensor
    less_mean: Tensor


def interval_quantiles(
    views: Sequence[Tensor],
    lengths: Sequence[Tensor] | tuple[int, ...],
    levels: tuple[tuple[Level, ...], ...],
) -> Tensor:
    """Return quantiles of the measured values in each interval of some levels of some views.

    All intervals are padded to the widest one, which costs memory but few calls of torch.

    Parameters
    ----------
    views : sequence of Tensor, each of shape (batch, channels, time)
        Their numbers of steps may differ; NaN for missing values.
    lengths : sequence of Tensor, each of shape (batch,), or tuple of int
        Number of steps of each series in each view; of all series if they are equally long.
    levels : tuple of tuple of Level
        The levels of each view.

    Returns
    -------
    Tensor, shape (batch, channels, n_quantiles)
        View by view, level by level, interval by interval; every second quantile of an interval is
        less its mean. NaN for intervals without a measured value.
    """
    series = torch.cat(list(views), dim=2)
    layout = _layout(levels, series.device)
    n_steps = tuple(view.shape[2] for view in views)
    if isinstance(lengths, tuple):
        places, outside = _common_places(n_steps, lengths, levels, series.device)
    else:
        places, outside = _places(n_steps, torch.stack(list(lengths), 1), levels)
    values = series.gather(2, places.flatten(1)[:, None].expand(*series.shape[:2], -1))
    values = values.unflatten(2, outside.shape[1:])
    unknown = values.isnan().logical_or_(outside[:, None])
    count = values.shape[3] - unknown.sum(dim=3, dtype=torch.int32)
    total = values.masked_fill_(unknown, 0.0).sum(dim=3, dtype=torch.float64)
    mean = (total / count).to(series.dtype)
    ascending = _sorted(values.masked_fill_(unknown, torch.inf)).flatten(2)
    last = _repeated((count - 1).clamp(min=0), layout)
    place = layout.share * last
    lower = place.long()
    upper = torch.minimum(lower + 1, last)
    first = layout.interval * values.shape[3]
    low, high = ascending.gather(2, first + lower), ascending.gather(2, first + upper)
    # Without a measured value, both are infinite and the difference is NaN.
    quantiles = low + (place - lower) * (high - low)
    return torch.where(layout.less_mean, quantiles - _repeated(mean, layout), quantiles)


def shares_of(level: Level) -> Tensor:
    """Return the shares of the measured values that lie below each quantile, (n_quantiles,)."""
    if level.n_quantiles == 1:
        return torch.tensor([0.5])
    return torch.linspace(0, 1, level.n_quantiles)


@lru_cache(maxsize=256)
def _layout(levels: tuple[tuple[Level, ...], ...], device: torch.device) -> Layout:
    view: list[int] = []
    half: list[int] = []
    n_halves: list[int] = []
    sizes: list[int] = []
    shares, less_mean = [], []
    for number, of_view in enumerate(levels):
        for level in of_view:
            n_intervals, n_quantiles = level.n_intervals, level.n_quantiles
            view += [number] * n_intervals
            half += range(n_intervals)
            n_halves += [2 * level.n_parts] * n_intervals
            sizes += [n_quantiles] * n_intervals
            shares.append(shares_of(level).repeat(n_intervals))
            less_mean.append((torch.arange(n_quantiles) % 2 == 1).repeat(n_intervals))
    interval = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    parts = [torch.tensor(view), torch.tensor(half), torch.tensor(n_halves)]
    parts += [interval, torch.cat(shares), torch.cat(less_mean)]
    return Layout(*[part.to(device) for part in parts])


@lru_cache(maxsize=4)
def _common_places(
    n_steps: tuple[int, ...],
    lengths: tuple[int, ...],
    levels: tuple[tuple[Level, ...], ...],
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Return the places for series of one length; most predictions have that of the last one."""
    return _places(n_steps, torch.tensor([lengths], device=device), levels)


def _places(
    n_steps: tuple[int, ...], lengths: Tensor, levels: tuple[tuple[Level, ...], ...]
) -> tuple[Tensor, Tensor]:
    """Return the steps of each interval in the joined views, and which of them lie outside.

    Both have the shape (batch, n_intervals, width).

    Parameters
    ----------
    n_steps : tuple of int
        Number of steps of each view, with padding.
    lengths : Tensor of int64, shape (batch, n_views)
        Number of steps of each series in each view.
    levels : tuple of tuple of Level
        The levels of each view.
    """
    layout = _layout(levels, lengths.device)
    width = 0
    for steps_of_view, of_view in zip(n_steps, levels, strict=True):
        for level in of_view:
            width = max(width, min(steps_of_view, steps_of_view // level.n_parts + 2))
    length = lengths.clamp(min=0)[:, layout.view]
    start = length * layout.half // layout.n_halves
    # A series with fewer steps than intervals has the same step in several of them.
    end = torch.maximum(length * (layout.half + 2) // layout.n_halves, start + 1)
    end = torch.minimum(end, length)
    steps = start[:, :, None] + torch.arange(width, device=start.device)
    of_views = torch.tensor(n_steps, device=start.device)
    offsets = (of_views.cumsum(dim=0) - of_views)[layout.view]
    places = (steps + offsets[:, None]).clamp(max=sum(n_steps) - 1)
    return places, steps >= end[:, :, None]


def _repeated(of_intervals: Tensor, layout: Layout) -> Tensor:
    """Return the value of each quantile's interval, (batch, channels, n_quantiles)."""
    shape = *of_intervals.shape[:2], -1
    return of_intervals.gather(2, layout.interval.expand(shape))


def _sorted(x: Tensor) -> Tensor:
    """Return the values in ascending order along the last axis; `x` may be overwritten."""
    if x.device.type != "cpu" or x.requires_grad:  # as for reasons by gradients
        return x.sort(dim=-1).values
    # A tenth of the time of torch, which also finds where each value was.
    x.numpy().sort(axis=-1)
    return x
