"""Figures of a training run: each takes a result and the Axes to draw on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from multitide.plot._style import (
    check_labels,
    count_epochs,
    draw_losses,
    numbers,
    short,
    use_log_scale,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Counts in more cells than these squared are too small to read.


def history(
    epochs: pd.DataFrame, ax: Axes, best: Mapping[str, int] | None = None
) -> Axes:
    """Draw each task's loss over the epochs: solid for validation, dashed for training.

    The loss of the constant predictor is 1 on the training set by definition. On a validation set
    with another distribution (a later season, another machine), the same constant may lie above or
    below 1, and so may the curves.

    Parameters
    ----------
    epochs : DataFrame
        ``estimator.history_``: columns ``epoch``, ``task``, ``side``, ``loss``.
    ax : Axes
        Where to draw.
    best : dict of str to int, optional
        ``estimator.best_epoch_``: the epoch whose weights each task uses; marked by a dot.

    Returns
    -------
    Axes
        `ax`.
    """
    best = best or {}
    for number, (task, rows) in enumerate(epochs.groupby("task", sort=False)):
        color = f"C{number % 10}"
        label: str | None = short(task)
        validation = draw_losses(
            rows, ax, side="validation", style="-", color=color, label=label
        )
        if len(validation):
            label = None  # the legend names a task once
        draw_losses(rows, ax, side="train", style="--", color=color, label=label)
        chosen = validation[validation["epoch"] == best.get(str(task))]
        if len(chosen):
            ax.plot(chosen["epoch"], chosen["loss"], "o", color=color)
    ax.axhline(1.0, color="0.6", linewidth=0.8, zorder=0)
    ax.set_ylabel("loss (1 = constant predictor)")
    count_epochs(ax)
    title = "Solid: validation; dashed: training"
    if best:
        title += "; dot: the epoch kept"
    ax.set_title(title, fontsize="medium")
    ax.legend(frameon=False)
    return ax


def weights(epochs: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the weight of each task's loss over the epochs.

    Parameters
    ----------
    epochs : DataFrame
        ``estimator.history_``: columns ``epoch``, ``task``, ``side``, ``weight``.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    _draw_column(epochs, "weight", ax)
    ax.set(ylabel="weight of the loss", title="Loss weights")
    return ax


def gradient_norms(epochs: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the mean norm of each task's gradient over the epochs, on a logarithmic axis.

    Parameters
    ----------
    epochs : DataFrame
        As for :func:`weights`, with the column ``gradient_norm`` of
        :class:`multitide.GradientRecorder`: the gradient at the shared parameters.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    _draw_column(epochs, "gradient_norm", ax)
    use_log_scale(ax)
    ax.set(ylabel="norm of the gradient", title="Gradients at the shared parameters")
    return ax


def cosines(epochs: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the mean cosine between every two tasks' gradients; below 0 the tasks conflict.

    Parameters
    ----------
    epochs : DataFrame
        As for :func:`weights`, with the columns ``cosine(TASK)`` of
        :class:`multitide.GradientRecorder`.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    lines = []
    for task, other in combinations(epochs["task"].unique(), 2):
        lines.append((f"{short(task)}, {short(other)}", task, f"cosine({other})"))
    _draw_training(epochs, lines, ax)
    ax.axhline(0.0, color="0.6", linewidth=0.8, zorder=0)
    ax.set(
        ylabel="cosine", ylim=(-1.05, 1.05), title="Cosine between the tasks' gradients"
    )
    return ax


def _draw_column(epochs: pd.DataFrame, column: str, ax: Axes) -> None:
    lines = []
    for task in epochs["task"].unique():
        lines.append((short(task), task, column))
    _draw_training(epochs, lines, ax)


def _draw_training(
    epochs: pd.DataFrame, lines: list[tuple[str, str, str]], ax: Axes
) -> None:
    """Draw lines (label, task, column) of the training rows over the epochs; skip empty ones."""
    train = epochs[epochs["side"] == "train"].sort_values("epoch")
    for number, (label, task, column) in enumerate(lines):
        rows = train[train["task"] == task]
        if column in rows and rows[column].notna().any():
            ax.plot(
                rows["epoch"], rows[column], ".-", color=f"C{number % 10}", label=label
            )
    count_epochs(ax)
    ax.legend(frameon=False, fontsize="small")


def predicted_vs_measured(measured: pd.Series, predicted: pd.Series, ax: Axes) -> Axes:
    """Draw a regression task's predictions against its labels, for the samples that have one.

    Parameters
    ----------
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
    labels, guesses = labels[known], numbers(predicted)[known]
    both = [labels, guesses]
    ends = [np.nanmin(both), np.nanmax(both)]
    ax.plot(ends, ends, color="0.6", linewidth=0.8, zorder=0)
    ax.scatter(labels, guesses, s=8, alpha=0.4, edgecolors="none")
    ax.set(xlabel="measured", ylabel="predicted", title=_title(measured))
    return ax


def error_by_step(
    measured: pd.DataFrame,
    predicted: pd.DataFrame,
    ax: Axes,
    last: np.ndarray | None = None,
) -> Axes:
    """Draw a forecast's root mean squared error per step, and that of the last value as a forecast.

    Parameters
    ----------
    measured, predicted : DataFrame, n_samples rows
        One column per step, in the same units; NaN for missing labels.
    ax : Axes
        Where to draw.
    last : ndarray, shape (n_samples,), optional
        The last value before the forecast.

    Returns
    -------
    Axes
        `ax`.
    """
    truth = _matrix(measured, measured.columns)
    steps = np.arange(1, truth.shape[1] + 1)
    errors = _errors_by_column(truth, _matrix(predicted, measured.columns))
    ax.plot(steps, errors, "o-", label="forecast")
    if last is not None:
        repeated = np.broadcast_to(last[:, None], truth.shape)
        ax.plot(steps, _errors_by_column(truth, repeated), "s--", label="last value")
    ax.set_xticks(steps[:: max(1, len(steps) // 12)])
    ax.set(xlabel="step", ylabel="root mean squared error")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax


def _matrix(frame: pd.DataFrame, columns: pd.Index) -> np.ndarray:
    return np.stack([numbers(frame[column]) for column in columns], axis=1)


def _errors_by_column(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Return the root mean squared error per column over the known entries; NaN without any."""
    known = ~np.isnan(truth) & ~np.isnan(guess)
    squares = np.square(np.nan_to_num(guess) - np.nan_to_num(truth))
    sums = np.where(known, squares, 0.0).sum(axis=0)
    counts = known.sum(axis=0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return np.asarray(np.sqrt(means))


def right_by_label(measured: pd.DataFrame, predicted: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the share of correct predictions (the recall) for each label and each of its values.

    Parameters
    ----------
    measured, predicted : DataFrame, n_samples rows
        One column per label; missing labels are left out.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        `ax`.
    """
    names: list[str] = []
    shares: list[float] = []
    for column in measured:
        known = measured[column].notna().to_numpy()
        truth = measured[column][known].astype(str).to_numpy()
        guesses = predicted[column][known].astype(str).to_numpy()
        for value in np.unique(truth):
            chosen = truth == value
            names.append(f"{short(column)}: {short(value)} ({chosen.sum()})")
            shares.append(float((guesses[chosen] == value).mean()))
    ax.barh(range(len(names)), shares, height=0.6)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel="share predicted correctly", xlim=(0, 1))
    return ax


def _title(measured: pd.Series) -> str:
    return short(measured.name, max_letters=60)
