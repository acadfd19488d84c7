"""Verdicts: what the interval allows, never on too little, and advice that keeps its word."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from multitide.study.results._statistics import Gain, estimate, row_table
from multitide.study.results._verdicts import CANNOT_TELL, HELPS, HURTS, SAME, judge


def gain_of(
    mean: float,
    seed_sd: float = 0.01,
    group_sd: float = 0.01,
    n_seeds: int = 5,
    n_groups: int = 30,
) -> Gain:
    """A gain whose seeds and groups have exactly these standard deviations."""
    seeds, groups = (np.resize([1.0, -1.0], n) for n in (n_seeds, n_groups))
    seeds, groups = (
        (x - x.mean()) / max(x.std(ddof=1), 1e-12) if len(x) > 1 else x * 0
        for x in (seeds, groups)
    )
    table = mean + seed_sd * seeds[:, None] + group_sd * groups
    return estimate(row_table(table, np.arange(n_groups)))


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [(0.2, HELPS), (-0.2, HURTS), (0.0, SAME), (0.004, SAME), (0.012, CANNOT_TELL)],
)
def test_the_interval_decides(mean: float, verdict: str) -> None:
    sd = 0.002 if verdict == SAME else 0.02
    assert judge([gain_of(mean, seed_sd=sd)], margin=0.01)[0].verdict == verdict


def test_a_gain_that_is_sure_but_smaller_than_the_margin_is_none() -> None:
    gain = gain_of(0.005, seed_sd=0.0005, group_sd=0.001)
    assert gain.low > 0
    assert judge([gain], margin=0.01)[0].verdict == SAME
    assert judge([gain], margin=0.001)[0].verdict == HELPS


@pytest.mark.parametrize(
    ("n_seeds", "n_groups", "advice"),
    [
        (4, 30, r"needs at least 5 seeds \(has 4\)"),
        (5, 9, r"needs at least 10 test groups with labels \(has 9\)"),
        (3, 4, r"5 seeds \(has 3\) and 10 test groups with labels \(has 4\)"),
    ],
)
def test_too_little_is_always_cannot_tell(
    n_seeds: int, n_groups: int, advice: str
) -> None:
    verdict = judge([gain_of(0.5, n_seeds=n_seeds, n_groups=n_groups)])[0]
    assert verdict.verdict == CANNOT_TELL
    assert re.search(advice, verdict.advice)


def test_folds_count_as_seeds() -> None:
    differences = 0.5 + 0.01 * np.random.default_rng(0).normal(size=(1, 40))
    table = row_table(differences, np.arange(40), np.arange(40) % 5)
    assert judge([estimate(table, test_to_train=0.25)])[0].verdict == HELPS


def test_no_variance_no_verdict() -> None:
    gain = replace(gain_of(0.5), low=np.nan, high=np.nan, p=np.nan)
    verdict = judge([gain])[0]
    assert verdict.verdict == CANNOT_TELL
    assert "cannot be estimated" in verdict.advice


def test_equal_arms_are_the_same() -> None:
    assert judge([gain_of(0.0, seed_sd=0, group_sd=0)])[0].verdict == SAME


def test_many_arms_need_a_smaller_p() -> None:
    gain = gain_of(0.02, seed_sd=0.016)
    assert 0.025 < gain.p < 0.05
    assert judge([gain])[0].verdict == HELPS
    both = judge([gain, gain_of(0.0, seed_sd=0.02)])
    assert both[0].verdict == CANNOT_TELL
    assert both[0].p_adjusted == pytest.approx(2 * gain.p)


def test_gains_that_are_all_clear_do_not_hold_each_other_up() -> None:
    gain = gain_of(0.02, seed_sd=0.016)
    verdicts = judge([gain, gain, gain])
    assert [verdict.verdict for verdict in verdicts] == [HELPS] * 3
    assert verdicts[0].p_adjusted == pytest.approx(gain.p)


def test_what_cannot_be_judged_does_not_count_among_the_many() -> None:
    gain = gain_of(0.02, seed_sd=0.016)
    few_groups, identical = gain_of(0.02, n_groups=9), gain_of(0.0, 0, 0)
    verdicts = judge([gain, few_groups, identical, identical])
    assert verdicts[0].verdict == HELPS
    assert np.isnan(verdicts[1].p_adjusted)
    assert verdicts[2].verdict == SAME


@pytest.mark.parametrize(("share", "told"), [(0.95, False), (0.1, True)])
def test_one_giant_group_is_no_ten_groups(share: float, told: bool) -> None:
    sizes = np.full(12, 10)
    sizes[0] = round(110 * share / (1 - share))
    rows = 0.5 + 0.01 * np.random.default_rng(0).normal(size=(5, sizes.sum()))
    gain = estimate(row_table(rows, np.repeat(np.arange(12), sizes)))
    verdict = judge([gain])[0]
    assert gain.n_groups == 12
    assert (verdict.verdict == HELPS) == told
    assert ("3 test groups of similar size" in verdict.advice) != told


@pytest.mark.parametrize("mean", [0.02, 0.003])
def test_the_seeds_that_it_asks_for_settle_it(mean: float) -> None:
    verdict = judge([gain_of(mean, seed_sd=0.03, group_sd=0.001)])[0]
    assert verdict.verdict == CANNOT_TELL
    assert np.isfinite(verdict.more_seeds)
    enough, fewer = (
        judge([gain_of(mean, seed_sd=0.03, group_sd=0.001, n_seeds=int(n))])[0].verdict
        for n in (verdict.more_seeds + 2, verdict.more_seeds // 2)
    )
    assert enough == (HELPS if mean == 0.02 else SAME)
    assert fewer == CANNOT_TELL
    assert (
        f"about {int(verdict.more_seeds)} seeds (now 5) would probably give a verdict"
        in verdict.advice
    )


def test_where_groups_are_what_varies_it_asks_for_labels_and_not_for_seeds() -> None:
    verdict = judge([gain_of(0.02, seed_sd=0.001, group_sd=0.1)])[0]
    assert verdict.verdict == CANNOT_TELL
    assert np.isnan(verdict.more_seeds)
    assert "labelled test rows (now 30)" in verdict.advice
    assert (
        judge([gain_of(0.02, 0.001, 0.1, n_groups=int(verdict.more_labels * 1.1))])[
            0
        ].verdict
        == HELPS
    )


def test_what_nothing_would_settle_is_said() -> None:
    verdict = judge([gain_of(0.005, seed_sd=2.0, group_sd=5.0)])[0]
    assert np.isnan(verdict.more_seeds)
    assert np.isnan(verdict.more_labels)
    assert "nor 1000 times the labels would give a verdict" in verdict.advice
