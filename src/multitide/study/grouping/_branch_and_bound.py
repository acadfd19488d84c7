"""The best division of tasks into networks, found exactly by branch and bound.

The search follows Standley et al., "Which tasks should be learned together in multi-task
learning?", ICML 2020, but every task is in one network only.
"""

from __future__ import annotations

import numpy as np

from multitide.errors import ParameterError
from multitide.study.design._arms import MOST_TASKS

Tasks = tuple[int, ...]

TIE = 1e-12


def group_scores(pairs: np.ndarray) -> np.ndarray:
    """Predict what each task gains in each group: the mean effect of the group's other tasks on it.

    Parameters
    ----------
    pairs : ndarray, shape (n_tasks, n_tasks)
        The effect of task i on task j at [i, j]. NaN means unknown; such tasks are never put
        together. The diagonal is not read.

    Returns
    -------
    ndarray, shape (2 ** n_tasks, n_tasks)
        A group is the number whose bits are its tasks. For each group the gain of each of its
        tasks: 0 alone, -inf with a task of unknown effect. 0 for tasks outside the group.

    Raises
    ------
    ParameterError
        If there are more than `MOST_TASKS` tasks.
    """
    n = len(pairs)
    if n > MOST_TASKS:
        raise ParameterError(
            f"`tasks` must be at most {MOST_TASKS} to be grouped; "
            f"got {n}. "
            "Give the groups of the arm as lists of task names."
        )
    effects = np.where(np.isnan(pairs), -np.inf, pairs)
    members = _members(n)
    n_others = members.sum(axis=1) - 1
    scores = np.zeros((1 << n, n))
    for task in range(n):
        sums = np.zeros(1 << n)
        for other in range(n):
            if other != task:
                # A matrix product would make NaN of 0 * -inf.
                sums += np.where(members[:, other], effects[other, task], 0.0)
        in_company = members[:, task] & (n_others > 0)
        scores[:, task] = np.where(in_company, sums / np.maximum(n_others, 1), 0.0)
    return scores


def best_partition(scores: np.ndarray, max_groups: int | None = None) -> list[Tasks]:
    """Divide the tasks into groups so that the sum of the tasks' gains is greatest.

    Parameters
    ----------
    scores : ndarray, shape (2 ** n_tasks, n_tasks)
        The gain of each task in each group, see :func:`group_scores`. Any numbers are allowed.
    max_groups : int, optional
        Default: as many as there are tasks.

    Returns
    -------
    list of tuple of int
        Groups of task numbers, sorted by their first task. Among equally good divisions, the one
        with larger groups first.
    """
    return _Search(scores, max_groups or scores.shape[1]).run()


class _Search:
    """Branch and bound over regrets.

    The regret of a group is what its tasks gain less than in the best group for each of them.
    Regrets are never negative and add up, so a partial division is given up when its regret reaches
    that of the best complete one. It is also given up when an earlier one covers the same tasks
    with no more regret and no more groups.
    """

    def __init__(self, scores: np.ndarray, max_groups: int) -> None:
        n = scores.shape[1]
        self._n_tasks = n
        self._max_groups = max_groups
        self._everything = (1 << n) - 1
        regrets = _regrets(scores)
        order = np.lexsort((-_members(n).sum(axis=1), regrets))
        order = order[order > 0]
        lowest = np.log2(order & -order).astype(int)
        # By the first task of the group, least regret first, because the search always places the
        # first task that has no group yet.
        self._by_first = [order[lowest == task].tolist() for task in range(n)]
        self._regrets: list[float] = regrets.tolist()
        self._best_regret = np.inf
        self._best_groups: list[int] = []
        self._seen: dict[tuple[int, int], float] = {}

    def run(self) -> list[Tasks]:
        """Return the groups with the least regret, or all tasks together if none is finite."""
        self._place(0, 0.0, [])
        partition = []
        for group in self._best_groups or [self._everything]:
            partition.append(_tasks(group))
        return partition

    def _place(self, placed: int, regret: float, groups: list[int]) -> None:
        if placed == self._everything:
            self._best_regret, self._best_groups = regret, groups
            return
        if self._is_dominated(placed, regret, len(groups)):
            return
        left = self._everything & ~placed
        # The last network takes all remaining tasks.
        if len(groups) == self._max_groups - 1:
            self._try(left, placed, regret, groups)
            return
        first = (left & -left).bit_length() - 1
        for group in self._by_first[first]:
            if regret + self._regrets[group] >= self._best_regret - TIE:
                return
            if not group & placed:
                self._try(group, placed, regret, groups)

    def _try(self, group: int, placed: int, regret: float, groups: list[int]) -> None:
        total = regret + self._regrets[group]
        if total < self._best_regret - TIE:
            self._place(placed | group, total, [*groups, group])

    def _is_dominated(self, placed: int, regret: float, n_groups: int) -> bool:
        """Return whether these tasks were placed as well before; if not, remember this way."""
        if self._max_groups >= self._n_tasks:
            n_groups = 0  # any number of groups is allowed, so it does not distinguish two ways
        for n in range(n_groups + 1):
            if self._seen.get((placed, n), np.inf) <= regret:
                return True
        self._seen[placed, n_groups] = regret
        return False


def _tasks(group: int) -> Tasks:
    return tuple(task for task in range(group.bit_length()) if group >> task & 1)


def _regrets(scores: np.ndarray) -> np.ndarray:
    """Return the regret of each group, (2 ** n_tasks,)."""
    members = _members(scores.shape[1])
    highest = np.where(members, scores, -np.inf).max(axis=0)
    with np.errstate(invalid="ignore"):
        regrets: np.ndarray = np.where(members, highest - scores, 0.0).sum(axis=1)
    return regrets


def _members(n: int) -> np.ndarray:
    """Return which tasks are in which group, bool (2 ** n, n)."""
    return (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(bool)
