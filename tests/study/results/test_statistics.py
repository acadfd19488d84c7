"""Intervals: coverage by simulation, agreement with textbook tests, and degenerate cases."""

from __future__ import annotations

import numpy as np
import pytest
from _pytest.mark.structures import ParameterSet
from scipy import stats

from multitide.errors import DataError
from multitide.study.results import _statistics as statistics
from multitide.study.results._statistics import (
    GainTable,
    estimate,
    group_interval,
    mean_table,
    metric_table,
    row_table,
)

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


def test_only_seeds_vary_then_it_is_the_paired_t_test_over_seeds() -> None:
    arm, alone = rng().normal(size=(2, 7))
    differences = np.repeat((alone - arm)[:, None], 60, axis=1)
    gain = estimate(row_table(differences, np.arange(60) % 12))
    test = stats.ttest_rel(alone, arm)
    assert gain.p == pytest.approx(test.pvalue)
    assert (gain.low, gain.high) == pytest.approx(tuple(test.confidence_interval()))


def test_the_interval_of_these_models_is_a_t_interval_over_groups() -> None:
    half = np.random.default_rng(3).normal(0, 1, 15)
    without_skew = 0.2 + np.concatenate([half, -half])
    differences = without_skew[None].repeat(4, axis=0)
    found = group_interval(row_table(differences, np.arange(30)), confidence=0.9)
    known = stats.ttest_1samp(without_skew, 0).confidence_interval(0.9)
    assert found == pytest.approx(tuple(known))


def test_a_weight_counts_like_repeated_rows() -> None:
    differences = rng().normal(size=(3, 24))
    groups, weights = np.arange(24) // 4, rng().integers(1, 4, 24)
    weighed = row_table(differences, groups, weights=weights.astype(float))
    repeated = row_table(differences.repeat(weights, axis=1), groups.repeat(weights))
    for field in ("gains", "influence", "weights"):
        np.testing.assert_allclose(getattr(weighed, field), getattr(repeated, field))


def test_only_groups_vary_then_it_is_the_paired_t_test_over_groups() -> None:
    half = rng().normal(size=7)
    alone = 0.4 + np.concatenate([half, [0.0], -half])  # not skewed
    arm = np.zeros(15)
    differences = np.tile(np.repeat(alone - arm, 4), (5, 1))
    gain = estimate(row_table(differences, np.repeat(np.arange(15), 4)))
    test = stats.ttest_rel(alone, arm)
    assert gain.p == pytest.approx(test.pvalue)
    assert (gain.low, gain.high) == pytest.approx(tuple(test.confidence_interval()))


def test_parts_equal_the_mean_squares_of_a_two_way_layout() -> None:
    n_seeds, n_groups = 6, 11
    table = rng().normal(size=(n_seeds, n_groups)) + rng(1).normal(size=n_groups)
    gain = estimate(row_table(table, np.arange(n_groups)))
    rows, columns = table.mean(axis=1), table.mean(axis=0)
    cells = n_seeds * n_groups
    residuals = table - rows[:, None] - columns + table.mean()
    assert gain.seed_part * cells == pytest.approx(
        n_groups * np.sum((rows - rows.mean()) ** 2) / (n_seeds - 1)
    )
    assert gain.group_part * cells == pytest.approx(
        n_seeds * np.sum((columns - table.mean()) ** 2) / (n_groups - 1)
    )
    assert gain.residual_part * cells == pytest.approx(
        np.sum(residuals**2) / (n_seeds - 1) / (n_groups - 1)
    )
    expected = gain.seed_part + gain.group_part - gain.residual_part
    assert gain.standard_error**2 == pytest.approx(max(expected, gain.residual_part))


def test_a_single_seed_over_folds_is_the_corrected_t_test_of_nadeau_and_bengio() -> (
    None
):
    scores = rng().normal(0.3, 1, 5)
    folds = np.repeat(np.arange(5), 8)
    gain = estimate(row_table(scores[folds], np.arange(40), folds), test_to_train=0.25)
    statistic = scores.mean() / np.sqrt((1 / 5 + 0.25) * scores.var(ddof=1))
    assert gain.p == pytest.approx(2 * stats.t.sf(abs(statistic), 4))
    assert gain.n_runs == 5


def test_folds_that_vary_little_never_narrow_the_interval() -> None:
    groups, folds = np.arange(40), np.arange(40) % 4
    differences = crossed(rng(), 5, np.ones(40, dtype=int), (1, 1, 0))
    differences = (
        differences
        - np.stack([differences[:, folds == k].mean() for k in range(4)])[folds]
    )
    with_folds = estimate(row_table(differences, groups, folds), test_to_train=0.3)
    assert (
        with_folds.standard_error
        == estimate(row_table(differences, groups)).standard_error
    )


def test_groups_weigh_by_their_labelled_rows() -> None:
    groups = np.array([0, 0, 0, 1, 2, 2])
    differences = np.array([[1.0, 2, 3, 10, np.nan, 4], [2, 2, 2, 8, np.nan, 0]])
    table = row_table(differences, groups)
    assert table.gains == pytest.approx([20 / 5, 14 / 5])
    assert table.weights == pytest.approx([3 / 5, 1 / 5, 1 / 5])
    assert (table.n_rows, table.n_groups) == (5, 3)
    means = np.array([[2.0, 10, 4], [2, 8, 0]])
    expected = (
        table.weights * (means - table.gains[:, None]) / np.sqrt(1 - table.weights)
    )
    assert table.influence == pytest.approx(expected)


def test_splitting_a_group_into_equal_halves_of_equal_rows_keeps_the_gain() -> None:
    differences = rng().normal(size=(5, 40))
    coarse, fine = (
        estimate(row_table(differences, np.arange(40) // size)) for size in (4, 2)
    )
    assert coarse.gain == pytest.approx(fine.gain)
    assert (coarse.n_groups, fine.n_groups) == (10, 20)


def test_a_group_without_any_label_changes_nothing() -> None:
    groups = np.repeat(np.arange(12), 3)
    differences = rng().normal(size=(5, 36))
    hidden = np.where(groups == 4, np.nan, differences)
    shorter = row_table(differences[:, groups != 4], groups[groups != 4])
    assert estimate(row_table(hidden, groups)) == estimate(shorter)
    assert row_table(hidden, groups).n_groups == 11


def test_one_seed_gives_the_gain_but_no_interval() -> None:
    gain = estimate(row_table(rng().normal(size=(1, 30)), np.arange(30)))
    assert np.isfinite(gain.gain)
    assert np.isnan([gain.low, gain.high, gain.p, gain.standard_error]).all()


def test_one_group_gives_the_gain_but_no_interval() -> None:
    gain = estimate(row_table(rng().normal(size=(5, 30)), np.zeros(30, dtype=int)))
    assert np.isfinite(gain.gain)
    assert np.isnan([gain.low, gain.high, gain.p]).all()


def test_equal_arms_give_a_gain_of_exactly_zero() -> None:
    gain = estimate(row_table(np.zeros((5, 30)), np.arange(30)))
    assert (gain.gain, gain.low, gain.high, gain.p) == (0, 0, 0, 1)


def test_a_constant_difference_is_certain() -> None:
    gain = estimate(row_table(np.full((5, 32), 0.25), np.arange(32)))
    assert (gain.gain, gain.low, gain.high, gain.p) == (0.25, 0.25, 0.25, 0)


def test_no_labelled_row_is_an_error() -> None:
    with pytest.raises(
        DataError,
        match="`differences` must have at least one labelled test row; got none",
    ):
        row_table(np.full((5, 3), np.nan), np.arange(3))


def test_swapping_the_arms_flips_the_sign_and_nothing_else() -> None:
    differences = crossed(rng(3), 5, np.full(20, 3), (1, 1, 1)) + 0.4
    there = estimate(row_table(differences, np.repeat(np.arange(20), 3)))
    back = estimate(row_table(-differences, np.repeat(np.arange(20), 3)))
    assert (back.gain, back.low, back.high, back.p) == pytest.approx(
        (-there.gain, -there.high, -there.low, there.p)
    )


def test_jackknife_of_a_mean_is_the_table_of_rows() -> None:
    sizes = rng(4).integers(1, 9, 25)
    groups = np.repeat(np.arange(25), sizes)
    folds = groups % 5
    differences = crossed(rng(5), 4, sizes, (1, 1, 1))
    rows = row_table(differences, groups, folds)
    jackknife = metric_table(
        lambda mask: differences[:, mask].mean(axis=1), groups, folds
    )
    assert jackknife.gains == pytest.approx(rows.gains)
    assert jackknife.influence == pytest.approx(rows.influence, abs=1e-12)
    assert jackknife.fold_influence == pytest.approx(rows.fold_influence, abs=1e-12)


def test_jackknife_merges_many_groups() -> None:
    differences = rng().normal(size=(3, 300))
    table = metric_table(
        lambda mask: differences[:, mask].mean(axis=1), np.arange(300), max_groups=20
    )
    assert table.n_groups == 20
    assert table.gains == pytest.approx(differences.mean(axis=1))


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


def test_mean_over_tasks_is_the_gain_of_the_mean_row_where_all_rows_are_labelled() -> (
    None
):
    groups, folds = np.repeat(np.arange(20), 4), np.repeat(np.arange(20), 4) % 4
    one, other = rng(7).normal(size=(2, 5, 80))
    joint = mean_table([row_table(task, groups, folds) for task in (one, other)])
    expected = row_table((one + other) / 2, groups, folds)
    for name in ("gains", "influence", "weights", "fold_influence"):
        assert getattr(joint, name) == pytest.approx(getattr(expected, name)), name
    assert joint.n_rows == 160


def test_mean_over_tasks_lines_up_groups_that_hold_labels_of_one_task_only() -> None:
    one = row_table(rng().normal(size=(5, 12)), np.arange(12), n_groups=20)
    other = row_table(rng().normal(size=(5, 8)), np.arange(12, 20), n_groups=20)
    joint = mean_table([one, other])
    assert joint.n_groups == 20
    assert joint.gains == pytest.approx((one.gains + other.gains) / 2)


def test_confidence_widens_the_interval() -> None:
    table = row_table(rng().normal(size=(5, 30)), np.arange(30))
    narrow, wide = (estimate(table, confidence=c) for c in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.gain < narrow.high < wide.high


def test_table_counts_runs_as_seeds_times_folds() -> None:
    table = row_table(rng().normal(size=(3, 30)), np.arange(30), np.arange(30) % 5)
    assert isinstance(table, GainTable)
    assert table.n_runs == 15
    assert statistics.MAX_JACKKNIFE_GROUPS >= 30
