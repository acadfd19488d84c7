"""The best few networks for some tasks, found exactly by branch and bound (Standley et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from multitide.errors import ParameterError
from multitide.study.design._arms import MOST_TASKS

Tasks = tuple[int, ...]

TIE = 1e-12


def group_scores(pairs: np.ndarray) -> np.ndarray:
    """Predict what each task gains in each group: the mean of what the others of the group do to it, each by itself.

    Parameters
    ----------
    pairs : ndarray, shape (n_tasks, n_tasks)
        What task i does to task j at [i, j]; NaN: unknown, so that the two are never put together.
        The diagonal is not read.

    Returns
    -------
    ndarray, shape (2 ** n_tasks, n_tasks)
        For each group, as the number whose bits are its tasks, the gain of each of its tasks: 0
        alone, -inf where two must not meet; and 0 for tasks that are not in it.

    Raises
    ------
    ParameterError
        If there are more than `MOST_TASKS` tasks.
    """
    n = len(pairs)
    if n > MOST_TASKS:
        raise ParameterError(
            f"`tasks` must be at most {MOST_TASKS} to be grouped; got {n}. Give the others groups."
        )
    effects = np.where(np.isnan(pairs), -np.inf, pairs)
    members = _members(n)
    sizes = members.sum(axis=1)
    scores = np.zeros((1 << n, n))
    for task in range(n):
        others = members.copy()
        others[:, task] = False
        # A matrix product would make NaN of 0 * -inf.
        sums = sum(np.where(others[:, i], effects[i, task], 0.0) for i in range(n) if i != task)
        scores[:, task] = np.where(
            members[:, task] & (sizes > 1), sums / np.maximum(sizes - 1, 1), 0.0
        )
    return scores


def best_networks(scores: np.ndarray, max_groups: int | None = None) -> list[tuple[Tasks, Tasks]]:
    """Choose at most `max_groups` groups so that the sum of what all tasks gain, each in one of them, is greatest.

    A group is trained as one network, which answers one or more of its tasks; the others only help,
    and are answered by another network, or by none of these if that is worse for them. So it is in
    Standley et al.; where they bound the computation, this bounds the number of networks.

    Parameters
    ----------
    scores : ndarray, shape (2 ** n_tasks, n_tasks)
        What each task gains in each group; see :func:`group_scores`. Any numbers will do.
    max_groups : int, optional
        None: as many as there are tasks.

    Returns
    -------
    list of (trained, answered)
        Tuples of task numbers, `answered` among `trained`; each task is answered once. By the first
        task answered.
    """
    trained = _best_company(scores)
    members = _members(scores.shape[1])
    networks: dict[int, int] = {}
    for tasks in best_partition(np.where(members, scores[trained], 0.0), max_groups):
        mask = _mask(tasks)
        networks[int(trained[mask])] = networks.get(int(trained[mask]), 0) | mask
    return [(_tasks(group), _tasks(answered)) for group, answered in networks.items()]


def best_partition(scores: np.ndarray, max_groups: int | None = None) -> list[Tasks]:
    """Divide tasks into at most `max_groups` groups, each task in one, so that the sum of their gains is greatest.

    Parameters
    ----------
    scores, max_groups
        As in :func:`best_networks`.

    Returns
    -------
    list of tuple of int
        Groups of task numbers, by their first task. Of equally good ones, those with larger groups
        first.
    """
    return _Search(scores, scores.shape[1] if max_groups is None else max_groups).run()


class _Search:
    """Branch and bound over regrets: how far each task of a group stays behind the best that any group offers it.

    Regrets are never negative and add up, so a partial partition with as much regret as the best
    whole one is given up. So is one that covers the same tasks as an earlier one, with no less
    regret and no fewer groups.
    """

    def __init__(self, scores: np.ndarray, max_groups: int) -> None:
        n = scores.shape[1]
        self._max_groups, self._everything = max_groups, (1 << n) - 1
        self._regrets = _regrets(scores)
        order = np.lexsort((-_members(n).sum(axis=1), self._regrets))
        order = order[order > 0]
        lowest = np.log2(order & -order).astype(int)
        # Groups by their first task, least regret first: the first task without a group is always
        # the one to place.
        self._by_first = [order[lowest == task].tolist() for task in range(n)]
        self._regret_list = self._regrets.tolist()
        self._best: tuple[float, list[int]] = (np.inf, [])
        self._seen: dict[tuple[int, int], float] = {}

    def run(self) -> list[Tasks]:
        """Return the groups with the least regret; all tasks together where nothing else is possible."""
        self._place(0, 0.0, [])
        masks = self._best[1] or [self._everything]
        return [_tasks(mask) for mask in masks]

    def _place(self, placed: int, regret: float, groups: list[int]) -> None:
        if placed == self._everything:
            self._best = regret, groups
            return
        if self._is_dominated(placed, regret, len(groups)):
            return
        left = self._everything & ~placed
        if len(groups) == self._max_groups - 1:  # the last network takes all that is left
            self._try(left, placed, regret, groups)
            return
        first = (left & -left).bit_length() - 1
        for mask in self._by_first[first]:
            if regret + self._regret_list[mask] >= self._best[0] - TIE:
                return
            if not mask & placed:
                self._try(mask, placed, regret, groups)

    def _try(self, mask: int, placed: int, regret: float, groups: list[int]) -> None:
        total = regret + self._regret_list[mask]
        if total < self._best[0] - TIE:
            self._place(placed | mask, total, [*groups, mask])

    def _is_dominated(self, placed: int, regret: float, n_groups: int) -> bool:
        """Say whether these tasks were placed as well before, in as few groups; if not, remember it."""
        fewer = range(n_groups + 1) if self._max_groups < len(self._by_first) else (0,)
        if any(self._seen.get((placed, n), np.inf) <= regret for n in fewer):
            return True
        self._seen[placed, n_groups if len(fewer) > 1 or n_groups == 0 else 0] = regret
        return False


def _best_company(scores: np.ndarray) -> np.ndarray:
    """Return for every set of tasks the group that it is best answered by, itself or a larger one, (2 ** n_tasks,)."""
    n = scores.shape[1]
    best = np.zeros(1 << n, dtype=np.int64)
    for answered in range(1, 1 << n):
        larger = np.array([answered])
        for task in range(n):
            if not answered >> task & 1:
                larger = np.concatenate([larger, larger | 1 << task])
        totals = scores[larger][:, _tasks(answered)].sum(axis=1)
        best[answered] = larger[
            np.flatnonzero(totals >= totals.max() - TIE)[0]
        ]  # the first one has least helpers
    return best


def _mask(tasks: Iterable[int]) -> int:
    return sum(1 << task for task in tasks)


def _tasks(mask: int) -> Tasks:
    return tuple(task for task in range(mask.bit_length()) if mask >> task & 1)


def _regrets(scores: np.ndarray) -> np.ndarray:
    """Return what each group's tasks stay behind the best groups for them, (2 ** n_tasks,)."""
    members = _members(scores.shape[1])
    highest = np.where(members, scores, -np.inf).max(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(members, highest - scores, 0.0).sum(axis=1)


def _members(n: int) -> np.ndarray:
    """Return which tasks are in which group, bool (2 ** n, n)."""
    return (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(bool)
