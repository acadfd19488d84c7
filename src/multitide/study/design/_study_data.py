"""One data set of a study: how it is cut, its labels, and the groups of its test rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from multitide._checks import one_of, suggest
from multitide.data._samples import Samples
from multitide.data._splits import Split, Splitter
from multitide.errors import DataError, ParameterError
from multitide.fitting._validation_split import fitting_rule
from multitide.study.design._test_groups import independent_groups
from multitide.tasks import Task

Cut = Splitter | Split | None


@dataclass(frozen=True)
class StudyData:
    """One data set of a study.

    Attributes
    ----------
    name : str
        As the user calls it; "" if it is the only one.
    task_names : list of str
        The tasks that are asked of it.
    y : DataFrame, one row a sample
        Their labels.
    splits : list of Split
        One, or one a fold.
    test : DataFrame, one row a test row
        ``row`` (number of the sample), ``fold``, ``group``, ``series`` and, where samples have it,
        ``time``; folds follow each other.
    fingerprints : list of str
        For each fold a short hash of the samples and their split.
    draws : list of DataFrame, optional
        For each seed the labels that its networks see, where seeds see different ones; those of the
        first are `y`, which gives all losses their unit.
    rule : Splitter or None
        What cut it; None where the user did, or a study was read.
    """

    name: str
    task_names: list[str]
    y: pd.DataFrame
    splits: list[Split]
    test: pd.DataFrame
    fingerprints: list[str]
    draws: Sequence[pd.DataFrame] | None = None
    rule: Splitter | None = None

    @property
    def test_to_train(self) -> float:
        """Rows tested / rows learned from, mean over the folds."""
        return float(np.mean([len(s.test) / len(learned_rows(s)) for s in self.splits]))

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

    @property
    def n_groups(self) -> int:
        """Number of groups of test rows."""
        return int(self.test["group"].max()) + 1


def cut_data(
    name: str,
    samples: Samples,
    tasks: Sequence[Task],
    split: Cut,
    cv: int | Splitter | None,
    groups: str | Sequence[Any] | None,
    draws: Sequence[pd.DataFrame] | None = None,
) -> StudyData:
    """Cut the samples of one data set, and number its test rows' groups; see :func:`multitide.compare`.

    Raises
    ------
    ParameterError
        If `split`, `cv` or `groups` are not what they have to be.
    DataError
        If the split leaves a task without labels on a side.
    """
    y = samples.y[[column for task in tasks for column in task.columns]]
    samples = samples.replace(y=y)
    rule = make_rule(samples, split, cv)
    splits = (
        [rule]
        if isinstance(rule, Split)
        else [rule.split(samples)]
        if cv is None
        else rule.folds(samples)
    )
    _check_labels(y, splits)
    if groups is None and isinstance(rule, Splitter) and rule.by == "group":
        groups = (
            rule.column
        )  # what is kept whole by the split is what varies from one test to the next
    test = _test_rows(
        samples if groups is None else samples.replace(series=_groups(samples, groups)), splits
    )
    data = samples.fingerprint()
    fingerprints = [_fingerprint(data, split) for split in splits]
    own = None if draws is None else [draw[list(y)] for draw in draws]
    names = [task.name for task in tasks]
    return StudyData(
        name,
        names,
        y,
        splits,
        test,
        fingerprints,
        own,
        rule if isinstance(rule, Splitter) else None,
    )


def make_rule(samples: Samples, split: Cut, cv: int | Splitter | None) -> Splitter | Split:
    """Return the rule of a study's splits, the one that fits the samples where none is given, or the split itself."""
    if not isinstance(split, Splitter | Split | None):
        raise ParameterError(f"`split` must be a Splitter, a Split or None; got {split!r}.")
    if isinstance(split, Split):
        if cv is not None:
            raise ParameterError(
                "`split` must be a Splitter or left out beside `cv`; got a Split, which has no folds."
            )
        return split
    rule = split or Splitter(by=fitting_rule(samples, seed=0).by)
    if cv is None or isinstance(cv, Splitter):
        return cv or rule
    if isinstance(cv, bool) or not isinstance(cv, int) or cv < 2:
        raise ParameterError(
            f"`cv` must be a number of folds of at least 2, or a Splitter; got {cv!r}."
        )
    return replace(rule, n_folds=cv)


def _groups(samples: Samples, groups: str | Sequence[Any]) -> np.ndarray:
    """Return the group of every sample that the user or the split names."""
    if isinstance(groups, str):
        names = [] if samples.extra is None else list(samples.extra)
        if groups not in names:
            known = (
                f"{one_of(names)}; they are kept by read_table(..., extra=[...])"
                if names
                else "and there is none"
            )
            raise ParameterError(
                f"`groups` must be an extra column of the samples, {known}; got {groups!r}.{suggest(groups, names)}"
            )
        groups = samples.extra[groups].to_numpy()  # type: ignore[index]
    if len(groups) != len(samples):
        raise ParameterError(
            f"`groups` must have an entry for every sample, {len(samples)}; got {len(groups)}."
        )
    return np.asarray(groups)


def learned_rows(split: Split) -> np.ndarray:
    """Return the samples that teach or choose the epoch."""
    return np.concatenate([split.train, split.validation])


def _test_rows(samples: Samples, splits: Sequence[Split]) -> pd.DataFrame:
    rows = np.concatenate([split.test for split in splits])
    new = not any(
        np.isin(samples.series[s.test], samples.series[learned_rows(s)]).any() for s in splits
    )
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
