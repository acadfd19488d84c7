"""One data set of a study: its labels, its splits and the groups of its test rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pandas as pd

from multitide._checks import check_type, one_of, suggest
from multitide.data._samples import Samples
from multitide.data._split import Split, held_out_rows
from multitide.data._splitter import Splitter
from multitide.errors import DataError, ParameterError
from multitide.fitting._validation_split import default_splitter
from multitide.study.design._test_groups import independent_groups
from multitide.tasks import Task, label_names, task_names
from multitide.tasks._declared_kinds import with_declared_kinds

# What the arguments `split`, `cv` and `groups` of `multitide.compare` are for one data set.
SplitRule: TypeAlias = "Splitter | Split | None"
Folds: TypeAlias = "int | Splitter | None"
TestGroups: TypeAlias = "str | Sequence[object] | np.ndarray | None"


@dataclass(frozen=True)
class StudyData:
    """One data set of a study.

    Attributes
    ----------
    name : str
        As the user calls it; "" if the user gave no name.
    task_names : list of str
        The tasks that it has labels of.
    y : DataFrame, one row per sample
        Their labels.
    splits : list of Split
        One, or one per fold.
    test : DataFrame, one row per test row
        ``row`` (number of the sample), ``fold``, ``group``, ``series`` and, if samples have it,
        ``time``; ordered by fold.
    fingerprints : list of str
        For each fold a short hash of the samples and their split.
    draws : list of DataFrame, optional
        For each seed the labels that its networks see, if they differ between seeds. The first are
        `y`, which defines the unit of all losses.
    rule : Splitter or None
        The rule that made the splits; None if the user gave a split, or the study was loaded.
    weights : DataFrame or None, one row per sample
        How much each sample counts, with a column per task that has weights.
    """

    name: str
    task_names: list[str]
    y: pd.DataFrame
    splits: list[Split]
    test: pd.DataFrame
    fingerprints: list[str]
    draws: Sequence[pd.DataFrame] | None = None
    rule: Splitter | None = None
    weights: pd.DataFrame | None = None

    def weights_of(self, task: str, rows: np.ndarray) -> np.ndarray | None:
        """Return how much some samples count for a task; None if all count alike."""
        if self.weights is None or task not in self.weights:
            return None
        weights: np.ndarray = self.weights[task].to_numpy()[rows]
        return weights

    @property
    def test_to_train(self) -> float:
        """Number of test rows / number of development rows, mean over folds."""
        ratios = []
        for split in self.splits:
            ratios.append(len(split.test) / len(development_rows(split)))
        return float(np.mean(ratios))

    @property
    def n_groups(self) -> int:
        """Number of groups of test rows."""
        return int(self.test["group"].max()) + 1

    def labels_for(self, seed: int) -> pd.DataFrame:
        """Return the labels that the networks of a seed see."""
        if self.draws is None:
            return self.y
        return self.draws[seed]

    def draw_of(self, seed: int) -> int:
        """Return the number of the draw of labels that a seed sees; 0 if all see the same."""
        if self.draws is None:
            return 0
        return seed

    def n_training_rows(self, columns: Sequence[str], seed: int, fold: int) -> int:
        """Return the number of training rows of a fold with a label in any of these columns."""
        place = (tuple(columns), self.draw_of(seed), fold)
        if place not in self._n_training_rows:
            labels = self.labels_for(seed).iloc[self.splits[fold].train]
            is_known = labels[list(columns)].notna().any(axis=1)
            self._n_training_rows[place] = int(is_known.sum())
        return self._n_training_rows[place]

    @cached_property
    def _n_training_rows(self) -> dict[tuple[tuple[str, ...], int, int], int]:
        return {}

    def fingerprint(self, seed: int, fold: int) -> str:
        """Return a short hash of the samples, their split, and the labels of the seed."""
        known = self.fingerprints[fold]
        if seed == 0 or self.draws is None:
            return known
        labels = self.draws[seed].astype("str")
        rows = pd.util.hash_pandas_object(labels, index=False).to_numpy()
        return hashlib.sha256(known.encode() + rows.tobytes()).hexdigest()[:16]


def split_data(
    name: str,
    samples: Samples,
    tasks: Sequence[Task],
    split: SplitRule,
    cv: Folds,
    groups: TestGroups,
    draws: Sequence[pd.DataFrame] | None = None,
) -> StudyData:
    """Split the samples of one data set and group its test rows; see :func:`multitide.compare`.

    Raises
    ------
    ParameterError
        If `split`, `cv` or `groups` are invalid.
    DataError
        If a task has no labels in a training or test set.
    """
    columns = label_names(tasks)
    samples = samples.replace(y=samples.y[columns])
    rule = make_rule(samples, split, cv)
    splits = _make_splits(with_declared_kinds(samples, tasks), rule, cv)
    _check_labels(samples.y, splits)
    as_given = groups is not None
    if groups is None:
        groups = group_column(rule)
    grouped = samples
    if groups is not None:
        grouped = samples.replace(series=_group_of_each_sample(samples, groups))
    own_draws = None
    if draws is not None:
        own_draws = []
        for draw in draws:
            own_draws.append(draw[columns])
    fingerprint = samples.fingerprint()
    return StudyData(
        name=name,
        task_names=task_names(tasks),
        y=samples.y,
        splits=splits,
        test=_test_rows(grouped, splits, as_given=as_given),
        fingerprints=[_split_fingerprint(fingerprint, each) for each in splits],
        draws=own_draws,
        rule=rule if isinstance(rule, Splitter) else None,
        weights=samples.weights,
    )


def make_rule(samples: Samples, split: SplitRule, cv: Folds) -> Splitter | Split:
    """Return the rule that makes a study's splits, or the split if the user gave one.

    Without `split` and `cv`, the rule is the one that suits the samples. A study calibrates
    nothing, so that what the rule holds out for that is in the training set.
    """
    if not isinstance(split, Splitter | Split | None):
        raise ParameterError(
            f"`split` must be a Splitter, a Split or None; got {split!r}."
        )
    if isinstance(split, Split):
        if cv is not None:
            raise ParameterError(
                "`split` must be a Splitter "
                "or None together with `cv`; "
                "got a Split, which has no folds."
            )
        return split
    if isinstance(cv, Splitter):
        return replace(cv, calibration=0.0)
    rule = split or Splitter(by=default_splitter(samples, seed=0).by)
    rule = replace(rule, calibration=0.0)
    if cv is None:
        return rule
    if isinstance(cv, bool) or not isinstance(cv, int) or cv < 2:
        raise ParameterError(
            f"`cv` must be a number of folds of at least 2, or a Splitter; got {cv!r}."
        )
    return replace(rule, n_folds=cv)


def group_column(rule: Splitter | Split) -> str | None:
    """Return the column that defines the groups of a split by group; None for other splits.

    Such a split keeps groups whole, so that test rows vary by these groups.
    """
    if isinstance(rule, Splitter) and rule.by == "group":
        return rule.column
    return None


def development_rows(split: Split) -> np.ndarray:
    """Return the samples of the training and validation sets."""
    return np.concatenate([split.train, split.validation])


def _make_splits(samples: Samples, rule: Splitter | Split, cv: Folds) -> list[Split]:
    if isinstance(rule, Split):
        return [rule]
    if cv is None:
        return [rule.split(samples)]
    return rule.folds(samples)


def _group_of_each_sample(
    samples: Samples, groups: str | Sequence[object] | np.ndarray
) -> np.ndarray:
    if isinstance(groups, str):
        return _extra_column(samples, groups)
    check_type("groups", groups, Sized, "Give one entry per sample.")
    if len(groups) != len(samples):
        raise ParameterError(
            "`groups` must have one entry "
            f"per sample, {len(samples)}; "
            f"got {len(groups)}."
        )
    try:
        of_samples = np.asarray(groups)
    except ValueError:  # entries of different lengths
        of_samples = np.empty((0, 0))
    if of_samples.ndim != 1:
        raise ParameterError(
            "`groups` must have one value per sample, such as a list of names; "
            f"got {type(groups).__name__} whose entries are not single values."
        )
    return of_samples


def _extra_column(samples: Samples, name: str) -> np.ndarray:
    if samples.extra is None or name not in samples.extra:
        if samples.extra is None:
            names = []
        else:
            names = list(samples.extra)
        if names:
            known = one_of(names)
        else:
            known = "of which there are none"
        raise ParameterError(
            "`groups` must be an extra column "
            f"of the samples, {known}; "
            f"got {name!r}. "
            "Keep columns with read_table(..., "
            f"extra=[...]).{suggest(name, names)}"
        )
    values: np.ndarray = samples.extra[name].to_numpy()
    return values


def _test_rows(
    samples: Samples, splits: Sequence[Split], *, as_given: bool
) -> pd.DataFrame:
    """Return the table ``StudyData.test``; the series of `samples` are the groups.

    Groups that the user gave are taken as they are, even if they are few.
    """
    rows, folds = held_out_rows(splits)
    if as_given:
        groups = pd.factorize(samples.series[rows], use_na_sentinel=False)[0]
    else:
        is_new = _tests_new_series(samples, splits)
        groups = independent_groups(samples, rows, new_series=is_new)
    table = pd.DataFrame(
        {
            "row": rows,
            "fold": folds,
            "group": groups.astype(np.int64),
            "series": samples.series[rows],
        }
    )
    if samples.time is None:
        return table
    return table.assign(time=samples.time[rows])


def _tests_new_series(samples: Samples, splits: Sequence[Split]) -> bool:
    """Say whether no test set shares a series with its training or validation set."""
    for split in splits:
        known = samples.series[development_rows(split)]
        if np.isin(samples.series[split.test], known).any():
            return False
    return True


def _check_labels(y: pd.DataFrame, splits: Sequence[Split]) -> None:
    """Raise if a task has no labels in a set; a Splitter has checked it, a user's Split has not."""
    problems: list[str] = []
    for split in splits:
        counts = split.counts(y)
        for side in ("train", "test"):
            missing = counts.index[counts[side] == 0]
            for task in missing:
                problems.append(
                    "`split` must leave labels "
                    "of every task in every set; "
                    f"got none of {task!r} in {side}."
                )
    if problems:
        raise DataError("\n".join(dict.fromkeys(problems)))


def _split_fingerprint(samples_fingerprint: str, split: Split) -> str:
    digest = hashlib.sha256(samples_fingerprint.encode())
    for rows in (split.train, split.validation, split.test):
        digest.update(b"|" + np.asarray(rows, dtype=np.int64).tobytes())
    return digest.hexdigest()[:16]
