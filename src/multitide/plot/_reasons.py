"""Figures of an explanation: which inputs matter, when, and why one sample got its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb

from multitide.plot._style import short, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from multitide.reasons import SampleReasons

MOST_BARS = 15
MOST_CHANNELS = 20
RAISES, LOWERS = "#b8632a", "#2f6fb0"  # series 2 and 1 of the page
INK = "#1c2430"


def importance(rows: pd.DataFrame, ax: Axes) -> Axes:
    """Draw how much one task's loss rises when each input is permuted, with its interval.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``explanation.importance`` of one task that are no segments; the first ones are
        drawn.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    rows = rows.head(MOST_BARS).iloc[::-1]
    places = np.arange(len(rows))
    ax.barh(places, rows["loss"], color="C0", height=0.6, alpha=0.85)
    ax.hlines(places, rows["loss_low"], rows["loss_high"], color="0.6", linewidth=1.2)
    ax.axvline(0, color="0.6", linewidth=0.8)
    ax.set_yticks(places, [short(name, 28) for name in rows["input"]])
    ax.set_xlabel("rise of the loss when permuted")
    return ax


def importance_in_time(rows: pd.DataFrame, ax: Axes) -> Axes:
    """Draw how much one task's loss rises when each segment of the series is permuted.

    Parameters
    ----------
    rows : DataFrame
        Rows of ``explanation.importance`` of one task that are segments, in the order of time.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    places = np.arange(len(rows))
    ax.bar(places, rows["loss"], color="C0", width=0.8, alpha=0.85)
    ax.vlines(places, rows["loss_low"], rows["loss_high"], color="0.6", linewidth=1.2)
    ax.axhline(0, color="0.6", linewidth=0.8)
    names = [short(name, 28) for name in rows["input"]]
    ax.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_ylabel("rise of the loss")
    return ax


def sample_reasons(sample: SampleReasons, task: str, ax: Axes) -> Axes:
    """Draw the channels of one sample on what each of their values contributes to the answer.

    Orange raises the answer and blue lowers it; the strongest contribution has the full colour.

    Parameters
    ----------
    sample : SampleReasons
        ``explanation.sample``.
    task : str
        Which task.
    ax : Axes
        Where to draw. Of many channels, those with the largest contributions are drawn.

    Returns
    -------
    Axes
        `ax`.
    """
    found = sample.tasks[task].steps
    weight = np.abs(found).sum(axis=1)
    shown = np.sort(np.argsort(-weight, kind="stable")[:MOST_CHANNELS])
    n_steps = found.shape[1]
    ax.imshow(
        _coloured(found[shown]),
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, n_steps - 0.5, len(shown) - 0.5, -0.5),
    )
    steps = thinned(n_steps)
    for place, channel in enumerate(shown):
        values = _within(sample.series[channel])
        heights = place - 0.8 * values[steps]
        ax.plot(steps, heights, color=INK, linewidth=0.9)
        alone = _are_alone(heights)
        ax.plot(steps[alone], heights[alone], ".", color=INK, markersize=3)
    ax.set_yticks(
        range(len(shown)), [short(sample.channels[channel]) for channel in shown]
    )
    ax.set(xlabel="step", xlim=(-0.5, n_steps - 0.5), ylim=(len(shown) - 0.4, -0.6))
    return ax


def _are_alone(values: np.ndarray) -> np.ndarray:
    """Return which values have missing ones on both sides: no line shows them, bool (n_steps,)."""
    missing = np.isnan(values)
    around = np.pad(missing, 1, constant_values=True)
    alone: np.ndarray = ~missing & around[:-2] & around[2:]
    return alone


def _coloured(values: np.ndarray) -> np.ndarray:
    """Return colours with the sign as the hue and the size as the opacity, (rows, steps, 4)."""
    largest = np.abs(values).max()
    image = np.empty((*values.shape, 4))
    image[..., :3] = np.where(values[..., None] > 0, to_rgb(RAISES), to_rgb(LOWERS))
    image[..., 3] = 0.9 * np.abs(values) / max(largest, np.finfo(float).tiny)
    return image


def _within(values: np.ndarray) -> np.ndarray:
    """Scale a channel to -0.5 .. 0.5; a constant one is 0, missing values stay NaN."""
    known = values[np.isfinite(values)]
    if not len(known) or np.ptp(known) == 0:
        return np.where(np.isfinite(values), 0.0, np.nan)
    return np.asarray((values - known.min()) / np.ptp(known) - 0.5)
