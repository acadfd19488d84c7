"""Figures of a study: each takes a result and the Axes to draw on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from multitide.plot._style import (
    QUIET,
    VERDICT_COLORS,
    check_labels,
    draw_losses,
    numbers,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from multitide.data._samples import Samples

MAX_CHANNELS = 8
MAX_STEPS = 400
MAX_TASKS_WITH_NUMBERS = 8  # the cells of a larger matrix have no room for numbers
MAX_BINS = 10
SAMPLES_PER_BIN = 10


def verdict_gains(gains: pd.DataFrame, ax: Axes, margin: float = 0.0) -> Axes:
    """Draw each gain with its interval in the colour of its verdict; right of the line is better.

    Parameters
    ----------
    gains : DataFrame
        ``comparison.gains``: ``task``, ``arm``, ``gain``, ``low``, ``high``, ``verdict``.
    ax : Axes
        Where to draw.
    margin : float, default=0
        Smaller gains count as no difference; the band is shaded.

    Returns
    -------
    Axes
        `ax`.
    """
    places = range(len(gains))[::-1]
    for place, row in zip(places, gains.itertuples(), strict=True):
        color = VERDICT_COLORS[row.verdict]
        ends = [row.low, row.high]
        ax.plot(
            ends, [place, place], color=color, linewidth=2.5, solid_capstyle="round"
        )
        ax.plot(row.gain, place, "o", color=color)
    names = gains["task"].map(short)
    if gains["arm"].nunique() > 1:
        names = names + " · " + gains["arm"].map(short)
    ax.axvspan(-margin, margin, color=QUIET, alpha=0.2, linewidth=0, zorder=0)
    ax.axvline(0.0, color=QUIET, linewidth=1, zorder=0)
    ax.set_yticks(places, names.tolist())
    ax.set(
        xlabel="gain (loss / trivial loss; + = better)",
        ylim=(-0.6, max(len(gains), 1) - 0.4),
    )
    return ax


def gains_by_share(gains: pd.DataFrame, ax: Axes, margin: float = 0.0) -> Axes:
    """Draw one task's gains over the share of labels: one line per arm, dots coloured by verdict.

    Parameters
    ----------
    gains : DataFrame
        The rows of one task of ``curve.gains``: ``share``, ``arm``, ``gain``, ``low``, ``high``,
        ``verdict``.
    ax : Axes
        Where to draw; the axis of shares is logarithmic.
    margin : float, default=0
        Smaller gains count as no difference; the band is shaded.

    Returns
    -------
    Axes
        `ax`.
    """
    arms = list(gains["arm"].unique())
    for place, arm in enumerate(arms):
        rows = gains[gains["arm"] == arm].sort_values("share")
        # A small shift keeps the arms' intervals apart.
        shares = rows["share"].to_numpy() * 1.04 ** (place - (len(arms) - 1) / 2)
        color = f"C{place}"
        dots = rows["verdict"].map(VERDICT_COLORS).tolist()
        ax.plot(
            shares, rows["gain"], color=color, linewidth=1, label=short(arm), zorder=1
        )
        ax.vlines(shares, rows["low"], rows["high"], color=color, linewidth=2)
        ax.scatter(shares, rows["gain"], s=26, c=dots, zorder=3)
    ax.axhspan(-margin, margin, color=QUIET, alpha=0.2, linewidth=0, zorder=0)
    ax.axhline(0.0, color=QUIET, linewidth=1, zorder=0)
    shares = sorted(gains["share"].unique())
    ax.set_xscale("log")
    ax.set_xticks(shares, [f"{share * 100:g} %" for share in shares])
    ax.set_xticks([], minor=True)
    ax.set(xlabel="labels", ylabel="gain (+ = better)")
    if len(arms) > 1:
        ax.legend(frameon=False, fontsize="small")
    return ax


def learning_curves(
    histories: Mapping[Hashable, pd.DataFrame],
    ax: Axes,
    kept: Mapping[Hashable, int] | None = None,
    top: float | None = None,
) -> Axes:
    """Draw one task's losses over the epochs for every run of one arm.

    Parameters
    ----------
    histories : dict of run to DataFrame
        For each run the rows of one task: ``epoch``, ``side``, ``loss``.
    ax : Axes
        Where to draw: validation as solid lines, training dashed.
    kept : dict of run to int, optional
        The epoch whose weights are kept; marked by a dot.
    top : float, optional
        Where the axis of losses ends.

    Returns
    -------
    Axes
        `ax`.
    """
    kept = kept or {}
    for run, rows in histories.items():
        # Many runs lie on top of each other: thin, and a little transparent.
        draw = partial(draw_losses, rows, ax, linewidth=1.2, alpha=0.8)
        draw(side="train", style="--", color=QUIET)
        validation = draw(side="validation", style="-", color="C0")
        chosen = validation[validation["epoch"] == kept.get(run)]
        if len(chosen):
            ax.plot(chosen["epoch"], chosen["loss"], "o", color="C0", markersize=4)
    ax.axhline(1.0, color=QUIET, linewidth=0.8, zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set(xlabel="epoch", ylabel="loss (1 = constant)", ylim=(0, top))
    return ax


def task_weights(history: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the weight of each task's loss over the epochs of one run.

    Parameters
    ----------
    history : DataFrame
        ``comparison.history``: ``epoch``, ``task``, ``weight``.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    for task, rows in history.groupby("task", sort=False):
        by_epoch = rows.groupby("epoch")["weight"].first()
        ax.plot(by_epoch.index, by_epoch, label=short(task))
    ax.set(xlabel="epoch", ylabel="weight of the loss", ylim=(0, None))
    ax.legend(frameon=False, fontsize="small")
    return ax


def task_matrix(table: pd.DataFrame, ax: Axes, full: float = 0.0) -> Axes:
    """Draw the effect of every task on every other one: one colour for good, another for bad.

    Parameters
    ----------
    table : DataFrame, task x task
        ``grouping.affinity`` or ``grouping.cosines``: the effect of the row's task on the
        column's. NaN stays blank. The diagonal is written but not coloured: it says nothing about
        other tasks.
    ax : Axes
        Where to draw. The cells of a small table contain numbers, in the unit that the axis names.
    full : float, default=0
        The largest absolute value has the strongest colour. If it is below `full`, `full` has:
        effects too small to matter stay pale.

    Returns
    -------
    Axes
        `ax`.
    """
    values = table.to_numpy(dtype=float)
    n = len(table)
    off_diagonal = ~np.eye(n, dtype=bool)
    largest = np.nanmax(
        np.abs(values), where=off_diagonal & ~np.isnan(values), initial=0.0
    )
    largest = float(largest) or 1.0
    exponent = 0
    if largest < 0.1:
        exponent = 3 * int(np.floor(np.log10(largest) / 3))
    _color_cells(values, ax, strongest=max(largest, full))
    if n <= MAX_TASKS_WITH_NUMBERS:
        _write_cells(values / 10**exponent, ax)
    if n > 2:
        rotation = 30
    else:
        rotation = 0
    ax.set_xticks(
        range(n), [short(name) for name in table.columns], rotation=rotation, ha="right"
    )
    ax.set_yticks(range(n), [short(name) for name in table.index])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5))
    if exponent:
        ax.set_xlabel(f"in units of 1e{exponent}")
    return ax


def _color_cells(values: np.ndarray, ax: Axes, strongest: float) -> None:
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        color = VERDICT_COLORS["helps" if value >= 0 else "hurts"]
        strength = 0.7 * abs(value) / strongest
        if row == column:
            color, strength = QUIET, 0.12
        corner = (column - 0.47, row - 0.47)
        ax.add_patch(
            Rectangle(corner, 0.94, 0.94, facecolor=color, alpha=strength, linewidth=0)
        )


def _write_cells(values: np.ndarray, ax: Axes) -> None:
    for (row, column), value in np.ndenumerate(values):
        if not np.isnan(value):
            ax.text(
                column, row, f"{value:+.2f}", ha="center", va="center", fontsize="small"
            )


def reliability(measured: pd.Series, probabilities: pd.DataFrame, ax: Axes) -> Axes:
    """Draw a reliability diagram: observed frequency against predicted probability.

    On the diagonal, probabilities are well calibrated. With two classes it shows the probability of
    the second one; with more, that of the predicted class. Samples are sorted by that probability
    into up to ten bins of equal size; bars are the standard error of the frequency.

    Parameters
    ----------
    measured : Series, n_samples entries
        Labels; missing ones are left out.
    probabilities : DataFrame, n_samples rows
        One column per class.
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
    known = measured.notna().to_numpy()
    check_labels(known, measured)
    classes = list(probabilities.columns)
    table = probabilities.to_numpy(dtype=float)[known]
    if len(classes) == 2:
        chosen = np.ones(len(table), dtype=int)
        xlabel = f"probability of {short(classes[1])}"
    else:
        chosen = table.argmax(axis=1)
        xlabel = "probability of the predicted class"
    predicted = table[np.arange(len(table)), chosen]
    correct = _correct(measured[known], classes, chosen)
    n_bins = int(np.clip(len(predicted) // SAMPLES_PER_BIN, 1, MAX_BINS))
    bins = np.array_split(np.argsort(predicted, kind="stable"), n_bins)
    means = np.array([predicted[rows].mean() for rows in bins])
    shares = np.array([correct[rows].mean() for rows in bins])
    errors = np.sqrt(shares * (1 - shares) / [len(rows) for rows in bins])
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, zorder=0)
    ax.errorbar(means, shares, yerr=errors, fmt="o-", markersize=4, linewidth=1)
    ax.set(
        xlabel=xlabel,
        ylabel="observed frequency",
        xlim=(-0.03, 1.03),
        ylim=(-0.03, 1.03),
    )
    return ax


def _correct(
    labels: pd.Series, classes: Sequence[object], chosen: np.ndarray
) -> np.ndarray:
    """Return 1.0 where a label is the class at its place in `classes`, else 0.0."""
    pairs = zip(labels, chosen, strict=True)
    return np.array([label == classes[place] for label, place in pairs], dtype=float)


def residuals(
    order: np.ndarray, measured: pd.Series, predicted: pd.Series, ax: Axes
) -> Axes:
    """Draw predicted minus measured over time, or over the order of the samples.

    Parameters
    ----------
    order : ndarray, shape (n_samples,)
        Time stamps or numbers.
    measured, predicted : Series, n_samples entries
        Labels (NaN for missing labels) and predictions, in the same units.
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
    labels = numbers(measured)
    known = ~np.isnan(labels)
    check_labels(known, measured)
    errors = numbers(predicted) - labels
    ax.axhline(0.0, color=QUIET, linewidth=0.8, zorder=0)
    ax.scatter(order[known], errors[known], s=8, alpha=0.5, edgecolors="none")
    if order.dtype.kind == "M":
        # Matplotlib's date classes have no types.
        locator = AutoDateLocator(maxticks=5)  # type: ignore[no-untyped-call,unused-ignore]
        ax.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call,unused-ignore]
        ax.xaxis.set_major_formatter(formatter)
    ax.set(ylabel="predicted - measured")
    return ax


def example_series(samples: Samples, number: int, ax: Axes) -> Axes:
    """Draw the channels of one sample above each other, each scaled to its own range.

    Parameters
    ----------
    samples : Samples
        The data set.
    number : int
        Which sample.
    ax : Axes
        Where to draw. Of many channels, only the first ones are drawn.

    Returns
    -------
    Axes
        `ax`.
    """
    series = samples.gather([number])[0, :MAX_CHANNELS, : int(samples.lengths[number])]
    stride = max(1, -(-series.shape[1] // MAX_STEPS))
    steps = np.arange(0, series.shape[1], stride)
    names = []
    for name in samples.channels[: len(series)]:
        names.append(short(name))
    places = np.arange(len(names))[::-1]
    for place, values in zip(places, series, strict=True):
        ax.plot(steps, place + 0.8 * _centred(values)[steps], color="C0", linewidth=1)
    ax.set_yticks(places, names)
    ax.set(xlabel="step", ylim=(-0.7, len(names) - 0.3))
    return ax


def _centred(values: np.ndarray) -> np.ndarray:
    """Scale a channel to -0.5 .. 0.5; a constant one is 0, missing values stay NaN."""
    finite = values[np.isfinite(values)]
    if not len(finite) or np.ptp(finite) == 0:
        return np.where(np.isfinite(values), 0.0, np.nan)
    return np.asarray((values - finite.min()) / np.ptp(finite) - 0.5)
