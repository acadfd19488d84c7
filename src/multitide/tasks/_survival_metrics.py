"""Metrics of survival curves on times of which some are only known to be longer (censored)."""

from __future__ import annotations

import numpy as np

SURVIVAL = ("c_index", "integrated_brier")
MOST_EVENTS = 2_000  # that are compared with all other times


def survival_metrics(
    times: np.ndarray,
    events: np.ndarray,
    curves: np.ndarray,
    edges: np.ndarray,
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """Compare survival curves with times.

    Parameters
    ----------
    times, events : ndarray, shape (n_samples,)
        The times, and whether the event happened then (1) or later (0).
    curves : ndarray, shape (n_samples, n_bins)
        Probability that the event happens after each of ``edges[1:]``.
    edges : ndarray, shape (n_bins + 1,)
    weights : ndarray, shape (n_samples,), optional

    Returns
    -------
    dict of str to float
        ``c_index``: share of the comparable pairs whose risks are in the right order (Harrell [1]_;
        with more than 2,000 events, evenly spaced ones). ``integrated_brier``: the squared error of
        the curves, weighted for censoring and averaged over time (Graf et al. [2]_).

    References
    ----------
    .. [1] Harrell, Lee and Mark, "Multivariable prognostic models", Statistics in Medicine 15,
       1996.
    .. [2] Graf, Schmoor, Sauerbrei and Schumacher, "Assessment and comparison of prognostic
       classification schemes for survival data", Statistics in Medicine 18, 1999.
    """
    if not len(times) or not np.isfinite(curves).all():
        return dict.fromkeys(SURVIVAL, np.nan)
    if weights is None:
        weights = np.ones(len(times))
    return {
        "c_index": c_index(times, events, risks(curves, edges), weights),
        "integrated_brier": integrated_brier(times, events, curves, edges, weights),
    }


def risks(curves: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the share of the time up to the last edge that is expected to be lost, (n,)."""
    full = np.column_stack([np.ones(len(curves)), curves])
    mean_time = np.trapezoid(full, edges, axis=1)
    lost: np.ndarray = 1 - mean_time / (edges[-1] - edges[0])
    return lost


def c_index(
    times: np.ndarray, events: np.ndarray, risk: np.ndarray, weights: np.ndarray
) -> float:
    """Return Harrell's index; NaN without a comparable pair.

    A pair is comparable if the shorter time ends with the event. Equal risks count as half right.
    """
    first = np.flatnonzero(events == 1)
    if len(first) > MOST_EVENTS:
        first = first[np.linspace(0, len(first) - 1, MOST_EVENTS).round().astype(int)]
    right = total = 0.0
    for row in first.tolist():
        later = times > times[row]
        later |= (times == times[row]) & (events == 0)
        pair_weights = weights[row] * weights[later]
        lower = (risk[later] < risk[row]) + 0.5 * (risk[later] == risk[row])
        right += float((pair_weights * lower).sum())
        total += float(pair_weights.sum())
    if total > 0:
        return right / total
    return float("nan")


def integrated_brier(
    times: np.ndarray,
    events: np.ndarray,
    curves: np.ndarray,
    edges: np.ndarray,
    weights: np.ndarray,
) -> float:
    """Return the mean over time of the Brier score of the curves.

    Time goes over the edges within the range of `times`. The probability of being censored later
    is estimated on the same samples (Kaplan and Meier); NaN if fewer than two edges are in range.
    """
    within = (edges[1:] >= times.min()) & (edges[1:] < times.max())
    grid = edges[1:][within]
    if len(grid) < 2:
        return float("nan")
    steps, uncensored = censoring_curve(times, events, weights)
    at_times = _value_at(times, steps, uncensored)
    scores = []
    for edge, survived in zip(grid, curves[:, within].T, strict=True):
        at_edge = float(_value_at(np.array([edge]), steps, uncensored)[0])
        died = (times <= edge) & (events == 1)
        errors = np.where(died, survived**2 / np.maximum(at_times, 1e-12), 0.0)
        alive = times > edge
        errors += np.where(alive, (1 - survived) ** 2 / max(at_edge, 1e-12), 0.0)
        scores.append(float((weights * errors).sum() / weights.sum()))
    return float(np.trapezoid(scores, grid) / (grid[-1] - grid[0]))


def censoring_curve(
    times: np.ndarray, events: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of being censored after each distinct time (Kaplan and Meier).

    At equal times, events come before censoring.
    """
    steps, place = np.unique(times, return_inverse=True)
    censored = np.bincount(place, weights * (events == 0), len(steps))
    died = np.bincount(place, weights * (events == 1), len(steps))
    left = (censored + died)[::-1].cumsum()[::-1] - died
    hazard = np.divide(censored, left, out=np.zeros_like(left), where=left > 0)
    return steps, np.cumprod(1 - hazard)


def _value_at(times: np.ndarray, steps: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a step function that starts at 1, at some times."""
    place = np.searchsorted(steps, times, side="right")
    return np.asarray(np.append(1.0, values)[place])
