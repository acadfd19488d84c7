"""Ranks of arms over several data sets, and whether they differ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from multitide.study.results._adjusted_p_values import holm

# With fewer data sets a test of ranks has hardly any power: five signed ranks give p >= 0.0625.
MIN_DATA = 5
LEAST_P = 0.0001  # smaller ones are written as less than this
PAIRS = ["arm", "other", "wins", "losses", "difference", "p", "p_holm"]


@dataclass(frozen=True)
class RankTest:
    """Whether arms differ in their ranks over data sets.

    Attributes
    ----------
    n_data, n_arms : int
    chi2 : float
        Friedman's statistic [1]_, corrected for ties; NaN with fewer than three arms or `MIN_DATA`
        data sets.
    f, p : float
        The correction of Iman and Davenport [2]_, recommended by Demšar [3]_, and its p value.
    critical_difference : float
        The smallest significant difference of two mean ranks (Nemenyi's test [3]_).
    confidence : float
        Of the critical difference.

    References
    ----------
    .. [1] Friedman, "The use of ranks to avoid the assumption of normality implicit in the analysis
       of variance", JASA 32, 1937. https://doi.org/10.1080/01621459.1937.10503522
    .. [2] Iman and Davenport, "Approximations of the critical region of the Friedman statistic",
       Communications in Statistics 9, 1980. https://doi.org/10.1080/03610928008827904
    .. [3] Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006.
       https://jmlr.org/papers/v7/demsar06a.html
    """

    n_data: int
    n_arms: int
    chi2: float
    f: float
    p: float
    critical_difference: float
    confidence: float

    @property
    def is_conclusive(self) -> bool:
        """Whether there were enough data sets and arms for the test."""
        return bool(np.isfinite(self.p))


def p_in_words(p: float) -> str:
    """Return "p = 0.0312" or "p < 0.0001"."""
    if p < LEAST_P:
        return f"p < {LEAST_P}"
    return f"p = {p:.3g}"


def rank_test(losses: pd.DataFrame, confidence: float = 0.95) -> RankTest:
    """Test whether the arms' ranks differ over independent data sets.

    Parameters
    ----------
    losses : DataFrame, n_data x n_arms
        One loss per data set and arm, none missing; less is better. Rows must be independent: data
        sets, not tasks.
    confidence : float, default=0.95
    """
    n, k = losses.shape
    all_equal = losses.nunique(axis=1).max() == 1
    if n < MIN_DATA or k < 3 or all_equal:
        return RankTest(n, k, np.nan, np.nan, np.nan, np.nan, confidence)
    chi2 = float(stats.friedmanchisquare(*losses.to_numpy().T).statistic)
    rest = n * (k - 1) - chi2
    if rest > 1e-12:
        f = (n - 1) * chi2 / rest
        p = float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    else:
        f, p = np.inf, 0.0
    return RankTest(
        n, k, chi2, float(f), p, critical_difference(n, k, confidence), confidence
    )


def critical_difference(n_data: int, n_arms: int, confidence: float = 0.95) -> float:
    """Return the smallest significant difference of two mean ranks (Nemenyi; Demšar 2006)."""
    q = float(stats.studentized_range.ppf(confidence, n_arms, np.inf)) / np.sqrt(2)
    return float(q * np.sqrt(n_arms * (n_arms + 1) / (6 * n_data)))


def pair_tests(losses: pd.DataFrame) -> pd.DataFrame:
    """Compare every two arms by Wilcoxon's signed ranks over data sets.

    Returns
    -------
    DataFrame
        One row per pair: ``arm``, ``other``, ``wins`` and ``losses`` of the arm, the median
        ``difference`` (loss of the other - loss of the arm; + if the arm is better), ``p``, and
        ``p_holm``, adjusted for the number of pairs (Holm 1979). Both p values are NaN with fewer
        than `MIN_DATA` data sets.
    """
    rows = []
    for arm, other in combinations(losses.columns, 2):
        gains = (losses[other] - losses[arm]).to_numpy()
        difference = p = np.nan
        if len(gains):
            difference = float(np.median(gains))
        if len(gains) >= MIN_DATA and np.any(gains):
            p = float(stats.wilcoxon(gains, zero_method="zsplit").pvalue)
        wins, lost = int((gains > 0).sum()), int((gains < 0).sum())
        rows.append([arm, other, wins, lost, difference, p])
    table = pd.DataFrame(rows, columns=PAIRS[:-1])
    return table.assign(p_holm=holm(table["p"].to_numpy()))
