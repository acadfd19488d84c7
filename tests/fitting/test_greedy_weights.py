"""Greedy selection of an ensemble's weights."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multitide.fitting import _greedy_weights
from multitide.fitting._greedy_weights import greedy_weights

N = 200
TRUTH = np.random.default_rng(0).normal(size=N)


def squared(values: np.ndarray) -> np.ndarray:
    return (values - TRUTH) ** 2


def noisy(seed: int, scale: float) -> np.ndarray:
    return TRUTH + scale * np.random.default_rng(seed).normal(size=N)


def test_a_perfect_member_gets_all_the_weight() -> None:
    weights = greedy_weights(
        [noisy(1, 1.0), TRUTH, noisy(2, 1.0)], squared, np.arange(N), 0
    )
    assert weights.tolist() == [0, 1, 0]


def test_members_with_independent_errors_share_the_weight() -> None:
    weights = greedy_weights([noisy(1, 1.0), noisy(2, 1.0)], squared, np.arange(N), 0)
    assert weights == pytest.approx([0.5, 0.5], abs=0.15)


def test_the_weights_are_nearly_those_of_least_squares() -> None:
    members = [noisy(1, 0.5), noisy(2, 1.0), noisy(3, 2.0)]
    weights = greedy_weights(members, squared, np.arange(N), 0)
    inverse = 1 / np.array([0.25, 1.0, 4.0])  # the best weights for independent errors
    assert weights == pytest.approx(inverse / inverse.sum(), abs=0.12)


def test_one_selection_finds_the_best_of_all_small_combinations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_greedy_weights, "N_ROUNDS", 3)
    members = [noisy(1, 0.8), noisy(2, 1.0), noisy(3, 1.5)]
    found = _greedy_weights._selected(members, squared, np.ones(N))
    losses = {}
    for size in (1, 2, 3):
        for chosen in combinations_with_replacement(range(3), size):
            mean = np.mean([members[place] for place in chosen], axis=0)
            losses[chosen] = squared(mean).mean()
    mean = sum(weight * member for weight, member in zip(found, members, strict=True))
    assert squared(mean).mean() <= sorted(losses.values())[1]


def test_rows_without_a_label_do_not_count() -> None:
    is_missing = np.arange(N) % 2 == 0

    def losses(values: np.ndarray) -> np.ndarray:
        return np.where(is_missing, np.nan, squared(values))

    wrong_where_missing = np.where(is_missing, 1e6, TRUTH)
    weights = greedy_weights(
        [noisy(1, 1.0), wrong_where_missing], losses, np.arange(N), 0
    )
    assert weights.tolist() == [0, 1]


@settings(deadline=None)
@given(
    n_members=st.integers(1, 4),
    n_groups=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_weights_are_shares(n_members: int, n_groups: int, seed: int) -> None:
    members = [noisy(place, 1.0) for place in range(n_members)]
    groups = np.arange(N) % n_groups
    weights = greedy_weights(members, squared, groups, seed)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    assert weights.tolist() == greedy_weights(members, squared, groups, seed).tolist()
