"""From gains to verdicts, and what a verdict would take where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from multitide.study.design._test_groups import MIN_GROUPS
from multitide.study.results._statistics import Gain, total_variance

MIN_RUNS = 5
MARGIN = 0.01
MOST_SEEDS, MOST_LABELS = 200, 1000
HELPS, HURTS, SAME, CANNOT_TELL = "helps", "hurts", "same", "cannot tell"


@dataclass(frozen=True)
class Verdict:
    """The verdict on one arm and task.

    Attributes
    ----------
    verdict : {"helps", "hurts", "same", "cannot tell"}
        "same": the whole interval lies within the margin.
    p_holm : float
        The p value, adjusted for the number of arms.
    more_seeds : float
        Total number of seeds that would give a verdict if gain and variance stayed the same. NaN if
        there is a verdict, or if no number of seeds would give one.
    more_labels : float
        Total number of labelled test rows that would give a verdict with the present seeds; NaN
        likewise.
    advice : str
        The same in words; "" if there is a verdict.
    """

    verdict: str
    p_holm: float
    more_seeds: float = float("nan")
    more_labels: float = float("nan")
    advice: str = ""


def judge(
    gains: Sequence[Gain], margin: float = MARGIN, confidence: float = 0.95
) -> list[Verdict]:
    """Return the verdicts on all arms of one task.

    Parameters
    ----------
    gains : sequence of Gain
        One per arm, in units of the trivial loss.
    margin : float, default=0.01
        Smaller gains do not matter. The default is 1 % of the trivial loss.
    confidence : float, default=0.95
        That of the intervals.

    Returns
    -------
    list of Verdict
        "same" if the interval lies within the margin, even if it excludes zero; else "helps" or
        "hurts" if the p value, adjusted for the number of arms (Holm 1979), is below 1 -
        `confidence`. Below 5 seeds x folds or 10 test groups the verdict is "cannot tell".
    """
    adjusted = holm([gain.p for gain in gains])
    alpha = (1 - confidence) / max(1, int(np.isfinite(adjusted).sum()))
    verdicts = []
    for gain, p in zip(gains, adjusted, strict=True):
        verdicts.append(_judge_one(gain, float(p), margin, confidence, alpha))
    return verdicts


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values adjusted for their number (Holm 1979); NaN stays NaN and does not count."""
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known])]
    adjusted[order] = np.minimum(
        1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    )
    return adjusted


def _judge_one(
    gain: Gain, p: float, margin: float, confidence: float, alpha: float
) -> Verdict:
    if lacks := _lacks(gain):
        advice = f"needs at least {' and '.join(lacks)}"
        if gain.n_runs < MIN_RUNS:
            return Verdict(CANNOT_TELL, p, more_seeds=float(MIN_RUNS), advice=advice)
        return Verdict(CANNOT_TELL, p, advice=advice)
    if np.isnan(gain.p):
        return Verdict(CANNOT_TELL, p, advice="its variance cannot be estimated")
    if max(abs(gain.low), abs(gain.high)) < margin:
        return Verdict(SAME, p)
    if p < 1 - confidence:
        return Verdict(HELPS if gain.gain > 0 else HURTS, p)
    # A verdict takes an interval that excludes zero, or one within the margin. Aim at the easier.
    size = abs(gain.gain)
    if size > margin - size:
        half_width, level = size, alpha
    else:
        half_width, level = margin - size, 1 - confidence
    seeds = _seeds_needed(gain, half_width, level)
    labels = _labels_needed(gain, half_width, level)
    return Verdict(CANNOT_TELL, p, seeds, labels, _advice(gain, seeds, labels))


def _lacks(gain: Gain) -> list[str]:
    lacks = []
    if gain.n_runs < MIN_RUNS:
        lacks.append(f"{MIN_RUNS} seeds (has {gain.n_runs})")
    if gain.n_groups < MIN_GROUPS:
        lacks.append(f"{MIN_GROUPS} test groups with labels (has {gain.n_groups})")
    return lacks


def _advice(gain: Gain, seeds: float, labels: float) -> str:
    offers = []
    if not np.isnan(seeds):
        offers.append(f"about {int(seeds)} seeds (now {gain.n_seeds})")
    if not np.isnan(labels):
        offers.append(f"about {_round(labels)} labelled test rows (now {gain.n_rows})")
    if offers:
        return " or ".join(offers) + " would give a verdict"
    return f"neither {MOST_SEEDS} seeds nor {MOST_LABELS} times the labels would give a verdict"


def _round(number: float) -> int:
    """Round up to two significant digits, because the estimate is not more exact."""
    unit = 10.0 ** max(0, int(np.log10(number)) - 1)
    return int(np.ceil(number / unit) * unit)


def _seeds_needed(gain: Gain, target: float, alpha: float) -> float:
    """Return the smallest number of seeds with an interval of a half width below `target`."""
    for n_seeds in range(gain.n_seeds + 1, MOST_SEEDS + 1):
        if _half_width(gain, n_seeds / gain.n_seeds, 1.0, alpha) < target:
            return float(n_seeds)
    return float("nan")


def _labels_needed(gain: Gain, target: float, alpha: float) -> float:
    """Return the number of labelled test rows for the same, in groups of the present size."""
    for factor in np.geomspace(1.05, MOST_LABELS, 200):
        if _half_width(gain, 1.0, float(factor), alpha) < target:
            return float(np.ceil(gain.n_rows * factor))
    return float("nan")


def _half_width(
    gain: Gain, more_seeds: float, more_groups: float, alpha: float
) -> float:
    """Return the half width of the interval with these factors on seeds and groups."""
    n_seeds = round(gain.n_seeds * more_seeds)
    # The variance is that of folds, not divided into seeds and groups.
    if gain.n_seeds < 2:
        return float("inf")
    residual = gain.residual_part / more_seeds / more_groups
    seed = max(gain.seed_part - gain.residual_part, 0) / more_seeds + residual
    group = max(gain.group_part - gain.residual_part, 0) / more_groups + residual
    variance, dof = total_variance(
        seed, group, residual, n_seeds - 1, gain.group_dof * more_groups
    )
    if gain.fold_part / more_groups > variance:
        variance, dof = gain.fold_part / more_groups, gain.dof
    return float(stats.t.ppf(1 - alpha / 2, dof) * np.sqrt(variance))
