"""What all arms of a study have in common: samples, tasks, splits, seeds and the groups of test rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from multitide.checks import check_positive_int
from multitide.errors import DataError, ParameterError
from multitide.samples import Samples
from multitide.sides import fitting_rule
from multitide.splits import Split, Splitter
from multitide.study.groups import independent_groups
from multitide.tasks import Target, Task

Cut = Splitter | Split | None


@dataclass(frozen=True)
class Protocol:
    """What is asked, of which samples, and how it is measured; the same for every arm.

    Attributes
    ----------
    tasks : list of Task
        With declared kinds.
    y : DataFrame, one row a sample
        The tasks' labels.
    splits : list of Split
        One, or one a fold.
    n_seeds : int
        Number of networks that every arm trains on every split.
    test : DataFrame, one row a test row
        ``row`` (number of the sample), ``fold``, ``group``, ``series`` and, where samples have it, ``time``; folds
        follow each other.
    fingerprints : list of str
        For each fold a short hash of the samples and their split.
    """

    tasks: list[Task]
    y: pd.DataFrame
    splits: list[Split]
    n_seeds: int
    test: pd.DataFrame
    fingerprints: list[str]

    @property
    def test_to_train(self) -> float:
        """Rows tested / rows learned from, mean over the folds."""
        return float(np.mean([len(s.test) / len(learned_rows(s)) for s in self.splits]))

    @property
    def task_names(self) -> list[str]:
        """Names of the tasks."""
        return [task.name for task in self.tasks]

    def task(self, name: str) -> Task:
        """Return a task by its name."""
        return next(task for task in self.tasks if task.name == name)

    def target(self, task: Task, fold: int) -> Target:
        """Return the task as one fold's training rows show it: every arm's losses are in units of its trivial loss."""
        return task.fit_target(self.y.iloc[self.splits[fold].train][task.columns].reset_index(drop=True))

    def labels(self, task: Task, fold: int) -> pd.DataFrame:
        """Return a task's labels on one fold's test rows."""
        return self.y.iloc[self.splits[fold].test][task.columns].reset_index(drop=True)


def make_protocol(
    samples: Samples, tasks: Sequence[Task], split: Cut, cv: int | Splitter | None, n_seeds: int
) -> Protocol:
    """Cut the samples and number the test rows' groups.

    Raises
    ------
    ParameterError
        If `split`, `cv` or `n_seeds` are not what they have to be.
    DataError
        If the split leaves a task without labels on a side.
    """
    check_positive_int("n_seeds", n_seeds)
    y = samples.y[[column for task in tasks for column in task.columns]]
    samples = samples.replace(y=y)
    splits = make_splits(samples, split, cv)
    _check_labels(y, splits)
    data = samples.fingerprint()
    fingerprints = [_fingerprint(data, split) for split in splits]
    return Protocol(list(tasks), y, splits, n_seeds, _test_rows(samples, splits), fingerprints)


def make_splits(samples: Samples, split: Cut, cv: int | Splitter | None) -> list[Split]:
    """Return one split, or one a fold; without a rule, the one that fits the samples."""
    if cv is not None and isinstance(split, Split):
        raise ParameterError("`split` must be a Splitter or left out beside `cv`; got a Split, which has no folds.")
    if isinstance(split, Split):
        return [split]
    if not isinstance(split, Splitter | None):
        raise ParameterError(f"`split` must be a Splitter, a Split or None; got {split!r}.")
    rule = split or Splitter(by=fitting_rule(samples, seed=0).by)
    if cv is None:
        return [rule.split(samples)]
    if isinstance(cv, Splitter):
        return cv.folds(samples)
    if isinstance(cv, bool) or not isinstance(cv, int) or cv < 2:
        raise ParameterError(f"`cv` must be a number of folds of at least 2, or a Splitter; got {cv!r}.")
    return replace(rule, n_folds=cv).folds(samples)


def learned_rows(split: Split) -> np.ndarray:
    """Return the samples that teach or choose the epoch."""
    return np.concatenate([split.train, split.validation])


def _test_rows(samples: Samples, splits: Sequence[Split]) -> pd.DataFrame:
    rows = np.concatenate([split.test for split in splits])
    new = not any(np.isin(samples.series[s.test], samples.series[learned_rows(s)]).any() for s in splits)
    table = pd.DataFrame(
        {
            "row": rows,
            "fold": np.repeat(np.arange(len(splits)), [len(split.test) for split in splits]),
            "group": independent_groups(samples, rows, new_series=new),
            "series": samples.series[rows],
        }
    )
    return table if samples.time is None else table.assign(time=samples.time[rows])


def _check_labels(y: pd.DataFrame, splits: Sequence[Split]) -> None:
    """Raise if a task cannot be learned or tested; a Splitter has seen to it, a user's own Split has not."""
    problems = [
        f"`split` must leave labels of every task on every side; got none of {task!r} in {side}."
        for split in splits
        for side, counts in split.counts(y)[["train", "test"]].items()
        for task, count in counts.items()
        if count == 0
    ]
    if problems:
        raise DataError("\n".join(dict.fromkeys(problems)))


def _fingerprint(data: str, split: Split) -> str:
    digest = hashlib.sha256(data.encode())
    for side in (split.train, split.validation, split.test):
        digest.update(b"|" + np.asarray(side, dtype=np.int64).tobytes())
    return digest.hexdigest()[:16]
