"""Several arms on several data sets: ranks, whether they differ at all, and which of them do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from multitide.study.results._verdicts import holm

# With fewer data sets a test of ranks has hardly any power; the signed ranks of five cannot give p
# < 0.0625.
MIN_DATA = 5
PAIRS = ["arm", "other", "wins", "losses", "difference", "p", "p_holm"]


@dataclass(frozen=True)
class RankTest:
    """Whether arms differ in their ranks over data sets.

    Attributes
    ----------
    n_data, n_arms : int
    chi2 : float
        Friedman's statistic [1]_, with ties corrected for; NaN with fewer than three arms or
        `MIN_DATA` data sets.
    f, p : float
        The correction of Iman and Davenport [2]_, which Demšar [3]_ advises, and its p value.
    critical_difference : float
        Mean ranks that differ by more than this differ (Nemenyi's test [3]_).
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
    def told(self) -> bool:
        """Whether there were data sets and arms enough for the test."""
        return bool(np.isfinite(self.p))


def rank_test(losses: pd.DataFrame, confidence: float = 0.95) -> RankTest:
    """Test whether the arms' ranks differ over independent data sets.

    Parameters
    ----------
    losses : DataFrame, n_data x n_arms
        One loss a data set and arm, none missing; less is better. Rows are what is independent of
        each other: data sets, not tasks.
    confidence : float, default=0.95
    """
    n, k = losses.shape
    if (
        n < MIN_DATA or k < 3 or losses.nunique(axis=1).max() == 1
    ):  # without a difference there is nothing to test
        return RankTest(n, k, np.nan, np.nan, np.nan, np.nan, confidence)
    chi2 = float(stats.friedmanchisquare(*losses.to_numpy().T).statistic)
    rest = n * (k - 1) - chi2
    f = (n - 1) * chi2 / rest if rest > 1e-12 else np.inf
    p = float(stats.f.sf(f, k - 1, (k - 1) * (n - 1))) if np.isfinite(f) else 0.0
    return RankTest(n, k, chi2, float(f), p, critical_difference(n, k, confidence), confidence)


def critical_difference(n_data: int, n_arms: int, confidence: float = 0.95) -> float:
    """Return by how much two mean ranks must differ to differ (Nemenyi's test, as in Demšar 2006)."""
    q = float(stats.studentized_range.ppf(confidence, n_arms, np.inf)) / np.sqrt(2)
    return q * float(np.sqrt(n_arms * (n_arms + 1) / (6 * n_data)))


def pair_tests(losses: pd.DataFrame) -> pd.DataFrame:
    """Compare every two arms by Wilcoxon's signed ranks over data sets, adjusted for the number of pairs (Holm 1979).

    Returns
    -------
    DataFrame
        One row a pair: ``arm``, ``other``, ``wins`` and ``losses`` of the arm, the median
        ``difference`` (loss of the other - loss of the arm, plus = the arm is better), ``p`` and
        ``p_holm`` (NaN with fewer than `MIN_DATA` data sets).
    """
    rows = []
    for arm, other in combinations(losses.columns, 2):
        gains = (losses[other] - losses[arm]).to_numpy()
        enough = len(gains) >= MIN_DATA and bool(np.any(gains))
        p = float(stats.wilcoxon(gains, zero_method="zsplit").pvalue) if enough else np.nan
        wins, lost = int((gains > 0).sum()), int((gains < 0).sum())
        rows.append([arm, other, wins, lost, float(np.median(gains)) if len(gains) else np.nan, p])
    table = pd.DataFrame(rows, columns=PAIRS[:-1])
    return table.assign(p_holm=holm(table["p"].to_numpy()))
