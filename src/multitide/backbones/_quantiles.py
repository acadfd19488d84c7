"""Quantiles of intervals of a series, of its changes and of its spectrum: features for trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from multitide.backbones._backbone import BackboneModule
from multitide.backbones._flatten import flatten_steps
from multitide.backbones._imputation import last_measured
from multitide.backbones._interval_quantiles import Level, interval_quantiles
from multitide.backbones._masked import valid_steps
from multitide.backbones._spectrum import spectrum

SPACING = 4  # steps of an interval per quantile
FEWEST = 4  # quantiles per interval, before levels are left out
SMOOTHED = 5  # steps that a change is averaged over
# Entries of the series that are processed at once: sorting needs about twenty times their memory.
MOST_VALUES = 2**22
# Entries of all intervals, padded to the longest one, up to which all are computed at once: there,
# the calls of torch for each level take longer than to compute the padding.
FEW_VALUES = 2**20
N_STATISTICS = 12
LAST = 6  # place of the last value among the statistics
VIEWS = 4  # the series, its changes, their changes, and its spectrum


@dataclass(frozen=True)
class Plan:
    """Which quantiles are computed of series of a given length.

    Attributes
    ----------
    n_timepoints : int
        Number of steps of the longest training series.
    n_levels : int
        Level k divides a view into 2^k intervals; those between their centres are added.
    most : int
        Maximum number of quantiles per interval.
    n_steps : int
        Number of last steps whose values and changes are features.
    """

    n_timepoints: int
    n_levels: int
    most: int
    n_steps: int = 0

    @classmethod
    def within(
        cls,
        n_channels: int,
        n_timepoints: int,
        n_levels: int,
        most_features: int,
        n_steps: int = 0,
    ) -> Plan:
        """Return the finest plan with at most this many features, or the coarsest one.

        Quantiles per interval are left out first, down to a few, and then the finest levels.
        """
        plan = cls(n_timepoints, n_levels, 1 + n_timepoints // SPACING, n_steps)
        while n_channels * plan.n_features > most_features:
            if plan.most > FEWEST:
                plan = replace(plan, most=max(FEWEST, plan.most * 3 // 4))
            elif plan.n_levels > 1:
                plan = replace(plan, n_levels=plan.n_levels - 1)
            else:
                break
        return plan

    @property
    def is_of_vectors(self) -> bool:
        """Whether series have one step, whose values are the features."""
        return self.n_timepoints == 1

    @property
    def n_features(self) -> int:
        """Number of features per channel."""
        if self.is_of_vectors:
            return 1
        total = N_STATISTICS + 2 * self.n_steps
        for view in range(VIEWS):
            for level in self.levels(view):
                total += level.n_values
        return total

    def levels(self, view: int) -> list[Level]:
        """Return the levels of a view: the series 0, its changes 1 and 2, its spectrum 3."""
        length = self.n_timepoints - view
        if view == VIEWS - 1:
            length = self.n_timepoints // 2
        length = max(1, length)
        found = []
        for k in range(min(self.n_levels, length.bit_length())):
            wanted = 1 + (length // 2**k - 1) // SPACING
            found.append(Level(2**k, min(wanted, self.most)))
        return found


@lru_cache(maxsize=256)
def columns_in(plan: Plan, finer: Plan) -> tuple[int, ...] | None:
    """Return the places of a plan's features of a channel among those of another plan.

    None if some are not among them.
    """
    if plan.is_of_vectors or finer.is_of_vectors:
        return None
    if plan.n_steps not in (0, finer.n_steps):
        return None
    if plan.n_levels and plan.n_timepoints != finer.n_timepoints:
        return None
    columns = list(range(N_STATISTICS + 2 * plan.n_steps))
    start = N_STATISTICS + 2 * finer.n_steps
    for view in range(VIEWS):
        own, others = plan.levels(view), finer.levels(view)
        if own != others[: len(own)]:
            return None
        columns += range(start, start + sum(level.n_values for level in own))
        start += sum(level.n_values for level in others)
    return tuple(columns)


class Quantiles(BackboneModule):
    """Quantiles of dyadic intervals, as in QUANT (Dempster et al. 2024 [1]_), and statistics.

    Four views of each channel are divided into 1, 2, 4, ... intervals of equal length, and into
    those between their centres: the series; its changes from one measured step to the next,
    averaged over five steps; their changes; and the magnitudes of its spectrum. Each interval gives
    one quantile per four steps, every second one less the mean of the interval. The mean, the
    standard deviation, the smallest and largest value, the slope, the first and last value and
    their difference, the mean, standard deviation and maximum of the changes, and the share of
    missing steps of each channel come first.

    Intervals are fractions of each series' own length. Missing steps take no part, and an interval
    without a measured step is missing. Vectors (series of one step) stay as they are.

    Parameters
    ----------
    n_channels, n_timepoints : int
        Size of the longest training series. The spectrum of a longer one is that of its beginning.
    n_levels : int
        Maximum number of levels of intervals.
    most_features : int
        Finer intervals and quantiles are left out so that there are at most this many features, if
        possible.
    n_steps : int, default=0
        Number of last steps whose values and changes are features too.

    References
    ----------
    .. [1] Dempster, Schmidt and Webb, "QUANT: a minimalist interval method for time series
       classification", Data Mining and Knowledge Discovery 38, 2024.
       https://arxiv.org/abs/2308.00928
    """

    def __init__(
        self,
        n_channels: int,
        n_timepoints: int,
        n_levels: int,
        most_features: int,
        n_steps: int = 0,
    ) -> None:
        super().__init__()
        self.plan = Plan.within(
            n_channels, n_timepoints, n_levels, most_features, n_steps
        )
        self.n_features = n_channels * self.plan.n_features
        self.levels = tuple(tuple(self.plan.levels(view)) for view in range(VIEWS))
        self.n_intervals = 0
        for of_view in self.levels:
            self.n_intervals += sum(level.n_intervals for level in of_view)

    def last_value(self, channel: int) -> int:
        """Return the place of the feature that holds a channel's last measured value."""
        if self.plan.is_of_vectors:
            return channel
        return channel * self.plan.n_features + LAST

    def part_of(self, features: Tensor, columns: Sequence[int]) -> Tensor:
        """Return some features of each channel, and what has been joined to those of series."""
        of_series = features[:, : self.n_features]
        of_channels = of_series.unflatten(1, (-1, self.plan.n_features))
        places = torch.tensor(columns, device=features.device)
        found = of_channels.index_select(2, places).flatten(1)
        return torch.cat([found, features[:, self.n_features :]], dim=1)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return features with NaN where nothing was measured, (batch, n_features)."""
        if self.plan.is_of_vectors:
            return flatten_steps(x, lengths, 1)
        if torch.compiler.is_compiling():  # also true in an export
            if lengths is None:
                lengths = torch.full((x.shape[0],), x.shape[2], device=x.device)
            return self._features(x, lengths)
        size = max(1, MOST_VALUES // max(1, x.shape[1] * x.shape[2]))
        parts = x.split(size)
        if lengths is None:
            return torch.cat(list(map(self._features, parts)))
        return torch.cat(list(map(self._features, parts, lengths.split(size))))

    def _features(self, x: Tensor, of_series: Tensor | None = None) -> Tensor:
        if of_series is None:
            lengths = torch.full((1,), x.shape[2], device=x.device)
        else:
            lengths = of_series
            x = torch.where(valid_steps(lengths, x.shape[2]), x, torch.nan)
        changes = changes_between_measured(x)
        parts, n_steps = [statistics(x, changes, lengths)], self.plan.n_steps
        if n_steps:
            parts.append(last_steps(x, lengths, n_steps))
            parts.append(last_steps(changes, lengths - 1, n_steps))
        if self.plan.n_levels:
            parts.extend(self._quantiles(x, changes, of_series))
        largest = torch.finfo(x.dtype).max
        return torch.cat(parts, dim=2).flatten(1).clamp(-largest, largest)

    def _quantiles(
        self, x: Tensor, changes: Tensor, lengths: Tensor | None
    ) -> list[Tensor]:
        """Return the quantiles of all views, or of each level of each view."""
        n_waves = self.plan.n_timepoints // 2
        views = [x, smoothed(changes), changes_between_measured(changes)]
        views.append(spectrum(x, self.plan.n_timepoints))
        of_views: list[Tensor] | tuple[int, ...]
        if lengths is None:
            n_steps = x.shape[2]
            of_views = n_steps, n_steps - 1, n_steps - 2, n_waves
        else:
            of_views = [lengths, lengths - 1, lengths - 2]
            of_views.append(torch.full_like(lengths, n_waves))
        is_exported = torch.compiler.is_compiling()
        if not is_exported and x.numel() * self.n_intervals <= FEW_VALUES:
            return [interval_quantiles(views, of_views, self.levels)]
        found = []
        for i, levels in enumerate(self.levels):
            for level in levels:
                found.append(self.level_quantiles(views[i], of_views[i], level))
        return found

    def level_quantiles(
        self, view: Tensor, lengths: Tensor | int, level: Level
    ) -> Tensor:
        """Return the quantiles of each interval; an export computes them in another way."""
        if isinstance(lengths, int):
            return interval_quantiles([view], (lengths,), ((level,),))
        return interval_quantiles([view], [lengths], ((level,),))


def _mean_of_neighbours(x: Tensor) -> Tensor:
    """Return the mean of the steps around each step, zeros outside."""
    half = SMOOTHED // 2
    if torch.compiler.is_compiling():  # also true in an export
        # In one dimension, the export would fix the number of steps.
        flat = F.avg_pool2d(x[:, :, None], (1, SMOOTHED), (1, 1), (0, half))
        return flat[:, :, 0]
    return F.avg_pool1d(x, SMOOTHED, 1, half)


def last_steps(x: Tensor, lengths: Tensor, n_steps: int) -> Tensor:
    """Return the last steps of each series, (batch, channels, n_steps).

    Parameters
    ----------
    x : Tensor, shape (batch, channels, time)
        NaN for missing values.
    lengths : Tensor, shape (batch,)
        Number of steps of each series.
    n_steps : int
        Shorter series begin with NaN.
    """
    steps = torch.arange(n_steps, device=x.device) - n_steps
    places = lengths[:, None] + steps
    shape = (*x.shape[:2], n_steps)
    values = x.gather(2, places.clamp(min=0)[:, None].expand(shape))
    return torch.where(places[:, None] >= 0, values, torch.nan)


def changes_between_measured(x: Tensor) -> Tensor:
    """Return for each step but the first the change since the last measured step before it.

    Parameters
    ----------
    x : Tensor, shape (batch, channels, time)
        NaN for missing values.

    Returns
    -------
    Tensor, shape (batch, channels, max(1, time - 1))
        NaN at a missing step, and where nothing was measured before.
    """
    if x.shape[2] < 2:
        return torch.full_like(x, torch.nan)
    last = last_measured(~x.isnan())[:, :, :-1]
    before = x.gather(2, last.clamp(min=0))
    return x[:, :, 1:] - torch.where(last >= 0, before, torch.nan)


def smoothed(x: Tensor) -> Tensor:
    """Return the mean over the measured steps around each measured step, of the same shape."""
    measured = ~x.isnan()
    sums = _mean_of_neighbours(torch.where(measured, x, 0.0))
    shares = _mean_of_neighbours(measured.to(x.dtype))
    return torch.where(measured, sums / shares, torch.nan)


def statistics(x: Tensor, changes: Tensor, lengths: Tensor) -> Tensor:
    """Return statistics of the measured values, (batch, channels, N_STATISTICS).

    Parameters
    ----------
    x, changes : Tensor, shape (batch, channels, time)
        The series and its changes; NaN for missing values.
    lengths : Tensor, shape (batch,)
        Number of steps of each series.
    """
    measured = ~x.isnan()
    count = measured.sum(dim=2)
    steps = torch.arange(x.shape[2], device=x.device)
    mean, centred = _centred(x, measured, count)
    _, times = _centred(steps.expand_as(x), measured, count)
    slope = (centred * times).sum(dim=2) / times.square().sum(dim=2)
    # The first step has no slope.
    slope = torch.where(count > 1, slope, torch.nan)
    spread = (centred.square().sum(dim=2) / count).sqrt()
    first = torch.where(measured, steps, x.shape[2] - 1).amin(dim=2, keepdim=True)
    last = torch.where(measured, steps, 0).amax(dim=2, keepdim=True)
    first, last = x.gather(2, first)[:, :, 0], x.gather(2, last)[:, :, 0]
    moved = ~changes.isnan()
    n_moved = moved.sum(dim=2)
    sizes = torch.where(moved, changes.abs(), 0.0)
    step_count = torch.where(n_moved > 0, n_moved, torch.nan)
    mean_step = sizes.sum(dim=2, dtype=torch.float64) / step_count
    largest_step = sizes.amax(dim=2) + 0 * step_count
    _, centred_steps = _centred(changes, moved, n_moved)
    step_spread = (centred_steps.square().sum(dim=2) / step_count).sqrt()
    nothing = 0 * mean  # NaN without a measured value
    low = torch.where(measured, x, torch.inf).amin(dim=2) + nothing
    high = torch.where(measured, x, -torch.inf).amax(dim=2) + nothing
    missing = 1 - count / lengths[:, None].clamp(min=1)
    columns = (
        mean,
        spread,
        low,
        high,
        slope,
        first,
        last,
        last - first,
        mean_step,
        step_spread,
        largest_step,
        missing,
    )
    # One by one, because ONNX joins numbers of one type only.
    return torch.stack([column.to(x.dtype) for column in columns], dim=2)


def _centred(x: Tensor, measured: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of the measured values, NaN without any, and their distances to it."""
    filled = torch.where(measured, x, 0).double()
    mean = filled.sum(dim=2) / count
    return mean, torch.where(measured, filled - mean[:, :, None], 0.0)
