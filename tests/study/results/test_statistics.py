"""Intervals: agreement with textbook tests, and degenerate cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from multitide.errors import DataError
from multitide.study.results._crossed_parts import CrossedParts
from multitide.study.results._skewed_groups import (
    ends,
    skewness_of_mean,
    without_skew,
)
from multitide.study.results._statistics import (
    GainTable,
    among_other_groups,
    estimate,
    group_interval,
    mean_table,
    metric_table,
    row_table,
    t_half_width,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def varied(n_seeds: int, groups: np.ndarray) -> np.ndarray:
    """Draw differences (n_seeds, n_rows) in which seeds, groups and rows vary."""
    generator = rng(3)
    seeds = generator.normal(size=(n_seeds, 1))
    of_groups = generator.normal(size=groups.max() + 1)[groups]
    return seeds + of_groups + generator.normal(size=(n_seeds, len(groups)))


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
    differences = varied(5, groups)
    of_folds = np.stack([differences[:, folds == k].mean() for k in range(4)])
    differences = differences - of_folds[folds]
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
    groups = np.repeat(np.arange(20), 3)
    differences = varied(5, groups) + 0.4
    there = estimate(row_table(differences, groups))
    back = estimate(row_table(-differences, groups))
    assert (back.gain, back.low, back.high, back.p) == pytest.approx(
        (-there.gain, -there.high, -there.low, there.p)
    )


def test_jackknife_of_a_mean_is_the_table_of_rows() -> None:
    sizes = rng(4).integers(1, 9, 25)
    groups = np.repeat(np.arange(25), sizes)
    folds = groups % 5
    differences = varied(4, groups)
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
    single = row_table(rng().normal(size=(3, 30)), np.arange(30))
    assert single.n_runs == 3
    assert single.fold_influence.shape == (0,)
    of_metric = metric_table(lambda mask: np.zeros(3), np.arange(30) % 4)
    assert of_metric.fold_influence.shape == (0,)


def test_two_seeds_and_two_groups_are_enough_for_an_interval() -> None:
    differences = varied(2, np.arange(6) % 2)
    gain = estimate(row_table(differences, np.arange(6) % 2))
    assert gain.low < gain.gain < gain.high
    assert 0 < gain.p < 1
    assert gain.parts == CrossedParts(
        gain.seed_part, gain.group_part, gain.residual_part, 1.0, 1.0
    )


def test_the_parts_of_a_gain_are_those_that_it_was_tested_with() -> None:
    half = rng().normal(size=(5, 15))
    gain = estimate(row_table(np.hstack([half, -half]) + 0.3, np.arange(30)))
    assert gain.parts.group_dof == pytest.approx(29)
    assert gain.parts.seed_dof == 4
    assert gain.p == pytest.approx(gain.parts.p_value(gain.gain))
    assert gain.fold_part == 0
    one_seed = estimate(row_table(half[:1], np.arange(15)))
    assert one_seed.residual_part == 0
    uneven = np.repeat([0, 1], [29, 1])
    assert estimate(row_table(half[:1].repeat(2, axis=1), uneven)).parts.group_dof == 1


@pytest.mark.parametrize("sign", [1, -1])
def test_skewed_groups_take_the_larger_p_value_and_both_intervals(sign: int) -> None:
    groups = 3 + sign * rng().lognormal(size=12)
    differences = np.tile(groups, (4, 1)) + rng(1).normal(size=(4, 1))
    table = row_table(differences, np.arange(12))
    gain = estimate(table)
    influence, spread = table.influence.mean(axis=0), gain.parts.spread
    skewness = skewness_of_mean(influence, spread)
    assert skewness * sign > 0.01
    ratio = without_skew(gain.gain / spread, skewness)
    p, of_ratio = (gain.parts.p_value(value) for value in (gain.gain, ratio * spread))
    assert (of_ratio > p) == (sign < 0)
    assert gain.p == pytest.approx(max(p, of_ratio))
    half = gain.parts.half_width(0.05)
    expected = ends(gain.gain, spread, half, skewness)
    assert (gain.low, gain.high) == pytest.approx(expected)
    spread = float(np.sqrt(gain.group_part))
    half = t_half_width(gain.group_part, 11, 0.05)
    expected = ends(gain.gain, spread, half, skewness_of_mean(influence, spread))
    assert group_interval(table) == pytest.approx(expected)


def test_the_interval_over_folds_is_that_of_a_t_test() -> None:
    scores = rng().normal(0.3, 1, 5)
    folds = np.repeat(np.arange(5), 8)
    table = row_table(scores[folds], np.arange(40), folds)
    naive = stats.ttest_1samp(scores, 0).confidence_interval(0.9)
    gain = estimate(table, confidence=0.9)
    assert (gain.low, gain.high) == pytest.approx(tuple(naive))
    assert gain.fold_part == pytest.approx(scores.var(ddof=1) / 5)


@pytest.mark.parametrize(("value", "p"), [(0.25, 0.0), (0.0, 1.0)])
def test_folds_that_agree_are_certain(value: float, p: float) -> None:
    folds = np.arange(40) // 8
    gain = estimate(row_table(np.full((1, 40), value), np.arange(40), folds))
    assert (gain.low, gain.high, gain.p) == (value, value, p)


def test_one_fold_is_no_fold() -> None:
    differences, groups = varied(4, np.arange(12)), np.arange(12)
    one = estimate(row_table(differences, groups, np.zeros(12, dtype=int)))
    none = estimate(row_table(differences, groups))
    assert (one.low, one.high, one.fold_part) == (none.low, none.high, 0)


def test_groups_of_others_have_no_rows() -> None:
    table = row_table(varied(4, np.arange(12)), np.arange(12))
    wider = among_other_groups(table, 3, 2)
    assert wider.influence.shape == (4, 17)
    np.testing.assert_array_equal(wider.influence[:, 3:15], table.influence)
    assert wider.weights.tolist() == [0, 0, 0, *table.weights, 0, 0]
    found, expected = estimate(wider), estimate(table)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.n_groups == expected.n_groups == 12


@pytest.mark.parametrize("n_groups", [1, 2])
def test_jackknife_of_one_group_knows_nothing_and_of_two_is_that_of_rows(
    n_groups: int,
) -> None:
    groups = np.arange(12) % n_groups
    differences = varied(3, groups)
    weights = rng().integers(1, 4, 12).astype(float)
    found = metric_table(
        lambda mask: np.average(differences[:, mask], axis=1, weights=weights[mask]),
        groups,
        weights=weights,
    )
    expected = row_table(differences, groups, weights=weights)
    np.testing.assert_allclose(found.influence, expected.influence, atol=1e-12)
    np.testing.assert_allclose(found.weights, expected.weights)
