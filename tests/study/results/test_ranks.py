"""Ranks and their tests: the example of Demšar 2006, and cautious sentences."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from multitide.study.results._ranks import (
    critical_difference,
    p_in_words,
    pair_tests,
    rank_test,
)

# Demšar 2006, table 6: areas under the curve of four variants of C4.5 on 14 data sets.
C45 = [
    0.763,
    0.599,
    0.954,
    0.628,
    0.882,
    0.936,
    0.661,
    0.583,
    0.775,
    1.000,
    0.940,
    0.619,
    0.972,
    0.957,
]
M = [
    0.768,
    0.591,
    0.971,
    0.661,
    0.888,
    0.931,
    0.668,
    0.583,
    0.838,
    1.000,
    0.962,
    0.666,
    0.981,
    0.978,
]
CF = [
    0.771,
    0.590,
    0.968,
    0.654,
    0.886,
    0.916,
    0.609,
    0.563,
    0.866,
    1.000,
    0.965,
    0.614,
    0.9751,
    0.946,
]
BOTH = [
    0.798,
    0.569,
    0.967,
    0.657,
    0.898,
    0.931,
    0.685,
    0.625,
    0.875,
    1.000,
    0.962,
    0.669,
    0.975,
    0.970,
]
LOSSES = 1 - pd.DataFrame({"C4.5": C45, "C4.5+m": M, "C4.5+cf": CF, "C4.5+m+cf": BOTH})


def test_the_example_of_the_paper() -> None:
    ranks = LOSSES.rank(axis=1).mean()
    np.testing.assert_allclose(ranks, [3.143, 2.000, 2.893, 1.964], atol=1e-3)
    found = rank_test(LOSSES)
    assert found.is_conclusive
    # 9.28 in the paper, which does not correct for its ties: one of all four arms, three of two.
    uncorrected = 12 * 14 / (4 * 5) * ((ranks**2).sum() - 4 * 25 / 4)
    assert math.isclose(uncorrected, 9.28, abs_tol=0.01)
    assert math.isclose(
        found.chi2, uncorrected / (1 - (60 + 3 * 6) / (14 * 60)), rel_tol=1e-9
    )
    assert math.isclose(found.f, 13 * found.chi2 / (14 * 3 - found.chi2), rel_tol=1e-9)
    assert found.p < 0.05


@pytest.mark.parametrize(
    ("n_arms", "q"), [(2, 1.960), (4, 2.569), (5, 2.728), (10, 3.164)]
)
def test_the_critical_difference_is_that_of_the_papers_table(
    n_arms: int, q: float
) -> None:
    wanted = q * math.sqrt(n_arms * (n_arms + 1) / (6 * 14))
    assert math.isclose(critical_difference(14, n_arms), wanted, rel_tol=1e-3)
    assert critical_difference(14, n_arms, 0.90) < wanted


def test_pairs_are_adjusted_for_their_number() -> None:
    pairs = pair_tests(LOSSES)
    assert len(pairs) == 6
    assert (pairs["p_holm"] >= pairs["p"]).all()
    row = pairs.set_index(["arm", "other"]).loc[("C4.5", "C4.5+m+cf")]
    assert row["difference"] < 0 and row["losses"] > row["wins"]


def test_few_data_sets_are_not_tested() -> None:
    assert not rank_test(LOSSES.head(4)).is_conclusive
    assert math.isnan(rank_test(LOSSES.head(4)).critical_difference)
    assert pair_tests(LOSSES.head(4))["p"].isna().all()
    assert not rank_test(
        LOSSES.iloc[:, :2]
    ).is_conclusive  # two arms: the signed ranks do it


def test_arms_that_are_all_the_same() -> None:
    same = pd.DataFrame(np.ones((6, 3)), columns=list("abc")) + np.arange(6)[:, None]
    assert pair_tests(same)["p"].isna().all()
    assert not rank_test(same).is_conclusive


def test_one_order_everywhere() -> None:
    losses = pd.DataFrame(np.arange(3) + np.zeros((8, 1)), columns=list("abc"))
    found = rank_test(losses)
    assert found.p == 0.0 and found.f == math.inf


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_promised() -> None:
    rng = np.random.default_rng(0)
    tables = [pd.DataFrame(rng.normal(size=(10, 4))) for _ in range(1000)]
    assert 0.03 < np.mean([rank_test(table).p < 0.05 for table in tables]) < 0.07
    assert (
        np.mean([(pair_tests(table)["p_holm"] < 0.05).any() for table in tables[:300]])
        < 0.07
    )


@pytest.mark.parametrize(
    ("p", "words"), [(0.0, "p < 0.0001"), (0.03125, "p = 0.0312"), (1.0, "p = 1")]
)
def test_a_p_value_is_never_written_as_zero(p: float, words: str) -> None:
    assert p_in_words(p) == words
