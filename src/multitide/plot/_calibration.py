"""Figures of calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from multitide.plot._style import QUIET

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("o--", "s-")
FEWEST = 5  # samples of a bin that is drawn, if any bin has so many
LARGEST = 60.0  # area of the marker of the bin with the most rows


def calibration_curves(curves: Mapping[str, pd.DataFrame], ax: Axes) -> Axes:
    """Draw how often what was said with some probability came true, before and after calibration.

    On the diagonal, probabilities are right. The area of a marker is the number of samples.

    Parameters
    ----------
    curves : mapping of str to DataFrame
        By the name in the legend: one row per bin, with the mean probability ``said``, the
        frequency ``came_true`` and the number of samples ``n``.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, zorder=0)
    for number, (name, bins) in enumerate(curves.items()):
        curve = bins[bins["n"] >= FEWEST]
        if not len(curve):
            curve = bins
        style = STYLES[number % len(STYLES)]
        color = f"C{number}"
        ax.plot(curve["said"], curve["came_true"], style[1:], color=color, linewidth=1)
        areas = LARGEST * curve["n"].to_numpy(dtype=float) / max(curve["n"].max(), 1)
        ax.scatter(
            curve["said"],
            curve["came_true"],
            s=np.maximum(areas, 6.0),
            marker=style[0],
            color=color,
            label=name,
        )
    ax.set(
        xlabel="predicted probability",
        ylabel="observed frequency",
        xlim=(-0.03, 1.03),
        ylim=(-0.03, 1.03),
    )
    ax.legend(frameon=False)
    return ax
