r"""Intervals of gains: seeds and test groups are crossed, not nested.

Two arms are trained with seeds s = 1..S and tested on the same rows, which fall into groups g =
1..G (series, runs or blocks of time). Rows of one group resemble each other, and *every* seed is
tested on the *same* groups. A lucky test set lifts all seeds at once, so averaging over seeds does
not average this luck away.

**Estimate.** Let D[s, g] be the mean paired difference on the labelled rows of group g, and w[g] =
n[g] / n their share. The gain of seed s is the mean over rows, d[s] = sum_g w[g] D[s, g], a ratio
of sums (a group with more labels counts for more), and the gain is the mean of d[s].

**Variance.** With D[s, g] = mu + a[s] + b[g] + e[s, g],

    Var(gain) = var(a) / S  +  sum_g w[g]^2 var(b)  +  sum_g w[g]^2 var(e) / S.

The influence of a group on the gain of seed s is I[s, g] = w[g] (D[s, g] - d[s]) / sqrt(1 - w[g]),
and sum_g I[s, g]^2 estimates the variance of d[s] over groups. The root corrects for d[s] being
fitted to the same groups (exactly if a group's variance is proportional to 1 / n[g]; with equal
groups the sum is the familiar s^2 / G). Then

    seed part      A = var_s(d[s]) / S                             expects (seeds)  + (residual)
    group part     B = sum_g (mean_s I[s, g])^2                    expects (groups) + (residual)
    residual part  E = sum_sg (I[s, g] - mean_s I)^2 / (S (S-1))   expects (residual)

and A + B - E is unbiased. By chance it can fall below E, which the variance never does, so the
standard error that is reported is the root of max(A + B - E, E).

**Interval.** The gain is divided by sqrt(A + B), whose distribution is known if the true parts are:
see :mod:`multitide.study.results._crossed_parts`. The degrees of freedom of A are S - 1, those of B
are G' - 1, where G' = 1 / sum_g w[g]^2 is the effective number of groups.

If a few groups differ much more than the others, the interval also covers the one that corrects for
the skewness: see :mod:`multitide.study.results._skewed_groups`.

**Metrics that are not means over rows** (AUC, R2, F1): the influence is I[s, g] = sqrt(1 - w[g])
(d[s] - d[s] without group g), the delete-one-group jackknife. For a mean over rows this equals the
I[s, g] above, to the last digit.

**Folds.** Each row is tested once, by networks whose training sets overlap. Folds are another
clustering of the rows, with influences I[k] on the mean over seeds. sum_k I[k]^2 is the naive
variance over folds, and Nadeau & Bengio (2003) multiply it by 1 + K n_test / n_train. The variance
is the larger of that and the above, and so is the interval (t with K - 1 degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from multitide.errors import DataError
from multitide.study.results._crossed_parts import CrossedParts
from multitide.study.results._skewed_groups import (
    ends,
    skewness_of_mean,
    without_skew,
)
from multitide.study.results._uneven_groups import uneven_groups

MAX_JACKKNIFE_GROUPS = 30


@dataclass(frozen=True)
class GainTable:
    """Paired differences of two arms, seeds crossed with test groups.

    Attributes
    ----------
    gains : ndarray, shape (n_seeds,)
        The gain of every seed.
    influence : ndarray, shape (n_seeds, n_groups)
        The influence of each group on each seed's gain; the squares of a row sum to the variance of
        that gain over groups.
    weights : ndarray, shape (n_groups,)
        Fraction of the labelled rows in each group; 0 for groups without labels.
    fold_influence : ndarray, shape (n_folds,)
        The influence of each fold on the mean over seeds; empty with a single split.
    n_rows : int
        Number of labelled test rows.
    """

    gains: np.ndarray
    influence: np.ndarray
    weights: np.ndarray
    fold_influence: np.ndarray
    n_rows: int

    @property
    def n_groups(self) -> int:
        """Number of groups with a labelled row."""
        return int((self.weights > 0).sum())

    @property
    def n_runs(self) -> int:
        """Number of trained pairs: seeds x folds."""
        return len(self.gains) * max(1, len(self.fold_influence))


@dataclass(frozen=True)
class Gain:
    """A gain with its interval, and the parts of its variance (see the module docstring).

    Attributes
    ----------
    gain, low, high, p : float
        The mean difference (+ is better), its interval, and the two-sided p value of "no
        difference". The last three are NaN if the variance cannot be estimated, because there is
        only one seed or one group.
    standard_error : float
        Square root of the variance.
    seed_part, group_part, residual_part, fold_part : float
        Parts of the variance; `fold_part` is 0 with a single split.
    effective_groups : float
        1 / the sum of the squared shares of the groups in the rows: `n_groups` if all are equal.
    n_seeds, n_groups, n_rows, n_runs : int
        What the gain is estimated from; `n_runs` counts seeds x folds.
    doubt : str
        What is uneven about the test groups, so that the interval may be too narrow.
    """

    gain: float
    low: float
    high: float
    p: float
    standard_error: float
    seed_part: float
    group_part: float
    residual_part: float
    fold_part: float
    effective_groups: float
    n_seeds: int
    n_groups: int
    n_rows: int
    n_runs: int
    doubt: str = ""

    @property
    def parts(self) -> CrossedParts:
        """The parts of the variance, without that of folds."""
        return CrossedParts(
            self.seed_part,
            self.group_part,
            self.residual_part,
            self.n_seeds - 1.0,
            _group_dof(self.effective_groups),
        )


def row_table(
    differences: np.ndarray,
    groups: np.ndarray,
    folds: np.ndarray | None = None,
    n_groups: int | None = None,
    weights: np.ndarray | None = None,
) -> GainTable:
    """Make the table of a metric that is a mean over rows (a loss, an accuracy, an absolute error).

    Parameters
    ----------
    differences : ndarray, shape (n_seeds, n_rows)
        Signed paired differences, + is better; NaN without a label.
    groups : ndarray of int, shape (n_rows,)
        Group of each row, 0, 1, ...
    folds : ndarray of int, shape (n_rows,), optional
        The fold in which each row is tested.
    n_groups : int, optional
        Number of groups if some have no row, so that the tables of several tasks line up.
    weights : ndarray, shape (n_rows,), optional
        How much each row counts; n[g] is then the weight of the rows of a group.

    Raises
    ------
    DataError
        If no row is labelled.
    """
    differences = np.atleast_2d(np.asarray(differences, dtype=float))
    labelled = ~np.isnan(differences).any(axis=0)
    if not labelled.any():
        raise DataError(
            "`differences` must have at least one labelled test row; got none."
        )
    if n_groups is None:
        n_groups = int(np.max(groups)) + 1
    rows = differences[:, labelled]
    if weights is not None:
        weights = weights[labelled]
    influence, shares = _row_influence(
        rows, np.asarray(groups)[labelled], n_groups, weights
    )
    by_fold = np.empty((1, 0))
    if folds is not None:
        codes = np.unique(np.asarray(folds)[labelled], return_inverse=True)[1]
        mean_over_seeds = rows.mean(axis=0, keepdims=True)
        by_fold, _ = _row_influence(
            mean_over_seeds, codes, int(codes.max()) + 1, weights
        )
    gains = np.average(rows, axis=1, weights=weights)
    return GainTable(gains, influence, shares, by_fold[0], rows.shape[1])


def metric_table(
    metric: Callable[[np.ndarray], np.ndarray],
    groups: np.ndarray,
    folds: np.ndarray | None = None,
    max_groups: int = MAX_JACKKNIFE_GROUPS,
    weights: np.ndarray | None = None,
) -> GainTable:
    """Make the table of any metric by leaving out one group after another.

    Parameters
    ----------
    metric : callable
        Takes a bool mask over the rows and returns the signed differences on them, shape
        (n_seeds,).
    groups, folds : ndarray of int, shape (n_rows,)
        Group and fold of each (labelled) row.
    max_groups : int
        More groups than this are merged into this many. This saves time and costs degrees of
        freedom.
    weights : ndarray, shape (n_rows,), optional
        How much each row counts.
    """
    codes = np.unique(np.asarray(groups), return_inverse=True)[1] % max_groups
    whole = metric(np.ones(len(codes), dtype=bool))
    influence, shares = _jackknife(metric, whole, codes, weights)
    by_fold = np.empty((1, 0))
    if folds is not None:
        fold_codes = np.unique(folds, return_inverse=True)[1]
        by_fold, _ = _jackknife(metric, whole, fold_codes, weights)
    return GainTable(whole, influence, shares, by_fold.mean(axis=0), len(codes))


def mean_table(tables: Sequence[GainTable]) -> GainTable:
    """Return the table of the mean gain over tasks.

    All tables number seeds, groups and folds alike. The influence of a group on a mean of gains is
    the mean of its influences, also if the tasks are correlated.
    """
    return GainTable(
        gains=_mean_field("gains", tables),
        influence=_mean_field("influence", tables),
        weights=_mean_field("weights", tables),
        fold_influence=_mean_field("fold_influence", tables),
        n_rows=sum(table.n_rows for table in tables),
    )


def _mean_field(name: str, tables: Sequence[GainTable]) -> np.ndarray:
    mean: np.ndarray = np.mean([getattr(table, name) for table in tables], axis=0)
    return mean


def among_other_groups(table: GainTable, n_before: int, n_after: int) -> GainTable:
    """Return the table with further groups, without rows, before and after its own."""
    padding = (n_before, n_after)
    influence = np.pad(table.influence, ((0, 0), padding))
    return replace(table, influence=influence, weights=np.pad(table.weights, padding))


def estimate(
    table: GainTable, *, confidence: float = 0.95, test_to_train: float = 0.0
) -> Gain:
    """Return the gain with its interval.

    Parameters
    ----------
    table : GainTable
    confidence : float, default=0.95
        Coverage of the interval.
    test_to_train : float, default=0
        Number of test rows / number of training rows of a fold; only used with folds.
    """
    parts = _parts(table)
    gain = float(table.gains.mean())
    variance = parts.variance
    p, low, high = _test(gain, parts, table, confidence)
    n_folds = len(table.fold_influence)
    fold = 0.0
    if n_folds > 1:
        fold = (1 + n_folds * test_to_train) * float(np.sum(table.fold_influence**2))
        half = t_half_width(fold, n_folds - 1.0, 1 - confidence)
        # Whatever is wider; the parts are NaN with a single seed.
        variance = float(np.fmax(variance, fold))
        p = float(np.fmax(p, _t_p_value(gain, fold, n_folds - 1.0)))
        low = float(np.fmin(low, gain - half))
        high = float(np.fmax(high, gain + half))
    return Gain(
        gain=gain,
        low=low,
        high=high,
        p=p,
        standard_error=float(np.sqrt(variance)),
        seed_part=parts.seed,
        group_part=parts.group,
        residual_part=parts.residual,
        fold_part=fold,
        effective_groups=effective_groups(table.weights),
        n_seeds=len(table.gains),
        n_groups=table.n_groups,
        n_rows=table.n_rows,
        n_runs=table.n_runs,
        doubt=uneven_groups(table.influence, table.weights, parts.group_share),
    )


def _test(
    gain: float, parts: CrossedParts, table: GainTable, confidence: float
) -> tuple[float, float, float]:
    """Return the p value of "no difference", and the interval, of seeds and groups."""
    p, half = parts.p_value(gain), parts.half_width(1 - confidence)
    skewness = skewness_of_mean(table.influence.mean(axis=0), parts.spread)
    if skewness != 0 and parts.known:
        ratio = without_skew(gain / parts.spread, skewness)
        p = max(p, parts.p_value(ratio * parts.spread))
    low, high = ends(gain, parts.spread, half, skewness)
    return p, low, high


def effective_groups(weights: np.ndarray) -> float:
    """Return the number of equal groups that would be worth as much as these."""
    return 1 / float(np.sum(weights**2))


def group_interval(table: GainTable, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the gain of these very models, on new test groups.

    It says nothing about models trained with other seeds. NaN with a single group.
    """
    parts = _parts(table)
    gain = float(table.gains.mean())
    half = t_half_width(parts.group, parts.group_dof, 1 - confidence)
    spread = float(np.sqrt(parts.group))
    skewness = skewness_of_mean(table.influence.mean(axis=0), spread)
    return ends(gain, spread, half, skewness)


def t_half_width(variance: float, dof: float, level: float) -> float:
    """Return the half width of a t interval that misses with probability `level`."""
    return float(stats.t.ppf(1 - level / 2, dof) * np.sqrt(variance))


def _parts(table: GainTable) -> CrossedParts:
    """Return the seed, group and residual parts; NaN with a single seed or group."""
    n_seeds = len(table.gains)
    group_dof = _group_dof(effective_groups(table.weights))
    mean = table.influence.mean(axis=0)
    if table.n_groups > 1:
        group = float(np.sum(mean**2))
    else:
        group = float("nan")
    if n_seeds < 2:
        return CrossedParts(float("nan"), group, 0.0, 0.0, group_dof)
    residual = float(np.sum((table.influence - mean) ** 2)) / (n_seeds * (n_seeds - 1))
    seed = float(table.gains.var(ddof=1)) / n_seeds
    return CrossedParts(seed, group, residual, n_seeds - 1.0, group_dof)


def _group_dof(n_effective: float) -> float:
    return max(1.0, n_effective - 1)


def _row_influence(
    rows: np.ndarray, codes: np.ndarray, n_codes: int, of_rows: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return each cluster's influence on each seed's mean, (n_seeds, n_codes), and its weight."""
    counts = np.bincount(codes, of_rows, minlength=n_codes)
    centred = rows - np.average(rows, axis=1, weights=of_rows, keepdims=True)
    if of_rows is not None:
        centred = centred * of_rows
    sums = np.stack(
        [np.bincount(codes, weights=row, minlength=n_codes) for row in centred]
    )
    weights = counts / counts.sum()
    # The influence of a single cluster cannot be distinguished from the mean.
    alone = weights == 1
    return sums / counts.sum() / np.sqrt(np.where(alone, 1, 1 - weights)), weights


def _jackknife(
    metric: Callable[[np.ndarray], np.ndarray],
    whole: np.ndarray,
    codes: np.ndarray,
    of_rows: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each cluster's influence, (n_seeds, n_codes), by leaving it out, and its weight."""
    counts = np.bincount(codes, of_rows)
    weights = counts / counts.sum()
    if len(weights) == 1:
        return np.zeros((len(whole), 1)), weights
    without = np.stack([metric(codes != code) for code in range(len(weights))], axis=1)
    return np.sqrt(1 - weights) * (whole[:, None] - without), weights


def _t_p_value(gain: float, variance: float, dof: float) -> float:
    if variance == 0:
        return float(gain == 0)
    return float(2 * stats.t.sf(abs(gain) / np.sqrt(variance), dof))
