"""Plots of a search. Each function draws on the Axes that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from multitide.plot._style import QUIET, VERDICT_COLORS, use_log_scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DONE, BEST = VERDICT_COLORS["same"], VERDICT_COLORS["helps"]


def trials(table: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the validation loss of each trial, the lowest so far, and that of the start as a line.

    Parameters
    ----------
    table : DataFrame
        ``tuning.table``: ``number``, ``state``, ``loss``.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    done = table[table["state"] == "done"]
    pruned = table[table["state"] == "pruned"]
    start = done["loss"].iloc[0]
    ax.axhline(start, color=QUIET, linewidth=1, linestyle="--", label="start")
    if len(pruned):
        ax.plot(
            pruned["number"],
            pruned["loss"],
            "x",
            color=QUIET,
            markersize=5,
            label="pruned",
        )
    ax.plot(
        done["number"],
        done["loss"],
        "o",
        color=DONE,
        markersize=4,
        label="trained to the end",
    )
    ends = np.append(done["number"].to_numpy(), table["number"].max())
    least = np.minimum.accumulate(np.append(done["loss"].to_numpy(), np.inf))
    ax.step(ends, least, where="post", color=BEST, linewidth=1.8, label="best so far")
    ax.set_xlabel("trial")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel("validation loss / trivial loss")
    # On a linear scale, a trial that diverged would hide the others.
    if table["loss"].max() > 5 * max(start, done["loss"].median()):
        use_log_scale(ax)
    # Above the axes, where it hides no trial.
    ax.legend(
        frameon=False,
        fontsize="small",
        ncols=4,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0,
    )
    return ax


def importances(shares: dict[str, float], ax: Axes) -> Axes:
    """Draw the share of the validation loss's variance that each dimension explains.

    Parameters
    ----------
    shares : dict of str to float
        ``tuning.importances``.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    names = list(shares)[::-1]
    ax.barh(range(len(names)), [shares[name] for name in names], color=DONE, height=0.6)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("share of the variance")
    ax.set_xlim(0, 1)
    return ax
