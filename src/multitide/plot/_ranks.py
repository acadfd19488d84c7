"""Figures of several studies: each a function of a result and the Axes to draw it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from multitide.plot._study import QUIET, VERDICT_COLORS, short

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from multitide.study.results._ranks import RankTest

DATA, TASKS = VERDICT_COLORS["same"], QUIET


def mean_ranks(standing: pd.DataFrame, test: RankTest, ax: Axes) -> Axes:
    """Draw each arm's mean rank over data sets, with half the critical difference on either side where there is one.

    Arms whose lines do not meet differ (Demšar 2006, Nemenyi's test).

    Parameters
    ----------
    standing : DataFrame
        ``comparisons.standing``: ``arm``, ``mean_rank``, ``mean_rank_data``.
    test : RankTest
        ``comparisons.test``.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same.
    """
    places = np.arange(len(standing))[::-1]
    if np.isfinite(test.critical_difference):
        half = test.critical_difference / 2
        ax.hlines(
            places,
            standing["mean_rank_data"] - half,
            standing["mean_rank_data"] + half,
            color=DATA,
            linewidth=2,
        )
    ax.plot(standing["mean_rank"], places, "|", color=TASKS, markersize=12, label="over tasks")
    ax.plot(
        standing["mean_rank_data"], places, "o", color=DATA, markersize=6, label="over data sets"
    )
    ax.set_yticks(places, [short(arm) for arm in standing["arm"]])
    ax.set_ylim(-0.6, len(standing) - 0.4)
    ax.set_xlabel("mean rank (1 = least loss)")
    ax.legend(frameon=False, fontsize="small", loc="best")
    return ax
