"""The chart of gains: where each gain and its interval lie on a common line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from multitide.reports._pages import Row
from multitide.reports.study._sentences import are_baselines, are_identical
from multitide.study import Comparison
from multitide.study.results._tables import MEAN


@dataclass(frozen=True)
class ChartRow:
    """One gain in the chart; places are in percent of the line's length.

    Attributes
    ----------
    gain : dict
        The row of ``comparison.gains`` or ``comparison.mean_gains``.
    is_mean : bool
        Whether it is the mean over tasks.
    point : float or None
        The place of the gain; None without a gain, or if it lies beyond the chart.
    interval : (float, float) or None
        The places of its ends; None without an interval.
    cut_low, cut_high : bool
        Whether the interval, or the gain without one, extends beyond the chart.
    """

    gain: Row
    is_mean: bool
    point: float | None
    interval: tuple[float, float] | None
    cut_low: bool = False
    cut_high: bool = False

    @property
    def has_gain(self) -> bool:
        """Whether there is a gain at all."""
        return not math.isnan(self.gain["gain"])


@dataclass(frozen=True)
class Chart:
    """The gains of a study on a common line.

    Attributes
    ----------
    rows : list of ChartRow
        The gains, and the means over tasks if there are several tasks.
    ticks : list of (float, float)
        Values and their places.
    margin : (float, float)
        The places of the ends of the margin.
    """

    rows: list[ChartRow]
    ticks: list[tuple[float, float]]
    margin: tuple[float, float]

    @property
    def is_cut(self) -> bool:
        """Whether some interval extends beyond the chart."""
        return any(row.cut_low or row.cut_high for row in self.rows)

    @property
    def lacks_interval(self) -> bool:
        """Whether some gain has no interval."""
        return any(row.has_gain and row.interval is None for row in self.rows)


def gain_chart(comparison: Comparison) -> Chart:
    """Place gains, intervals, margin and ticks on a common line."""
    gains = comparison.gains[~are_identical(comparison.gains)]
    limit = _limit_of_all(comparison)
    rows = []
    for row in gains.to_dict("records"):
        rows.append(_chart_row(row, limit, is_mean=False))
    if len(comparison.questions) > 1:
        for row in comparison.mean_gains.assign(task=MEAN).to_dict("records"):
            rows.append(_chart_row(row, limit, is_mean=True))
    ticks = []
    for value in MaxNLocator(4, symmetric=True).tick_values(-limit, limit):
        if abs(value) <= limit:
            if abs(value) < 1e-12:
                rounded = 0.0
            else:
                rounded = float(value)
            ticks.append((rounded, _place(value, limit)))
    margin = (_place(-comparison.margin, limit), _place(comparison.margin, limit))
    return Chart(rows, ticks, margin)


def _limit_of_all(comparison: Comparison) -> float:
    """Return how far the line reaches for networks and baselines.

    A baseline that is far off must not make everything else too small to see: the gains of
    baselines stretch the line to its double at most.
    """
    gains = comparison.gains
    of_baseline = are_baselines(comparison)
    baselines, networks = gains[of_baseline], gains[~of_baseline]
    if networks.empty:
        return _limit(gains, comparison.margin)
    limit = _limit(networks, comparison.margin)
    for gain in 1.05 * baselines["gain"].abs().dropna():
        if limit < gain <= 2 * limit:
            limit = gain
    return limit


def _chart_row(row: Row, limit: float, *, is_mean: bool) -> ChartRow:
    gain, low, high = row["gain"], row["low"], row["high"]
    point = None
    if abs(gain) <= limit:  # False for NaN
        point = _place(gain, limit)
    if np.isnan([gain, low, high]).any():
        # An arrow stands for a gain without an interval that lies beyond the chart.
        return ChartRow(row, is_mean, point, None, gain < -limit, gain > limit)
    interval = (_place(low, limit), _place(high, limit))
    return ChartRow(row, is_mean, point, interval, low < -limit, high > limit)


def _place(value: float, limit: float) -> float:
    return round(50 + 50 * float(np.clip(value / limit, -1, 1)), 2)


def _limit(gains: pd.DataFrame, margin: float) -> float:
    """Return how far the line reaches: to the end of all intervals, unless one is far too wide."""
    least = max(2 * margin, 0.01)
    drawn = gains.dropna(subset=["gain"])
    if drawn.empty:
        return least
    ends = drawn[["low", "gain", "high"]].abs().max(axis=1)
    if ends.max() == 0:
        return least
    enough = max(3 * drawn["gain"].abs().max(), 2 * margin, 1.5 * ends.median())
    return 1.05 * float(min(ends.max(), enough))
