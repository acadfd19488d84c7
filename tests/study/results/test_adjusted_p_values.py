"""P values adjusted for their number: by hand, in order, and never lowered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from multitide.study.results._adjusted_p_values import benjamini_hochberg, holm


def test_holm_is_the_step_down_rule_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


def test_benjamini_hochberg_is_that_of_scipy() -> None:
    p = np.random.default_rng(0).random(20) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_order_stays_nothing_is_lowered_and_nan_does_not_count(
    adjust: Callable[[np.ndarray], np.ndarray],
) -> None:
    p = np.append(np.random.default_rng(0).random(20), np.nan)
    adjusted = adjust(p)
    assert np.isnan(adjusted[-1])
    assert (adjusted[:-1] >= p[:-1]).all()
    assert (np.diff(adjusted[:-1][np.argsort(p[:-1])]) >= 0).all()
    assert adjust(np.array([np.nan, 0.02]))[1] == pytest.approx(0.02)
