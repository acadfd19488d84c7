"""The distribution of a gain of zero: textbook limits, simulation, and speed of its tails."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from multitide.study.results._crossed_parts import ENLARGED, CrossedParts


@pytest.mark.parametrize("ratio", [1.0, 3.0, 6.0])
@pytest.mark.parametrize("group_dof", [1.5, 9.0, 99.0, 5000.0])
def test_where_only_seeds_or_only_groups_vary_it_is_the_t_test(
    ratio: float, group_dof: float
) -> None:
    seeds = CrossedParts(1.0, 0.0, 0.0, 4, group_dof)
    groups = CrossedParts(0.0, 1.0, 0.0, 4, group_dof)
    assert seeds.p_value(ratio) == pytest.approx(2 * stats.t.sf(ratio, 4), rel=0.01)
    expected = 2 * stats.t.sf(ratio, min(group_dof, 200))
    assert groups.p_value(ratio) == pytest.approx(expected, rel=0.01)


def test_it_is_the_bootstrap_whose_draws_never_end() -> None:
    seed, group, residual, gain = 1.0, 1.5, 0.5, 3.2
    parts = CrossedParts(seed, group, residual, 4, 19)
    a = (1 + ENLARGED / 4) * seed - residual
    b = (1 + ENLARGED / 19) * group - residual
    rng, n = np.random.default_rng(0), 200_000
    drawn = rng.normal(0, np.sqrt(a + b + residual), n)
    squared = (a + residual) * rng.chisquare(4, n) / 4
    squared += (b + residual) * rng.chisquare(19, n) / 19
    share = np.mean(np.abs(drawn) / np.sqrt(squared) > gain / np.sqrt(seed + group))
    assert parts.p_value(gain) == pytest.approx(share, rel=0.03)


def test_the_interval_ends_where_the_p_value_is_the_level() -> None:
    parts = CrossedParts(1.0, 1.5, 0.5, 4, 19)
    for level in (0.2, 0.05, 0.001):
        assert parts.p_value(parts.half_width(level)) == pytest.approx(level, rel=1e-3)


def test_the_variance_never_falls_below_the_residual_part() -> None:
    assert CrossedParts(1.0, 2.0, 5.0, 4, 9).variance == 5.0
    assert CrossedParts(3.0, 2.0, 1.0, 4, 9).variance == 4.0
    assert CrossedParts(1.0, 2.0, 5.0, 4, 9).spread == pytest.approx(np.sqrt(5.0))


def test_a_single_seed_or_group_tells_nothing() -> None:
    for parts in (
        CrossedParts(np.nan, 1.0, 0.0, 0, 9),
        CrossedParts(1.0, np.nan, 0.5, 4, 1),
    ):
        assert np.isnan(
            [parts.p_value(1.0), parts.half_width(0.05), parts.variance]
        ).all()
