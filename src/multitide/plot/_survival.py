"""Figures of survival tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from multitide.plot._style import check_labels, numbers, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def survival_times(measured: pd.DataFrame, predicted: pd.DataFrame, ax: Axes) -> Axes:
    """Draw predicted median times against measured ones: filled for events, hollow for censored.

    A censored time is only known to be longer: its point belongs further to the right.

    Parameters
    ----------
    measured, predicted : DataFrame, n_samples rows
        The columns of the task: time and event.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.

    Raises
    ------
    DataError
        If no sample has a label.
    """
    times, events = numbers(measured.iloc[:, 0]), numbers(measured.iloc[:, 1])
    known = ~np.isnan(times) & ~np.isnan(events)
    check_labels(known, measured.iloc[:, 0])
    guesses = numbers(predicted.iloc[:, 0])
    ends = [0.0, float(max(times[known].max(), guesses[known].max()))]
    ax.plot(ends, ends, color="0.6", linewidth=0.8, zorder=0)
    for event, label in ((1, "event"), (0, "censored")):
        rows = np.flatnonzero(known & (events == event))
        rows = rows[thinned(len(rows))]
        face = "C0" if event else "none"
        ax.scatter(
            times[rows],
            guesses[rows],
            s=12,
            alpha=0.5,
            facecolors=face,
            edgecolors="C0",
            label=label,
        )
    ax.set(xlabel="measured time", ylabel="predicted median time")
    ax.legend(frameon=False, fontsize="small")
    return ax
