"""Intervals over skewed test groups: the transformation and its inverse, symmetry, and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multitide.study.results._skewed_groups import (
    ends,
    skewness_of_mean,
    without_skew,
)
from multitide.study.results._statistics import Gain, estimate, row_table

skews = st.floats(-1, 1).filter(lambda skew: abs(skew) > 1e-3)
sizes = st.floats(0.01, 5)


@given(st.floats(-8, 8), skews, sizes, st.floats(1, 4))
def test_an_end_lies_where_one_of_the_two_ratios_has_the_quantile(
    gain: float, skew: float, spread: float, quantile: float
) -> None:
    low, high = ends(gain, spread, quantile * spread, skew)
    assert low <= gain - quantile * spread
    assert high >= gain + quantile * spread
    for end in (low, high):
        ratio = (gain - end) / spread
        largest = min(abs(ratio), abs(without_skew(ratio, skew)))
        assert largest == pytest.approx(quantile, rel=1e-6)


@given(skews, st.floats(-5, 5))
def test_other_signs_give_the_mirrored_interval(skew: float, gain: float) -> None:
    low, high = ends(gain, 1.0, 2.0, skew)
    assert ends(-gain, 1.0, 2.0, -skew) == pytest.approx((-high, -low))


def test_symmetric_groups_leave_the_t_interval_as_it_is() -> None:
    influence = np.array([-0.2, 0.1, -0.1, 0.2])
    assert skewness_of_mean(influence, 0.3) == pytest.approx(0)
    assert ends(0.5, 0.3, 0.6, 0.0) == pytest.approx((-0.1, 1.1))
    assert skewness_of_mean(influence, float("nan")) == 0
    assert np.isnan(ends(0.5, 0.3, float("nan"), 0.2)).all()


def skewed_study(seed: int) -> Gain:
    """Return the gain of five seeds on 20 groups with lognormal effects of mean zero."""
    rng = np.random.default_rng(seed)
    groups = rng.lognormal(size=20) - np.exp(0.5)
    return estimate(row_table(np.tile(groups, (5, 1)), np.arange(20)))


def test_skewed_groups_miss_zero_less_often_than_with_a_t_interval() -> None:
    gains = [skewed_study(seed) for seed in range(200)]
    missed = np.mean([gain.p < 0.05 for gain in gains])
    of_t = np.mean([abs(g.gain) > 2.09 * g.standard_error for g in gains])
    assert missed < of_t - 0.03
    for gain in gains:
        assert (gain.p < 0.05) == (gain.low > 0 or gain.high < 0)
        assert gain.low < gain.gain < gain.high
