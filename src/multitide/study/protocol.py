"""What all arms of a study have in common: samples, tasks, splits, seeds and the groups of test rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from multitide.checks import check_positive_int, one_of, suggest
from multitide.errors import DataError, ParameterError
from multitide.fitting.sides import fitting_rule
from multitide.samples import Samples
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
    draws : list of DataFrame, optional
        For each seed the labels that its networks see, where seeds see different ones; those of the first are `y`,
        which gives all losses their unit.
    """

    tasks: list[Task]
    y: pd.DataFrame
    splits: list[Split]
    n_seeds: int
    test: pd.DataFrame
    fingerprints: list[str]
    draws: Sequence[pd.DataFrame] | None = None

    @property
    def test_to_train(self) -> float:
        """Rows tested / rows learned from, mean over the folds."""
        return float(np.mean([len(s.test) / len(learned_rows(s)) for s in self.splits]))

    @property
    def task_names(self) -> list[str]:
        """Names of the tasks."""
        return [task.name for task in self.tasks]

    def seen(self, seed: int) -> pd.DataFrame:
        """Return the labels that a seed's networks see."""
        return self.y if self.draws is None else self.draws[seed]

    def fingerprint(self, seed: int, fold: int) -> str:
        """Return a short hash of the samples, their split, and the labels that a seed sees if it sees its own."""
        known = self.fingerprints[fold]
        if not seed or self.draws is None:
            return known
        rows = pd.util.hash_pandas_object(self.draws[seed].astype("str"), index=False).to_numpy()
        return hashlib.sha256(known.encode() + rows.tobytes()).hexdigest()[:16]

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
    samples: Samples,
    tasks: Sequence[Task],
    split: Cut,
    cv: int | Splitter | None,
    n_seeds: int,
    groups: str | Sequence[Any] | None = None,
    draws: Sequence[pd.DataFrame] | None = None,
) -> Protocol:
    """Cut the samples and number the test rows' groups; see :func:`multitide.compare`.

    Raises
    ------
    ParameterError
        If `split`, `cv`, `n_seeds`, `groups` or `draws` are not what they have to be.
    DataError
        If the split leaves a task without labels on a side.
    """
    check_positive_int("n_seeds", n_seeds)
    if draws is not None and (cv is not None or len(draws) < n_seeds):
        raise ParameterError(f"`draws` must be labels for each of {n_seeds} seeds, without `cv`; got {len(draws)}.")
    y = samples.y[[column for task in tasks for column in task.columns]]
    samples = samples.replace(y=y)
    rule = make_rule(samples, split, cv)
    splits = [rule] if isinstance(rule, Split) else [rule.split(samples)] if cv is None else rule.folds(samples)
    _check_labels(y, splits)
    if groups is None and isinstance(rule, Splitter) and rule.by == "group":
        groups = rule.column  # what is kept whole by the split is what varies from one test to the next
    test = _test_rows(samples if groups is None else samples.replace(series=_groups(samples, groups)), splits)
    data = samples.fingerprint()
    fingerprints = [_fingerprint(data, split) for split in splits]
    own = None if draws is None else [draw[list(y)] for draw in draws]
    return Protocol(list(tasks), y, splits, n_seeds, test, fingerprints, own)


def make_rule(samples: Samples, split: Cut, cv: int | Splitter | None) -> Splitter | Split:
    """Return the rule of a study's splits, the one that fits the samples where none is given, or the split itself."""
    if not isinstance(split, Splitter | Split | None):
        raise ParameterError(f"`split` must be a Splitter, a Split or None; got {split!r}.")
    if isinstance(split, Split):
        if cv is not None:
            raise ParameterError("`split` must be a Splitter or left out beside `cv`; got a Split, which has no folds.")
        return split
    rule = split or Splitter(by=fitting_rule(samples, seed=0).by)
    if cv is None or isinstance(cv, Splitter):
        return cv or rule
    if isinstance(cv, bool) or not isinstance(cv, int) or cv < 2:
        raise ParameterError(f"`cv` must be a number of folds of at least 2, or a Splitter; got {cv!r}.")
    return replace(rule, n_folds=cv)


def _groups(samples: Samples, groups: str | Sequence[Any]) -> np.ndarray:
    """Return the group of every sample that the user or the split names."""
    if isinstance(groups, str):
        names = [] if samples.extra is None else list(samples.extra)
        if groups not in names:
            known = f"{one_of(names)}; they are kept by read_table(..., extra=[...])" if names else "and there is none"
            raise ParameterError(
                f"`groups` must be an extra column of the samples, {known}; got {groups!r}.{suggest(groups, names)}"
            )
        groups = samples.extra[groups].to_numpy()  # type: ignore[index]
    if len(groups) != len(samples):
        raise ParameterError(f"`groups` must have an entry for every sample, {len(samples)}; got {len(groups)}.")
    return np.asarray(groups)


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
