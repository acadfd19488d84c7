"""From gains to verdicts, and what a verdict would take where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multitide.study.design._test_groups import MIN_GROUPS
from multitide.study.results._adjusted_p_values import benjamini_hochberg
from multitide.study.results._statistics import Gain
from multitide.study.results._what_would_settle import (
    MOST_LABELS,
    MOST_SEEDS,
    what_would_settle,
)

MIN_RUNS = 5
MIN_EFFECTIVE = 3.0  # groups, 1 / the sum of their squared shares
MARGIN = 0.01
HELPS, HURTS, SAME, CANNOT_TELL = "helps", "hurts", "same", "cannot tell"


@dataclass(frozen=True)
class Verdict:
    """The verdict on one arm and task.

    Attributes
    ----------
    verdict : {"helps", "hurts", "same", "cannot tell"}
        "same": the whole interval lies within the margin.
    p_adjusted : float
        The p value, adjusted for the number of gains that are judged together.
    more_seeds : float
        Total number of seeds that would give a verdict with a probability of 80 % if gain and
        variance stayed the same. NaN if there is a verdict, or if no number of seeds would do.
    more_labels : float
        Total number of labelled test rows that would do so with the present seeds; NaN likewise.
    advice : str
        The same in words; "" if there is a verdict.
    """

    verdict: str
    p_adjusted: float
    more_seeds: float = float("nan")
    more_labels: float = float("nan")
    advice: str = ""


def judge(
    gains: Sequence[Gain], margin: float = MARGIN, confidence: float = 0.95
) -> list[Verdict]:
    """Return the verdicts on gains that are read together: all tasks and arms of a page.

    Parameters
    ----------
    gains : sequence of Gain
        One per task and arm, in units of the trivial loss.
    margin : float, default=0.01
        Smaller gains do not matter. The default is 1 % of the trivial loss.
    confidence : float, default=0.95
        That of the intervals.

    Returns
    -------
    list of Verdict
        "same" if the interval lies within the margin, even if it excludes zero; else "helps" or
        "hurts" if the p value, adjusted for the number of gains, is below 1 - `confidence`. Below 5
        seeds x folds, 10 test groups or 3 effective ones the verdict is "cannot tell".

    Notes
    -----
    The adjustment is that of Benjamini and Hochberg (1995): of the verdicts "helps" and "hurts" of
    a page, at most 1 - `confidence` are wrong on average; and if all gains are zero, no more than
    that share of the pages have any. Holm's would bound the chance of a single wrong one among all,
    which with 12 gains and 5 seeds leaves little power.
    """
    alpha = 1 - confidence
    adjusted = benjamini_hochberg([_p_that_counts(gain) for gain in gains])
    n_known = max(1, int(np.isfinite(adjusted).sum()))
    # What the next p value must fall below, given the gains that are clear already.
    level = alpha * min(n_known, 1 + int((adjusted < alpha).sum())) / n_known
    verdicts = []
    for gain, p in zip(gains, adjusted, strict=True):
        verdicts.append(_judge_one(gain, float(p), margin, alpha, level))
    return verdicts


def _p_that_counts(gain: Gain) -> float:
    """Return the p value; NaN without enough for a verdict, or if the fits are the same."""
    if _lacks(gain) or is_identical(gain.gain, gain.standard_error):
        return float("nan")
    return gain.p


def is_identical(gain: float, standard_error: float) -> bool:
    """Return whether there is no difference in any row: both arms have the same fits."""
    return gain == 0 and standard_error == 0


def _judge_one(
    gain: Gain, p: float, margin: float, alpha: float, level: float
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
    if p < alpha:
        return Verdict(HELPS if gain.gain > 0 else HURTS, p)
    needed = what_would_settle(gain, margin, level, alpha)
    advice = _advice(gain, needed.seeds, needed.labels)
    return Verdict(CANNOT_TELL, p, needed.seeds, needed.labels, advice)


def _lacks(gain: Gain) -> list[str]:
    lacks = []
    if gain.n_runs < MIN_RUNS:
        lacks.append(f"{MIN_RUNS} seeds (has {gain.n_runs})")
    if gain.n_groups < MIN_GROUPS:
        lacks.append(f"{MIN_GROUPS} test groups with labels (has {gain.n_groups})")
    elif gain.effective_groups < MIN_EFFECTIVE:
        lacks.append(
            f"{MIN_EFFECTIVE:g} test groups of similar size (its {gain.n_groups} groups are worth "
            f"{gain.effective_groups:.1f}, because a few have most of the labels)"
        )
    return lacks


def _advice(gain: Gain, seeds: float, labels: float) -> str:
    offers = []
    if not np.isnan(seeds):
        offers.append(f"about {int(seeds)} seeds (now {gain.n_seeds})")
    if not np.isnan(labels):
        offers.append(f"about {_round(labels)} labelled test rows (now {gain.n_rows})")
    if offers:
        return " or ".join(offers) + " would probably give a verdict"
    return f"neither {MOST_SEEDS} seeds nor {MOST_LABELS} times the labels would give a verdict"


def _round(number: float) -> int:
    """Round up to two significant digits, because the estimate is not more exact."""
    unit = 10.0 ** max(0, int(np.log10(number)) - 1)
    return int(np.ceil(number / unit) * unit)
