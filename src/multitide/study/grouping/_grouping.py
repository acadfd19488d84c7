"""Which tasks to train together: the effects of tasks on each other, and the best groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from multitide._checks import listed
from multitide.study.grouping._branch_and_bound import (
    Tasks,
    best_partition,
    group_scores,
)
from multitide.study.grouping._grouping_record import (
    AFFINITY,
    PAIRS,
    GroupingRecord,
    Method,
)
from multitide.study.results._verdicts import MARGIN

# What a further network must be worth to some task, as a share of the effect of its own step.
SHARE = 0.05
METHODS: dict[Method, str] = {
    PAIRS: "pairs of tasks, trained together and alone: the gain of each on the validation set, "
    "in units of its trivial loss",
    AFFINITY: "look-ahead affinity: the relative decrease of a task's loss on a training batch "
    "after a step for another task",
}
Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, repr=False)
class Grouping:
    """Which tasks to train together, and why; returned by :func:`multitide.group_tasks`.

    Attributes
    ----------
    groups : tuple of tuples of str
        Each group is to be trained as one network. Each task is in one group.
    affinity : DataFrame, task x task
        The effect of the row's task on the column's task; NaN if unknown. With ``"pairs"``: what
        the column's task gains on the validation set when it is trained with the row's task instead
        of alone, in units of its trivial loss. With ``"affinity"``: the mean look-ahead affinity,
        see :class:`multitide.AffinityRecorder`.
    method : {"pairs", "affinity"}
        How the effects were measured.
    predicted : Series
        The predicted gain of each task in its group over being alone: the mean effect of the
        group's other tasks on it (Standley et al. 2020; Fifty et al. 2021); 0 alone. With
        ``"affinity"``, as a share of the effect of a step for the task itself.
    together : Series
        The same if all tasks share one network.
    max_groups : int or None
        The largest number of groups that was allowed.
    n_seeds : int
        Number of networks that each effect is a mean over.
    cosines : DataFrame or None
        With ``"affinity"``: the mean cosine between the tasks' gradients at the shared parameters.
    norms : Series or None
        With ``"affinity"``: the mean norm of each task's gradient.
    """

    groups: Groups
    affinity: pd.DataFrame
    method: Method
    predicted: pd.Series
    together: pd.Series
    max_groups: int | None = None
    n_seeds: int = 1
    cosines: pd.DataFrame | None = None
    norms: pd.Series | None = None

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks."""
        names = []
        for name in self.affinity.columns:
            names.append(str(name))
        return names

    @property
    def is_together(self) -> bool:
        """Whether the advice is one network for all tasks."""
        return len(self.groups) == 1

    @property
    def is_alone(self) -> bool:
        """Whether the advice is one network per task."""
        return all(len(group) == 1 for group in self.groups)

    @property
    def advice(self) -> str:
        """The groups in a sentence."""
        if self.affinity.isna().all(axis=None):
            return "The effects of the tasks on each other are unknown. Train each task alone."
        if self.is_alone:
            return (
                "Train each task alone: no group promises a relevant gain for any task."
            )
        if self.is_together:
            return (
                "Train all tasks in one network: no division promises relevantly more."
            )
        shared = []
        for group in self.groups:
            if len(group) > 1:
                shared.append(listed(group))
        alone = []
        for group in self.groups:
            if len(group) == 1:
                alone.append(group[0])
        words = f"Train one network each for: {'; '.join(shared)}"
        if alone:
            words += f"; alone: {listed(alone)}"
        return f"{words}."

    def table(self) -> pd.DataFrame:
        """Return one row per task: ``group``, and the gain ``predicted`` there and ``together``."""
        group_of: dict[str, str] = {}
        for group in self.groups:
            group_of |= dict.fromkeys(group, " + ".join(group))
        return pd.DataFrame(
            {
                "task": self.tasks,
                "group": [group_of[task] for task in self.tasks],
                "predicted": self.predicted.to_numpy(),
                "together": self.together.to_numpy(),
            }
        )

    def __repr__(self) -> str:
        """Return the advice; ``print`` shows the effects too."""
        return f"<Grouping: {self.advice}>"

    def __str__(self) -> str:
        measured = f"Measured by {METHODS[self.method]}."
        effects = self.affinity.round(5).to_string()
        table = self.table().to_string(index=False)
        return "\n\n".join([self.advice, measured, effects, table])

    def to_config(self) -> dict[str, object]:
        """Return the grouping as plain values."""
        record = GroupingRecord(
            tasks=self.tasks,
            method=self.method,
            max_groups=self.max_groups,
            n_seeds=self.n_seeds,
            groups=list(map(list, self.groups)),
            affinity=self.affinity.to_numpy().tolist(),
            predicted=self.predicted.to_list(),
            together=self.together.to_list(),
            cosines=None if self.cosines is None else self.cosines.to_numpy().tolist(),
            norms=None if self.norms is None else self.norms.to_list(),
        )
        return record.model_dump()

    @classmethod
    def from_config(cls, content: Mapping[str, object] | GroupingRecord) -> Grouping:
        """Return the grouping that :meth:`to_config` wrote.

        Raises
        ------
        ValueError
            If the content is not that of a grouping.
        """
        record = GroupingRecord.model_validate(content)
        names = record.tasks
        return cls(
            groups=tuple(map(tuple, record.groups)),
            affinity=_square(np.array(record.affinity, dtype=float), names),
            method=record.method,
            predicted=pd.Series(record.predicted, index=names, dtype=float),
            together=pd.Series(record.together, index=names, dtype=float),
            max_groups=record.max_groups,
            n_seeds=record.n_seeds,
            cosines=_optional_square(record.cosines, names),
            norms=_optional_series(record.norms, names),
        )


def make_grouping(
    affinity: np.ndarray,
    names: Sequence[str],
    method: Method,
    *,
    max_groups: int | None = None,
    n_seeds: int = 1,
    cosines: np.ndarray | None = None,
    norms: np.ndarray | None = None,
) -> Grouping:
    """Choose the best groups, or as few groups as come close to them for every task.

    A further network must be worth something to some task, else noise alone would split tasks:
    :data:`MARGIN` with ``"pairs"``, :data:`SHARE` with ``"affinity"``. Fifty et al. have no such
    rule. They also sum the affinities of different tasks as they are, so that the tasks whose loss
    falls fastest decide; here the affinities of each task are divided by the effect of its own
    step.

    Parameters
    ----------
    affinity : ndarray, shape (n_tasks, n_tasks)
        The effect of task i on task j at [i, j]; NaN if unknown.
    names : sequence of str
    method : {"pairs", "affinity"}
    max_groups : int, optional
    n_seeds, cosines, norms
        As in `Grouping`.
    """
    if method == PAIRS:
        scores, worth = group_scores(affinity), MARGIN
    else:
        scores, worth = group_scores(_relative_to_own_step(affinity)), SHARE
    groups = _fewest_groups(scores, worth, max_groups)
    named = []
    for group in groups:
        named.append(tuple(names[task] for task in group))
    return Grouping(
        groups=tuple(named),
        affinity=_square(affinity, names),
        method=method,
        predicted=_finite(_gains_in(groups, scores), names),
        together=_finite(scores[-1], names),
        max_groups=max_groups,
        n_seeds=n_seeds,
        cosines=_optional_square(cosines, names),
        norms=_optional_series(norms, names),
    )


def _fewest_groups(
    scores: np.ndarray, worth: float, max_groups: int | None
) -> list[Tasks]:
    """Return the fewest groups in which no task gains less than in the best ones by `worth`."""
    best = best_partition(scores, max_groups)
    least = _gains_in(best, scores) - worth
    for n_groups in range(1, len(best)):
        fewer = best_partition(scores, n_groups)
        if (_gains_in(fewer, scores) >= least).all():
            return fewer
    return best


def _gains_in(groups: Sequence[Tasks], scores: np.ndarray) -> np.ndarray:
    """Return the predicted gain of each task, (n_tasks,)."""
    gains = np.zeros(scores.shape[1])
    for group in groups:
        members = list(group)
        gains[members] = scores[sum(1 << task for task in group), members]
    return gains


def _relative_to_own_step(affinity: np.ndarray) -> np.ndarray:
    """Divide by the effect of a step for the task itself; unknown if such a step has no effect."""
    own = np.diag(affinity)
    relative: np.ndarray = affinity / np.where(own > 0, own, np.nan)
    return relative


def _finite(values: np.ndarray, names: Sequence[str]) -> pd.Series:
    return pd.Series(np.where(np.isfinite(values), values, np.nan), index=list(names))


def _square(values: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(values, index=list(names), columns=list(names))


def _optional_square(
    values: np.ndarray | Sequence[Sequence[float]] | None, names: Sequence[str]
) -> pd.DataFrame | None:
    if values is None:
        return None
    return _square(np.array(values, dtype=float), names)


def _optional_series(
    values: np.ndarray | Sequence[float] | None, names: Sequence[str]
) -> pd.Series | None:
    if values is None:
        return None
    return pd.Series(values, index=list(names), dtype=float)
