"""ROC and precision-recall curves, with bands over groups of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from multitide.plot._style import check_labels, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

N_DRAWS = 200
GRID = np.linspace(0, 1, 201)


class Curve(NamedTuple):
    """A curve with its band, and the area under it.

    Attributes
    ----------
    y : ndarray, shape (n_grid,)
        On `GRID`: the share of yes that is found, over the share of no that is taken for yes; or
        the precision, over the recall.
    low, high : ndarray, shape (n_grid,)
        Of bootstrap samples of groups; NaN with a single group.
    area, area_low, area_high : float
    """

    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    area: float
    area_low: float
    area_high: float


def roc_curve(
    measured: pd.Series,
    probability: np.ndarray,
    ax: Axes,
    groups: np.ndarray | None = None,
    confidence: float = 0.95,
) -> Axes:
    """Draw the ROC curve of a yes/no label, with a band.

    Parameters
    ----------
    measured : Series of bool, n_samples entries
        Whether the answer is yes; missing labels are left out.
    probability : ndarray, shape (n_samples,)
        The predicted probability of yes.
    ax : Axes
        Where to draw.
    groups : ndarray, shape (n_samples,), optional
        Recordings, which the bootstrap draws as a whole; by default each sample is one.
    confidence : float, default=0.95
        Coverage of the band at each place.

    Returns
    -------
    Axes
        `ax`.
    """
    curve = _curve(measured, probability, groups, confidence, of_precision=False)
    ax.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, zorder=0)
    _draw(curve, ax, "area")
    ax.set(xlabel="false positive rate", ylabel="recall")
    ax.set_title(short(measured.name, max_letters=60))
    return ax


def precision_recall_curve(
    measured: pd.Series,
    probability: np.ndarray,
    ax: Axes,
    groups: np.ndarray | None = None,
    confidence: float = 0.95,
) -> Axes:
    """Draw the precision over the recall of a yes/no label, with a band.

    The horizontal line is the share of yes: the precision of saying always yes.

    Parameters
    ----------
    measured, probability, ax, groups, confidence
        As in :func:`roc_curve`.

    Returns
    -------
    Axes
        `ax`.
    """
    curve = _curve(measured, probability, groups, confidence, of_precision=True)
    share = float(measured.dropna().astype(bool).mean())
    ax.axhline(share, color="0.6", linewidth=0.8, zorder=0)
    _draw(curve, ax, "average precision")
    ax.set(xlabel="recall", ylabel="precision")
    ax.set_title(short(measured.name, max_letters=60))
    return ax


def _draw(curve: Curve, ax: Axes, what: str) -> None:
    label = f"{what} {curve.area:.2f}"
    if not np.isnan(curve.area_low):
        label += f" ({curve.area_low:.2f} to {curve.area_high:.2f})"
        ax.fill_between(GRID, curve.low, curve.high, alpha=0.2, linewidth=0)
    ax.plot(GRID, curve.y, label=label)
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    ax.legend(frameon=False, loc="lower right")


def _curve(
    measured: pd.Series,
    probability: np.ndarray,
    groups: np.ndarray | None,
    confidence: float,
    *,
    of_precision: bool,
) -> Curve:
    known = measured.notna().to_numpy()
    check_labels(known, measured)
    yes = measured[known].astype(bool).to_numpy()
    order = np.argsort(-probability[known], kind="stable")
    # Equal probabilities are one step of the curve.
    ends = np.append(np.diff(probability[known][order]) != 0, True)
    yes = yes[order]
    codes = np.arange(len(yes))
    if groups is not None:
        codes = pd.factorize(pd.Series(groups)[known])[0]
    codes, n_groups = codes[order], int(codes.max()) + 1
    y, area = _of_counts(yes, np.ones(len(yes)), ends, of_precision)
    empty = np.full(len(GRID), np.nan)
    if n_groups < 2:
        return Curve(y, empty, empty, area, np.nan, np.nan)
    generator = np.random.default_rng(0)
    curves, areas = [], []
    for _ in range(N_DRAWS):
        drawn = generator.integers(0, n_groups, n_groups)
        counts = np.bincount(drawn, minlength=n_groups)[codes].astype(float)
        if 0 < counts[yes].sum() < counts.sum():
            drawn_y, drawn_area = _of_counts(yes, counts, ends, of_precision)
            curves.append(drawn_y)
            areas.append(drawn_area)
    if not curves:
        return Curve(y, empty, empty, area, np.nan, np.nan)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(np.stack(curves), tails, axis=0)
    area_low, area_high = np.quantile(areas, tails)
    return Curve(y, low, high, area, float(area_low), float(area_high))


def _of_counts(
    yes: np.ndarray, counts: np.ndarray, ends: np.ndarray, of_precision: bool
) -> tuple[np.ndarray, float]:
    """Return a curve on `GRID` and its area, for rows in descending order of their probability."""
    found = np.cumsum(np.where(yes, counts, 0.0))[ends]
    wrong = np.cumsum(np.where(yes, 0.0, counts))[ends]
    recall = found / found[-1] if found[-1] else np.zeros(len(found))
    if of_precision:
        said = np.maximum(found + wrong, 1e-12)
        precision = found / said
        area = float((np.diff(recall, prepend=0.0) * precision).sum())
        place = np.searchsorted(recall, GRID - 1e-12)
        return precision[np.minimum(place, len(precision) - 1)], area
    rate = wrong / wrong[-1] if wrong[-1] else np.zeros(len(wrong))
    rate, recall = np.append(0.0, rate), np.append(0.0, recall)
    return np.interp(GRID, rate, recall), float(np.trapezoid(recall, rate))
