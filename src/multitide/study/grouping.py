"""Which tasks to train with which: what they do to each other, and the groups that promise most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from multitide.study.partition import best_partition, group_scores
from multitide.study.verdicts import MARGIN

PAIRS, AFFINITY = "pairs", "affinity"
SHARE = 0.05  # of the promised affinity, that a further network must be worth
METHODS = {
    PAIRS: "pairs of tasks, trained together and alone: what each gains on the validation part, in units of its "
    "trivial loss",
    AFFINITY: "look-ahead affinity: the share of its loss that a task loses on a training batch by a step for another",
}


@dataclass(frozen=True)
class Grouping:
    """Which tasks to train together, and why; made by :func:`multitide.group_tasks`.

    Attributes
    ----------
    groups : tuple of tuples of str
        Each group is to be one network.
    affinity : DataFrame, task x task
        What the task of the row does to the task of the column. By ``"pairs"``: what the column's task gains on the
        validation part by being trained with the row's instead of alone, in units of its trivial loss. By
        ``"affinity"``: the mean look-ahead affinity, see :class:`multitide.AffinityRecorder`. NaN: unknown.
    method : {"pairs", "affinity"}
        How it was measured.
    predicted : Series
        What each task is to gain in its group over being alone, in the same units: the mean over the group's other
        tasks of what they do to it (Standley et al. 2020; Fifty et al. 2021); 0 alone.
    together : Series
        The same if all tasks share one network.
    max_groups : int or None
        The most networks that were allowed.
    n_seeds : int
        Networks that each number is a mean over.
    cosines : DataFrame or None
        By ``"affinity"``: the mean cosine between the tasks' gradients at the shared parameters.
    norms : Series or None
        By ``"affinity"``: the mean norm of each task's gradient.
    """

    groups: tuple[tuple[str, ...], ...]
    affinity: pd.DataFrame
    method: str
    predicted: pd.Series
    together: pd.Series
    max_groups: int | None = None
    n_seeds: int = 1
    cosines: pd.DataFrame | None = None
    norms: pd.Series | None = None

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks."""
        return [str(name) for name in self.affinity.columns]

    @property
    def is_together(self) -> bool:
        """Whether one network for all tasks is what is advised."""
        return len(self.groups) == 1

    @property
    def is_alone(self) -> bool:
        """Whether a network for every task is what is advised."""
        return all(len(group) == 1 for group in self.groups)

    @property
    def advice(self) -> str:
        """The groups in a sentence."""
        if self.affinity.isna().all(axis=None):
            return "Nothing could be measured of what the tasks do to each other; each is left alone."
        if self.is_alone:
            return "Every task is best left alone: no group promises any of them a gain that matters."
        if self.is_together:
            return "All tasks are best put into one network: no division promises more that matters."
        shared = "; ".join(_listed(group) for group in self.groups if len(group) > 1)
        lonely = [group[0] for group in self.groups if len(group) == 1]
        alone = f"; alone: {_listed(lonely)}" if lonely else ""
        return f"One network each for: {shared}{alone}."

    def table(self) -> pd.DataFrame:
        """Return one row a task: ``group``, and what it is ``predicted`` to gain there and all ``together``."""
        group_of = {task: group for group in self.groups for task in group}
        columns = {"group": [" + ".join(group_of[task]) for task in self.tasks]}
        numbers = {"predicted": self.predicted.to_numpy(), "together": self.together.to_numpy()}
        return pd.DataFrame({"task": self.tasks, **columns, **numbers})

    def __str__(self) -> str:
        parts = [self.advice, f"Measured by {METHODS[self.method]}.", self.affinity.round(5).to_string()]
        return "\n\n".join([*parts, self.table().to_string(index=False)])

    def to_config(self) -> dict[str, Any]:
        """Return it as plain values."""
        tables = {name: getattr(self, name) for name in ("affinity", "cosines")}
        rows = {name: getattr(self, name) for name in ("predicted", "together", "norms")}
        plain = {name: getattr(self, name) for name in ("method", "max_groups", "n_seeds")}
        plain |= {"tasks": self.tasks, "groups": [list(group) for group in self.groups]}
        return plain | {name: None if t is None else t.to_numpy().tolist() for name, t in (tables | rows).items()}

    @classmethod
    def from_config(cls, content: Mapping[str, Any]) -> Grouping:
        """Return what :meth:`to_config` wrote down."""
        names = content["tasks"]
        plain = {name: content[name] for name in ("method", "max_groups", "n_seeds")}
        for name in ("affinity", "cosines"):
            plain[name] = None if content[name] is None else _square(np.array(content[name], dtype=float), names)
        for name in ("predicted", "together", "norms"):
            plain[name] = None if content[name] is None else pd.Series(content[name], index=names, dtype=float)
        return cls(groups=tuple(tuple(group) for group in content["groups"]), **plain)


def make_grouping(
    affinity: np.ndarray,
    names: Sequence[str],
    method: str,
    *,
    max_groups: int | None = None,
    n_seeds: int = 1,
    cosines: np.ndarray | None = None,
    norms: np.ndarray | None = None,
) -> Grouping:
    """Choose the groups that promise most, with as few networks as come close to it.

    A further network has to be worth something: by ``"pairs"`` :data:`MARGIN` a task, by ``"affinity"`` :data:`SHARE`
    of what is promised; otherwise noise alone would split tasks up. Fifty et al. have no such rule.

    Parameters
    ----------
    affinity : ndarray, shape (n_tasks, n_tasks)
        What task i does to task j at [i, j]; NaN: unknown.
    names : sequence of str
    method : {"pairs", "affinity"}
    max_groups : int, optional
    n_seeds, cosines, norms
        As in `Grouping`.
    """
    scores = group_scores(affinity)
    masks = _fewest(scores, MARGIN * len(names) if method == PAIRS else SHARE, max_groups, relative=method != PAIRS)
    predicted = np.zeros(len(names))
    for group in masks:
        predicted[list(group)] = scores[_mask(group), list(group)]
    together = np.where(np.isfinite(scores[-1]), scores[-1], np.nan)
    return Grouping(
        groups=tuple(tuple(names[task] for task in group) for group in masks),
        affinity=_square(affinity, names),
        method=method,
        predicted=pd.Series(np.where(np.isfinite(predicted), predicted, np.nan), index=list(names)),
        together=pd.Series(together, index=list(names)),
        max_groups=max_groups,
        n_seeds=n_seeds,
        cosines=None if cosines is None else _square(cosines, names),
        norms=None if norms is None else pd.Series(norms, index=list(names)),
    )


def _fewest(scores: np.ndarray, tolerance: float, max_groups: int | None, *, relative: bool) -> list[tuple[int, ...]]:
    """Return the best partition into as few groups as lose no more than the tolerance to the best of all."""
    best = best_partition(scores, max_groups)
    highest = _promised(scores, best)
    least = highest - tolerance * (abs(highest) if relative else 1.0)
    low, high = 1, len(best)
    while low < high:  # with more groups allowed, the best promises no less
        middle = (low + high) // 2
        found = best_partition(scores, middle)
        if _promised(scores, found) >= least:
            best, high = found, len(found)
        else:
            low = middle + 1
    return best


def _promised(scores: np.ndarray, groups: Sequence[Sequence[int]]) -> float:
    return float(sum(scores[_mask(group)].sum() for group in groups))


def _mask(group: Sequence[int]) -> int:
    return sum(1 << task for task in group)


def _square(values: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(values, index=list(names), columns=list(names))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
