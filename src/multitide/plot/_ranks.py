"""Figures of several studies: each takes a result and the Axes to draw on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from multitide.plot._style import QUIET, VERDICT_COLORS, short

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from multitide.study.results._ranks import RankTest

DATA_SETS = VERDICT_COLORS["same"]
TASKS = QUIET


def mean_ranks(standing: pd.DataFrame, test: RankTest, ax: Axes) -> Axes:
    """Draw each arm's mean rank over data sets, with half the critical difference on either side.

    Arms whose lines do not overlap differ significantly (Nemenyi's test; Demšar 2006). Without a
    critical difference there are no lines.

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
        `ax`.
    """
    places = np.arange(len(standing))[::-1]
    over_data_sets = standing["mean_rank_data"]
    if np.isfinite(test.critical_difference):
        half = test.critical_difference / 2
        low, high = over_data_sets - half, over_data_sets + half
        ax.hlines(places, low, high, color=DATA_SETS, linewidth=2)
    ax.plot(
        standing["mean_rank"],
        places,
        "|",
        color=TASKS,
        markersize=12,
        label="over tasks",
    )
    ax.plot(
        over_data_sets,
        places,
        "o",
        color=DATA_SETS,
        markersize=6,
        label="over data sets",
    )
    ax.set_yticks(places, standing["arm"].map(short).tolist())
    ax.set_ylim(-0.6, len(standing) - 0.4)
    ax.set_xlabel("mean rank (1 = lowest loss)")
    ax.legend(frameon=False, fontsize="small", loc="best")
    return ax
