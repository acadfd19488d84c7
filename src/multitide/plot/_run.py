"""Figures: each a function of a result and the Axes to draw it on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from multitide.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CLASSES_WRITTEN = 12  # counts in more cells than these squared cannot be read


def history(epochs: pd.DataFrame, ax: Axes, best: Mapping[str, int] | None = None) -> Axes:
    """Draw each task's loss over the epochs: validation as a line, training dashed in the same colour.

    The loss of a constant answer is 1 on the training part by definition; on a validation part that
    differs from it (a later season, another machine), the same constant may lie above or below 1,
    and so may what is drawn.

    Parameters
    ----------
    epochs : DataFrame
        ``estimator.history_``: columns ``epoch``, ``task``, ``side``, ``loss``.
    ax : Axes
        Where to draw.
    best : dict of str to int, optional
        ``estimator.best_epoch_``: the epoch that answers each task; marked by a dot.

    Returns
    -------
    Axes
        The same.
    """
    for number, (task, rows) in enumerate(epochs.groupby("task", sort=False)):
        color = f"C{number % 10}"
        named = False
        for side, style in (("validation", "-"), ("train", "--")):
            losses = rows[rows["side"] == side].sort_values("epoch")
            if len(losses):
                ax.plot(
                    losses["epoch"],
                    losses["loss"],
                    style,
                    color=color,
                    label=None if named else str(task),
                )
                named = True
            chosen = losses[losses["epoch"] == (best or {}).get(str(task))]
            if side == "validation" and len(chosen):
                ax.plot(chosen["epoch"], chosen["loss"], "o", color=color)
    ax.axhline(1.0, color="0.6", linewidth=0.8, zorder=0)
    ax.set_ylabel("loss (1: constant, on the training part)")
    _count_epochs(ax)
    dot = "; dot: the epoch that answers" if best else ""
    ax.set_title(f"Line: validation; dashed: training{dot}", fontsize="medium")
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
        The same.
    """
    _draw_training(epochs, {str(task): (task, "weight") for task in epochs["task"].unique()}, ax)
    ax.set(ylabel="weight of the loss", title="Weights")
    return ax


def gradient_norms(epochs: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the mean norm of each task's gradient at the shared parameters over the epochs, on a logarithmic axis.

    Parameters
    ----------
    epochs : DataFrame
        As for :func:`weights`, with the column ``gradient_norm`` of
        :class:`multitide.GradientRecorder`.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same.
    """
    _draw_training(
        epochs, {str(task): (task, "gradient_norm") for task in epochs["task"].unique()}, ax
    )
    ax.set(ylabel="norm of the gradient", title="Gradients at the shared parameters", yscale="log")
    return ax


def cosines(epochs: pd.DataFrame, ax: Axes) -> Axes:
    """Draw the mean cosine between the gradients of every two tasks over the epochs; below 0 they conflict.

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
        The same.
    """
    pairs = combinations(epochs["task"].unique(), 2)
    _draw_training(
        epochs, {f"{task}, {other}": (task, f"cosine({other})") for task, other in pairs}, ax
    )
    ax.axhline(0.0, color="0.6", linewidth=0.8, zorder=0)
    ax.set(ylabel="cosine", ylim=(-1.05, 1.05), title="Angles between the tasks' gradients")
    return ax


def _draw_training(epochs: pd.DataFrame, lines: dict[str, tuple[str, str]], ax: Axes) -> None:
    """Draw columns of the training rows, each of one task, over the epochs; a task that has none has no line."""
    train = epochs[epochs["side"] == "train"].sort_values("epoch")
    for number, (label, (task, column)) in enumerate(lines.items()):
        rows = train[train["task"] == task]
        if column in rows and rows[column].notna().any():
            ax.plot(rows["epoch"], rows[column], ".-", color=f"C{number % 10}", label=label)
    _count_epochs(ax)
    ax.legend(frameon=False, fontsize="small")


def _count_epochs(ax: Axes) -> None:
    """Label the axis of the epochs, which are whole numbers however few there are."""
    ax.set_xlabel("epoch")
    ax.locator_params(axis="x", integer=True, min_n_ticks=1)


def predicted_vs_measured(measured: pd.Series, predicted: pd.Series, ax: Axes) -> Axes:
    """Draw a number's predictions against its labels, where there is one.

    Parameters
    ----------
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
    labels, answers = _numbers(measured), _numbers(predicted)
    known = ~np.isnan(labels)
    _need_labels(known, measured)
    ends = [np.nanmin([labels[known], answers[known]]), np.nanmax([labels[known], answers[known]])]
    ax.plot(ends, ends, color="0.6", linewidth=0.8, zorder=0)
    ax.scatter(labels[known], answers[known], s=8, alpha=0.4, edgecolors="none")
    ax.set(xlabel="measured", ylabel="predicted", title=str(measured.name))
    return ax


def confusion(measured: pd.Series, predicted: pd.Series, ax: Axes) -> Axes:
    """Draw how often each class was taken for each: a row a true class, shaded by its share, with counts.

    Parameters
    ----------
    measured, predicted : Series, n_samples entries
        Labels (missing: nobody measured) and predictions.
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
    pairs = pd.DataFrame(
        {"true": measured.to_numpy()[known], "answer": predicted.to_numpy()[known]}, dtype=object
    )
    classes = sorted(
        set(pairs["true"]) | set(pairs["answer"]), key=lambda value: (isinstance(value, str), value)
    )
    table = pd.crosstab(pairs["true"], pairs["answer"]).reindex(
        index=classes, columns=classes, fill_value=0
    )
    counts = table.to_numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= MOST_CLASSES_WRITTEN:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            ax.text(column, row, str(count), ha="center", va="center", color=color)
    places, names = range(len(classes)), [str(value) for value in classes]
    ax.set_xticks(places, names, rotation=45, ha="right")
    ax.set_yticks(places, names)
    ax.set(xlabel="predicted", ylabel="measured", title=str(measured.name))
    return ax


def error_by_step(
    measured: pd.DataFrame, predicted: pd.DataFrame, ax: Axes, last: np.ndarray | None = None
) -> Axes:
    """Draw a forecast's root mean squared error over its steps, beside that of the last value where it is known.

    Parameters
    ----------
    measured, predicted : DataFrame, n_samples rows
        A column a step, in the same units; NaN where nobody measured.
    ax : Axes
        Where to draw.
    last : ndarray, shape (n_samples,), optional
        The last value before the forecast.

    Returns
    -------
    Axes
        The same.
    """
    truth = np.stack([_numbers(measured[column]) for column in measured], axis=1)
    guesses = {"forecast": np.stack([_numbers(predicted[column]) for column in measured], axis=1)}
    if last is not None:
        guesses["last value"] = np.tile(last[:, None], (1, truth.shape[1]))
    steps = np.arange(1, truth.shape[1] + 1)
    for (name, guess), style in zip(guesses.items(), ("o-", "s--"), strict=False):
        known = ~np.isnan(truth) & ~np.isnan(guess)
        sums = np.where(known, (np.nan_to_num(guess) - np.nan_to_num(truth)) ** 2, 0.0).sum(axis=0)
        counts = known.sum(axis=0)
        ax.plot(
            steps,
            np.sqrt(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)),
            style,
            label=name,
        )
    ax.set_xticks(steps[:: max(1, len(steps) // 12)])
    ax.set(xlabel="step", ylabel="root mean squared error")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)
    return ax


def right_by_label(measured: pd.DataFrame, predicted: pd.DataFrame, ax: Axes) -> Axes:
    """Draw, for every label and each of its values, the share of known answers that were found.

    Parameters
    ----------
    measured, predicted : DataFrame, n_samples rows
        A column a label; missing where nobody knows.
    ax : Axes
        Where to draw.

    Returns
    -------
    Axes
        The same.
    """
    names, shares = [], []
    for column in measured:
        known = measured[column].notna().to_numpy()
        truth, answers = measured[column][known].astype(str), predicted[column][known].astype(str)
        for value in sorted(truth.unique()):
            chosen = (truth == value).to_numpy()
            names.append(f"{column}: {value} ({chosen.sum()})")
            shares.append(float((answers.to_numpy()[chosen] == value).mean()))
    ax.barh(range(len(names)), shares, height=0.6)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel="share found", xlim=(0, 1))
    return ax


def _numbers(values: pd.Series) -> np.ndarray:
    return pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)


def _need_labels(known: np.ndarray, measured: pd.Series) -> None:
    if not known.any():
        raise DataError(
            f"`measured` must have a label in some sample; got none of {measured.name!r} in {len(known)}."
        )
