"""The best partition equals that of an exhaustive search, and is found quickly for many tasks."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from multitide.errors import ParameterError
from multitide.study.grouping._branch_and_bound import best_partition, group_scores
from refusals import refused


def partitions(tasks: list[int]) -> Iterator[list[tuple[int, ...]]]:
    """All ways to divide tasks into groups."""
    if not tasks:
        yield []
        return
    first, rest = tasks[0], tasks[1:]
    for partition in partitions(rest):
        yield [(first,), *partition]
        for i, group in enumerate(partition):
            yield [*partition[:i], (first, *group), *partition[i + 1 :]]


def total(scores: np.ndarray, groups: list[tuple[int, ...]]) -> float:
    return float(
        sum(
            scores[sum(1 << t for t in group), task]
            for group in groups
            for task in group
        )
    )


@pytest.mark.parametrize("max_groups", [None, 1, 2, 3])
@pytest.mark.parametrize("n", range(1, 8))
def test_it_is_the_best_of_all(n: int, max_groups: int | None) -> None:
    rng = np.random.default_rng(n)
    for _ in range(12 if n < 7 else 4):
        for scores in (
            rng.normal(size=(1 << n, n)),
            group_scores(rng.normal(size=(n, n))),
        ):
            found = best_partition(scores, max_groups)
            assert sorted(task for group in found for task in group) == list(range(n))
            assert len(found) <= (max_groups or n)
            assert [group[0] for group in found] == sorted(group[0] for group in found)
            best = max(
                total(scores, p)
                for p in partitions(list(range(n)))
                if len(p) <= (max_groups or n)
            )
            assert total(scores, found) == pytest.approx(best, abs=1e-9)


def test_all_partitions_are_tried() -> None:
    counts = [len(list(partitions(list(range(n))))) for n in range(8)]
    assert counts == [1, 1, 2, 5, 15, 52, 203, 877]


def test_a_group_is_scored_by_the_mean_of_what_the_others_do() -> None:
    pairs = np.array([[9.0, 1.0, -2.0], [2.0, 9.0, np.nan], [4.0, 8.0, 9.0]])
    scores = group_scores(pairs)
    np.testing.assert_array_equal(scores[[0b001, 0b010, 0b100]], 0)
    np.testing.assert_allclose(scores[0b011], [2, 1, 0])
    np.testing.assert_allclose(scores[0b101], [4, 0, -2])
    np.testing.assert_allclose(scores[0b111], [(2 + 4) / 2, (1 + 8) / 2, -np.inf])


def test_tasks_that_harm_each_other_stay_apart_and_a_bound_forces_them_together() -> (
    None
):
    harm = np.full((4, 4), -1.0)
    harm[:2, :2] = 0.5
    assert best_partition(group_scores(harm)) == [(0, 1), (2,), (3,)]
    assert len(best_partition(group_scores(harm), 2)) == 2
    assert best_partition(group_scores(harm), 1) == [(0, 1, 2, 3)]


def test_what_is_unknown_is_never_put_together_unless_it_must_be() -> None:
    pairs = np.ones((3, 3))
    pairs[2, 0] = np.nan
    assert best_partition(group_scores(pairs)) in ([(0, 1), (2,)], [(0,), (1, 2)])
    assert best_partition(group_scores(np.full((3, 3), np.nan))) == [(0,), (1,), (2,)]
    assert best_partition(group_scores(np.full((3, 3), np.nan)), 1) == [(0, 1, 2)]


@pytest.mark.parametrize("max_groups", [None, 4])
@pytest.mark.parametrize("kind", ["random", "helpful", "blocks"])
def test_twelve_tasks_take_a_moment(kind: str, max_groups: int | None) -> None:
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(12, 12)) + (kind == "helpful")
    if kind == "blocks":
        pairs = np.where(np.arange(12)[:, None] // 4 == np.arange(12) // 4, 1.0, -1.0)
    scores = group_scores(pairs)
    started = time.process_time()
    found = best_partition(scores, max_groups)
    assert time.process_time() - started < 5
    if kind == "blocks":
        assert found == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11)]


def test_too_many_tasks_are_refused() -> None:
    with refused("`tasks`", 16, 17, error=ParameterError):
        group_scores(np.zeros((17, 17)))
