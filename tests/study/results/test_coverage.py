"""Intervals by simulation: how often they miss a truth that is known."""

from __future__ import annotations

import numpy as np
import pytest
from _pytest.mark.structures import ParameterSet
from scipy import stats

from multitide.study.results._statistics import estimate, metric_table, row_table

N_STUDIES = 600  # about a second


def slow(*values: object) -> ParameterSet:
    """Return a case that only the slow tests simulate."""
    return pytest.param(*values, marks=pytest.mark.slow)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def crossed(
    generator: np.random.Generator,
    n_seeds: int,
    sizes: np.ndarray,
    sd: tuple[float, float, float],
    folds: np.ndarray | None = None,
    fold_sd: float = 0.0,
) -> np.ndarray:
    """Draw differences (n_seeds, n_rows) of two equal arms with these standard deviations."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    shape = (n_seeds, len(groups))
    seeds = generator.normal(
        0, sd[0], (n_seeds, 1 if folds is None else folds.max() + 1)
    )
    seeds = np.broadcast_to(seeds, shape) if folds is None else seeds[:, folds]
    rows = seeds + generator.normal(0, sd[1], len(sizes))[groups]
    rows = rows + generator.normal(0, sd[2], (n_seeds, len(sizes)))[:, groups]
    if folds is not None:
        rows = rows + generator.normal(0, fold_sd, folds.max() + 1)[folds]
    return rows + generator.normal(size=shape) + generator.normal(size=shape[1])


def share_missing_zero(
    n_seeds: int, n_groups: int, sd: tuple[float, float, float], unequal: bool = False
) -> float:
    generator, misses = rng(), 0
    for _ in range(N_STUDIES):
        sizes = generator.integers(1, 20, n_groups) if unequal else np.full(n_groups, 4)
        differences = crossed(generator, n_seeds, sizes, sd)
        gain = estimate(row_table(differences, np.repeat(np.arange(n_groups), sizes)))
        misses += not gain.low <= 0 <= gain.high
    return misses / N_STUDIES


@pytest.mark.parametrize("unequal", [True, slow(False)])
@pytest.mark.parametrize(
    "sd",
    [
        slow((1, 0, 0)),
        slow((0, 2, 0)),
        slow((0, 0, 0)),
        (0.3, 1.7, 1),
        slow((0.5, 1, 1.7)),
    ],
)
@pytest.mark.parametrize(("n_seeds", "n_groups"), [(5, 10), slow(5, 30), slow(10, 30)])
def test_interval_of_95_percent_misses_the_truth_in_3_to_7_percent(
    n_seeds: int, n_groups: int, sd: tuple[float, float, float], unequal: bool
) -> None:
    assert 0.02 <= share_missing_zero(n_seeds, n_groups, sd, unequal) <= 0.09


@pytest.mark.parametrize("n_groups", [10, slow(20), slow(100)])
def test_interval_keeps_its_promise_where_only_the_interaction_varies(
    n_groups: int,
) -> None:
    assert (
        0.02 <= share_missing_zero(5, n_groups, (0, 0, 3)) <= 0.06
    )  # all three parts then estimate the same


@pytest.mark.slow
def test_redrawing_rows_inside_each_seed_would_have_missed_far_more() -> None:
    """A plain t interval over rows, or over seeds alone, has far too low a coverage."""
    generator, over_seeds, over_rows = rng(1), 0, 0
    for _ in range(N_STUDIES):
        differences = crossed(generator, 5, np.full(30, 4), (0.3, 1.7, 1))
        over_seeds += stats.ttest_1samp(differences.mean(axis=1), 0).pvalue < 0.05
        over_rows += stats.ttest_1samp(differences.mean(axis=0), 0).pvalue < 0.05
    assert over_seeds / N_STUDIES > 0.15
    assert over_rows / N_STUDIES > 0.15


@pytest.mark.parametrize("fold_sd", [slow(0.0), 0.5, slow(2.0)])
@pytest.mark.parametrize(("n_seeds", "n_folds"), [(5, 5), slow(1, 5), slow(1, 10)])
def test_interval_over_folds_misses_the_truth_in_at_most_9_percent(
    n_seeds: int, n_folds: int, fold_sd: float
) -> None:
    generator, misses = rng(2), 0
    for _ in range(N_STUDIES):
        sizes = generator.integers(1, 10, 40)
        groups = np.repeat(np.arange(40), sizes)
        folds = groups % n_folds
        differences = crossed(generator, n_seeds, sizes, (0.5, 1, 1), folds, fold_sd)
        gain = estimate(
            row_table(differences, groups, folds), test_to_train=1 / (n_folds - 1)
        )
        misses += not gain.low <= 0 <= gain.high
    assert misses / N_STUDIES <= 0.09


def auc(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The share of pairs in right order, (...,), for scores (..., n_rows)."""
    return (
        scores[..., truth == 1][..., :, None] > scores[..., truth == 0][..., None, :]
    ).mean(axis=(-2, -1))


def test_jackknife_interval_of_a_difference_of_auc_misses_zero_in_2_to_9_percent() -> (
    None
):
    generator, misses, n_studies = rng(6), 0, 300
    groups = np.repeat(np.arange(15), 5)
    for _ in range(n_studies):
        truth = generator.integers(0, 2, 75)
        common = truth + generator.normal(size=15)[groups] + generator.normal(size=75)
        scores = (
            common
            + generator.normal(0, 0.7, (2, 5, 75))
            + generator.normal(0, 0.7, (2, 1, 15))[..., groups]
        )

        def difference(
            mask: np.ndarray, truth: np.ndarray = truth, scores: np.ndarray = scores
        ) -> np.ndarray:
            return np.subtract(*auc(truth[mask], scores[..., mask]))

        gain = estimate(metric_table(difference, groups))
        misses += not gain.low <= 0 <= gain.high
    assert 0.02 <= misses / n_studies <= 0.09
