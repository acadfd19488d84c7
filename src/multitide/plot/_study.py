"""Figures of a study: each a function of a result and the Axes to draw it on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from multitide.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from multitide.data._samples import Samples

# One colour a verdict, the same in the report's page (templates/report.css).
VERDICT_COLORS = {
    "helps": "#0f8560",
    "hurts": "#c0432f",
    "same": "#3a6fb5",
    "cannot tell": "#8b7340",
    "failed": "#6e7684",
}
QUIET = "#9aa1ab"
MOST_POINTS = 600  # drawn in one figure; more make a page heavy and show no more
MOST_CHANNELS = 8
MOST_STEPS = 400
MOST_LETTERS = 20
MOST_NUMBERS = 8  # tasks of a matrix whose cells have room for numbers


def verdict_gains(gains: pd.DataFrame, ax: Axes, margin: float = 0.0) -> Axes:
    """Draw every gain with its interval in the colour of its verdict; right of the line, sharing is better.

    Parameters
    ----------
    gains : DataFrame
        ``comparison.gains``: ``task``, ``arm``, ``gain``, ``low``, ``high``, ``verdict``.
    ax : Axes
        Where to draw.
    margin : float, default=0
        Gains within it count as none; shaded.

    Returns
    -------
    Axes
        The same.
    """
    several = gains["arm"].nunique() > 1
    for place, row in zip(range(len(gains))[::-1], gains.to_dict("records"), strict=True):
        color = VERDICT_COLORS[row["verdict"]]
        ax.plot(
            [row["low"], row["high"]],
            [place, place],
            color=color,
            linewidth=2.5,
            solid_capstyle="round",
        )
        ax.plot(row["gain"], place, "o", color=color)
    names = [
        f"{short(task)} · {short(arm)}" if several else short(task)
        for task, arm in zip(gains["task"], gains["arm"], strict=True)
    ]
    ax.axvspan(-margin, margin, color=QUIET, alpha=0.2, linewidth=0, zorder=0)
    ax.axvline(0.0, color=QUIET, linewidth=1, zorder=0)
    ax.set_yticks(range(len(gains))[::-1], names)
    ax.set(xlabel="gain (loss / trivial loss; + = better)", ylim=(-0.6, max(len(gains), 1) - 0.4))
    return ax


def gains_by_share(gains: pd.DataFrame, ax: Axes, margin: float = 0.0) -> Axes:
    """Draw one task's gains over the share of labels, a line an arm with its intervals, dots coloured by verdict.

    Parameters
    ----------
    gains : DataFrame
        The rows of one task of ``curve.gains``: ``share``, ``arm``, ``gain``, ``low``, ``high``,
        ``verdict``.
    ax : Axes
        Where to draw; the axis of shares is logarithmic.
    margin : float, default=0
        Gains within it count as none; shaded.

    Returns
    -------
    Axes
        The same.
    """
    arms = list(gains["arm"].unique())
    for place, arm in enumerate(arms):
        rows = gains[gains["arm"] == arm].sort_values("share")
        shares = rows["share"].to_numpy() * 1.04 ** (
            place - (len(arms) - 1) / 2
        )  # beside each other, not on top
        ax.plot(shares, rows["gain"], color=f"C{place}", linewidth=1, label=short(arm), zorder=1)
        ax.vlines(shares, rows["low"], rows["high"], color=f"C{place}", linewidth=2)
        ax.scatter(
            shares,
            rows["gain"],
            s=26,
            c=[VERDICT_COLORS[verdict] for verdict in rows["verdict"]],
            zorder=3,
        )
    ax.axhspan(-margin, margin, color=QUIET, alpha=0.2, linewidth=0, zorder=0)
    ax.axhline(0.0, color=QUIET, linewidth=1, zorder=0)
    found = sorted(gains["share"].unique())
    ax.set_xscale("log")
    ax.set_xticks(found, [f"{share * 100:g} %" for share in found])
    ax.set_xticks([], minor=True)
    ax.set(xlabel="labels", ylabel="gain (+ = better)")
    if len(arms) > 1:
        ax.legend(frameon=False, fontsize="small")
    return ax


def learning_curves(
    histories: Mapping[Any, pd.DataFrame],
    ax: Axes,
    kept: Mapping[Any, int] | None = None,
    top: float | None = None,
) -> Axes:
    """Draw one task's losses over the epochs for every run of one arm, with a dot at the epoch that answers.

    Parameters
    ----------
    histories : dict of run to DataFrame
        For each run the rows of one task: ``epoch``, ``side``, ``loss``.
    ax : Axes
        Where to draw; validation as lines, training dashed.
    kept : dict of run to int, optional
        The epoch that answers.
    top : float, optional
        Where the axis ends.

    Returns
    -------
    Axes
        The same.
    """
    for run, rows in histories.items():
        for side, style, color in (("train", "--", QUIET), ("validation", "-", "C0")):
            losses = rows[rows["side"] == side].sort_values("epoch")
            ax.plot(losses["epoch"], losses["loss"], style, color=color, linewidth=1.2, alpha=0.8)
            best = losses[losses["epoch"] == (kept or {}).get(run)]
            if side == "validation" and len(best):
                ax.plot(best["epoch"], best["loss"], "o", color=color, markersize=4)
    ax.axhline(1.0, color=QUIET, linewidth=0.8, zorder=0)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set(xlabel="epoch", ylabel="loss (1 = best constant)", ylim=(0, top))
    return ax


def task_weights(history: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the weight that each task's loss had over the epochs of one run.

    Parameters
    ----------
    history : DataFrame
        ``comparison.history``: ``epoch``, ``task``, ``weight``.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same.
    """
    for task, rows in history.groupby("task", sort=False):
        epochs = rows.groupby("epoch")["weight"].first()
        ax.plot(epochs.index, epochs, label=short(task))
    ax.set(xlabel="epoch", ylabel="weight of the loss", ylim=(0, None))
    ax.legend(frameon=False, fontsize="small")
    return ax


def task_matrix(table: pd.DataFrame, ax: Axes, full: float = 0.0) -> Axes:
    """Draw what every task does to every other one: good in one colour, bad in another, the more the fuller.

    Parameters
    ----------
    table : DataFrame, task x task
        ``grouping.affinity`` or ``grouping.cosines``: the row's task, and what it does to the
        column's. NaN stays blank; the diagonal, which says nothing about company, is written and
        not coloured.
    ax : Axes
        Where to draw. Numbers stand in the cells of a small table, in the unit that the axis names.
    full : float, default=0
        The fullest colour is that of the greatest value, or of this one if none is so great: what
        does not matter is to stay pale.

    Returns
    -------
    Axes
        The same.
    """
    values, n = table.to_numpy(dtype=float), len(table)
    others = np.abs(values[~np.eye(n, dtype=bool) & ~np.isnan(values)])
    most = float(others.max()) if others.size and others.max() > 0 else 1.0
    exponent = 0 if most >= 0.1 else 3 * int(np.floor(np.log10(most) / 3))
    for (i, j), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        color = QUIET if i == j else VERDICT_COLORS["helps" if value >= 0 else "hurts"]
        strength = 0.12 if i == j else 0.7 * abs(value) / max(most, full)
        ax.add_patch(
            Rectangle(
                (j - 0.47, i - 0.47), 0.94, 0.94, facecolor=color, alpha=strength, linewidth=0
            )
        )
        if n <= MOST_NUMBERS:
            ax.text(
                j, i, f"{value / 10**exponent:+.2f}", ha="center", va="center", fontsize="small"
            )
    names = [short(name) for name in table.index]
    ax.set_xticks(
        range(n), [short(name) for name in table.columns], rotation=30 if n > 2 else 0, ha="right"
    )
    ax.set_yticks(range(n), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(
        xlim=(-0.5, n - 0.5),
        ylim=(n - 0.5, -0.5),
        xlabel=f"in units of 1e{exponent}" if exponent else "",
    )
    return ax


def reliability(measured: pd.Series, probabilities: pd.DataFrame, ax: Axes) -> Axes:
    """Draw how often it was so against how probable it was said to be; on the diagonal, probabilities can be believed.

    Of two classes it is the second one's probability; of more, that of the class which was
    predicted. Rows are cut into up to ten groups of equal size by that probability, and drawn with
    a standard error of their share.

    Parameters
    ----------
    measured : Series, n_samples entries
        Labels; missing where nobody measured.
    probabilities : DataFrame, n_samples rows
        A column a class.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    DataError
        If no sample has a label.
    """
    known = measured.notna().to_numpy()
    _need_labels(known, measured)
    said, classes = probabilities.to_numpy(dtype=float)[known], list(probabilities.columns)
    chosen = np.ones(len(said), dtype=int) if len(classes) == 2 else said.argmax(axis=1)
    so = np.array(
        [label == classes[place] for label, place in zip(measured[known], chosen, strict=True)],
        dtype=float,
    )
    said = said[np.arange(len(said)), chosen]
    parts = np.array_split(np.argsort(said, kind="stable"), int(np.clip(len(said) // 10, 1, 10)))
    shares = np.array([so[part].mean() for part in parts])
    errors = np.sqrt(shares * (1 - shares) / [len(part) for part in parts])
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, zorder=0)
    ax.errorbar(
        [said[part].mean() for part in parts],
        shares,
        yerr=errors,
        fmt="o-",
        markersize=4,
        linewidth=1,
    )
    what = (
        f"probability of {short(classes[1])}"
        if len(classes) == 2
        else "probability of the predicted class"
    )
    ax.set(xlabel=what, ylabel="share that was so", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    return ax


def residuals(order: np.ndarray, measured: pd.Series, predicted: pd.Series, ax: Axes) -> Axes:
    """Draw predicted minus measured over time, or over the order of the samples.

    Parameters
    ----------
    order : ndarray, shape (n_samples,)
        Time stamps or numbers.
    measured, predicted : Series, n_samples entries
        Labels (NaN: nobody measured) and predictions, in the same units.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same.

    Raises
    ------
    DataError
        If no sample has a label.
    """
    labels, answers = (
        pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
        for values in (measured, predicted)
    )
    known = ~np.isnan(labels)
    _need_labels(known, measured)
    ax.axhline(0.0, color=QUIET, linewidth=0.8, zorder=0)
    ax.scatter(order[known], (answers - labels)[known], s=8, alpha=0.5, edgecolors="none")
    if order.dtype.kind == "M":
        locator = AutoDateLocator(maxticks=5)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    ax.set(ylabel="predicted - measured")
    return ax


def example_series(samples: Samples, number: int, ax: Axes) -> Axes:
    """Draw the channels of one sample above each other, each between its own least and greatest value.

    Parameters
    ----------
    samples : Samples
    number : int
        Which sample.
    ax : Axes
        Where to draw; the first channels, if there are many.

    Returns
    -------
    Axes
        The same.
    """
    series = samples.gather([number])[0, :MOST_CHANNELS, : int(samples.lengths[number])]
    steps = np.arange(0, series.shape[1], max(1, -(-series.shape[1] // MOST_STEPS)))
    names = samples.channels[: len(series)]
    places = np.arange(len(names))[::-1]
    for place, values in zip(places, series, strict=True):
        seen = values[np.isfinite(values)]
        low, high = (seen.min(), seen.max()) if len(seen) else (0.0, 1.0)
        shape = (values[steps] - low) / (high - low) if high > low else values[steps] * 0 + 0.5
        ax.plot(steps, place + 0.8 * (shape - 0.5), color="C0", linewidth=1)
    ax.set_yticks(places, [short(name) for name in names])
    ax.set(xlabel="step", ylim=(-0.7, len(names) - 0.3))
    return ax


def alpha_tradeoff(
    losses: pd.DataFrame, ax: Axes, reference: Mapping[str, float] | None = None
) -> Axes:
    """Draw what each of two tasks pays for the weight of the other: its loss over ``alpha``, the weight of the first.

    Parameters
    ----------
    losses : DataFrame
        ``alpha``, ``task``, ``mean`` and ``sd``; see
        :func:`multitide.reports.study._tradeoff.alpha_losses`.
    ax : Axes
        Where to draw.
    reference : mapping of str to float, optional
        The loss of each task by itself, dashed.

    Returns
    -------
    Axes
        The same.
    """
    for number, (task, rows) in enumerate(losses.groupby("task", sort=False)):
        color = f"C{number}"
        ax.errorbar(
            rows["alpha"],
            rows["mean"],
            rows["sd"],
            color=color,
            marker="o",
            capsize=3,
            label=short(task),
        )
        if reference is not None and task in reference:
            ax.axhline(
                reference[str(task)],
                color=color,
                linestyle="--",
                linewidth=1,
                label=f"{short(task)}, alone",
            )
    ax.set(
        xlabel=f"alpha, the weight of {short(losses['task'].iloc[0])}", ylabel="loss / trivial loss"
    )
    ax.legend()
    return ax


def short(name: Any) -> str:
    """Return a name as a figure has room for it."""
    text = str(name)
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def thinned(n: int, most: int = MOST_POINTS) -> np.ndarray:
    """Return which of `n` points to draw so that a figure stays light: all, or evenly spaced ones."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).round().astype(int)


def _need_labels(known: np.ndarray, measured: pd.Series) -> None:
    if not known.any():
        raise DataError(
            f"`measured` must have a label in some sample; got none of {measured.name!r} in {len(known)}."
        )
