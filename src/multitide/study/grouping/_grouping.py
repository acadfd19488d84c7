"""Which tasks to train with which: what they do to each other, and the groups that promise most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from multitide._checks import listed
from multitide.study.grouping._partition import Tasks, best_networks, group_scores
from multitide.study.results._verdicts import MARGIN

PAIRS, AFFINITY = "pairs", "affinity"
SHARE = (
    0.05  # of what a step of its own does for a task, that a further network must be worth to it
)
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
        Each group is to be one network. A task may be in several of them, where it helps others.
    answers : tuple of tuples of str
        For each group the tasks that its network answers; each task is answered once.
    affinity : DataFrame, task x task
        What the task of the row does to the task of the column. By ``"pairs"``: what the column's
        task gains on the validation part by being trained with the row's instead of alone, in units
        of its trivial loss. By ``"affinity"``: the mean look-ahead affinity, see
        :class:`multitide.AffinityRecorder`. NaN: unknown.
    method : {"pairs", "affinity"}
        How it was measured.
    predicted : Series
        What each task is to gain in its group over being alone: the mean over the group's other
        tasks of what they do to it (Standley et al. 2020; Fifty et al. 2021); 0 alone. By
        ``"affinity"`` in shares of what a step for the task itself does.
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
    answers: tuple[tuple[str, ...], ...]
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
            return (
                "Nothing could be measured of what the tasks do to each other; each is left alone."
            )
        if self.is_alone:
            return (
                "Every task is best left alone: no group promises any of them a gain that matters."
            )
        if self.is_together:
            return (
                "All tasks are best put into one network: no division promises more that matters."
            )
        pairs = list(zip(self.groups, self.answers, strict=True))
        said = [_network(group, answered) for group, answered in pairs if len(group) > 1]
        lonely = [group[0] for group in self.groups if len(group) == 1]
        alone = f"; alone: {listed(lonely)}" if lonely else ""
        return f"One network each for: {'; '.join(said)}{alone}."

    def table(self) -> pd.DataFrame:
        """Return one row a task: ``group``, and what it is ``predicted`` to gain there and all ``together``."""
        group_of = {
            t: group
            for group, answered in zip(self.groups, self.answers, strict=True)
            for t in answered
        }
        columns = {"group": [" + ".join(group_of[task]) for task in self.tasks]}
        numbers = {"predicted": self.predicted.to_numpy(), "together": self.together.to_numpy()}
        return pd.DataFrame({"task": self.tasks, **columns, **numbers})

    def __str__(self) -> str:
        parts = [
            self.advice,
            f"Measured by {METHODS[self.method]}.",
            self.affinity.round(5).to_string(),
        ]
        return "\n\n".join([*parts, self.table().to_string(index=False)])

    def to_config(self) -> dict[str, Any]:
        """Return it as plain values."""
        tables = {name: getattr(self, name) for name in ("affinity", "cosines")}
        rows = {name: getattr(self, name) for name in ("predicted", "together", "norms")}
        plain = {name: getattr(self, name) for name in ("method", "max_groups", "n_seeds")}
        plain |= {"tasks": self.tasks}
        plain |= {
            name: [list(tasks) for tasks in getattr(self, name)] for name in ("groups", "answers")
        }
        return plain | {
            name: None if t is None else t.to_numpy().tolist()
            for name, t in (tables | rows).items()
        }

    @classmethod
    def from_config(cls, content: Mapping[str, Any]) -> Grouping:
        """Return what :meth:`to_config` wrote down."""
        names = content["tasks"]
        plain = {name: content[name] for name in ("method", "max_groups", "n_seeds")}
        for name in ("affinity", "cosines"):
            plain[name] = (
                None
                if content[name] is None
                else _square(np.array(content[name], dtype=float), names)
            )
        for name in ("predicted", "together", "norms"):
            plain[name] = (
                None
                if content[name] is None
                else pd.Series(content[name], index=names, dtype=float)
            )
        groups, answers = (
            tuple(tuple(tasks) for tasks in content[name]) for name in ("groups", "answers")
        )
        return cls(groups=groups, answers=answers, **plain)


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
    """Choose the networks that promise most, or as few networks as come close to it for every task.

    A further network, or helper, has to be worth something to some task: by ``"pairs"``
    :data:`MARGIN`, by ``"affinity"`` :data:`SHARE`; otherwise noise alone would split tasks up.
    Fifty et al. have no such rule, and add affinities of different tasks up as they are, so that
    those whose loss falls fastest decide; here each task's are divided by what a step of its own
    does.

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
    effects = affinity if method == PAIRS else _of_own_step(affinity)
    scores = group_scores(effects)
    networks = _fewest(scores, MARGIN if method == PAIRS else SHARE, max_groups)
    return Grouping(
        groups=tuple(tuple(names[task] for task in group) for group, _ in networks),
        answers=tuple(tuple(names[task] for task in answered) for _, answered in networks),
        affinity=_square(affinity, names),
        method=method,
        predicted=_known(_promised(scores, networks), names),
        together=_known(scores[-1], names),
        max_groups=max_groups,
        n_seeds=n_seeds,
        cosines=None if cosines is None else _square(cosines, names),
        norms=None if norms is None else pd.Series(norms, index=list(names)),
    )


def _fewest(scores: np.ndarray, worth: float, max_groups: int | None) -> list[tuple[Tasks, Tasks]]:
    """Return the best networks of all, or the best fewer ones by which no task loses more than `worth`."""
    best = best_networks(scores, max_groups)
    most = _promised(scores, best)
    candidates = (best_networks(scores, n) for n in range(1, len(best)))
    chosen = next(
        (few for few in candidates if (_promised(scores, few) >= most - worth).all()), best
    )
    return [
        (_least_company(scores, group, answered, worth), answered) for group, answered in chosen
    ]


def _least_company(scores: np.ndarray, group: Tasks, answered: Tasks, worth: float) -> Tasks:
    """Return the smallest part of a group in which no task that it answers loses more than `worth`."""
    promised = _promised(scores, [(group, answered)])
    helpers = [task for task in group if task not in answered]
    for n in range(len(helpers)):
        smaller = [tuple(sorted((*answered, *some))) for some in combinations(helpers, n)]
        best = max(smaller, key=lambda tasks: _promised(scores, [(tasks, answered)]).sum())
        if (_promised(scores, [(best, answered)]) >= promised - worth).all():
            return best
    return group


def _promised(scores: np.ndarray, networks: Sequence[tuple[Tasks, Tasks]]) -> np.ndarray:
    """Return what each task gains, (n_tasks,)."""
    promised = np.zeros(scores.shape[1])
    for group, answered in networks:
        promised[list(answered)] = scores[sum(1 << task for task in group), list(answered)]
    return promised


def _of_own_step(affinity: np.ndarray) -> np.ndarray:
    """Return affinities in shares of what a step for the task itself does to it; unknown where that does nothing."""
    own = np.diag(affinity)
    return affinity / np.where(own > 0, own, np.nan)


def _known(values: np.ndarray, names: Sequence[str]) -> pd.Series:
    return pd.Series(np.where(np.isfinite(values), values, np.nan), index=list(names))


def _square(values: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(values, index=list(names), columns=list(names))


def _network(group: Sequence[str], answered: Sequence[str]) -> str:
    helpers = [task for task in group if task not in answered]
    return listed(answered) + (f" (helped by {listed(helpers)})" if helpers else "")
