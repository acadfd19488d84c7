"""Warnings about test groups: rare where nothing is wrong, there where a few groups stand out."""

from __future__ import annotations

import numpy as np
import pytest

from multitide.study.results._statistics import estimate, row_table
from multitide.study.results._uneven_groups import BY_SIZE, SKEWED


def doubt_of(by_group: np.ndarray, sizes: np.ndarray | None = None) -> str:
    if sizes is None:
        sizes = np.full(len(by_group), 4)
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    rows = by_group[groups] + 0.1 * rng.normal(size=(5, len(groups)))
    return estimate(row_table(rows, groups)).doubt


def test_normal_groups_raise_no_doubt() -> None:
    rng = np.random.default_rng(0)
    doubts = [doubt_of(rng.normal(size=30)) for _ in range(50)]
    assert sum(map(bool, doubts)) <= 2


def test_a_few_extreme_groups_are_told() -> None:
    by_group = np.random.default_rng(0).normal(size=40)
    by_group[3] += 12
    assert doubt_of(by_group) == SKEWED


def test_effects_that_grow_with_the_group_are_told() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 30, 40)
    assert doubt_of(sizes / 10 + rng.normal(size=40), sizes) == BY_SIZE


@pytest.mark.parametrize("by_group", [np.zeros(20), np.append(np.zeros(8), 9.0)])
def test_equal_or_few_groups_tell_nothing(by_group: np.ndarray) -> None:
    groups = np.arange(len(by_group))
    assert estimate(row_table(np.tile(by_group, (5, 1)), groups)).doubt == ""
