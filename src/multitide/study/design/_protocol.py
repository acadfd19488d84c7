"""What all arms of a study share: the data sets with their splits, the tasks and the seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pandas as pd

from multitide._checks import check_positive_int, check_type
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.errors import ParameterError
from multitide.fitting._data_sets import check_names, naming_data_set, tasks_with_labels
from multitide.fitting._decide import check_rules
from multitide.study.design._study_data import (
    Folds,
    SplitRule,
    StudyData,
    TestGroups,
    split_data,
)
from multitide.tasks import ClassificationTarget, Target, Task, labelled
from multitide.tasks._label_column import Value

Setting = TypeVar("Setting")


@dataclass(frozen=True)
class Question:
    """A task on one data set, which a study judges on its own.

    Attributes
    ----------
    name : str
        The name of the task; with several data sets "task @ data set".
    task : Task
    data : StudyData
    """

    name: str
    task: Task
    data: StudyData

    @property
    def y(self) -> pd.DataFrame:
        """The task's labels, one row per sample of the data set."""
        return self.data.y[self.task.columns]

    @cached_property
    def targets(self) -> list[Target]:
        """For each fold the task, fitted to the training labels of this data set.

        Its trivial loss (that of the best constant) is the unit of every arm's losses. A network
        that was trained on several data sets may know classes that this one does not have; their
        probabilities count as wrong.
        """
        fitted = []
        for fold in range(len(self.data.splits)):
            fitted.append(self._target(fold))
        return fitted

    def _target(self, fold: int) -> Target:
        rows = self.data.splits[fold].train
        training = self.y.iloc[rows].reset_index(drop=True)
        target = self.task.fit_target(
            training, self.data.weights_of(self.task.name, rows)
        )
        if isinstance(target, ClassificationTarget) and target.positive is not None:
            target.name_positive(self._rarer(target))
        return target

    def _rarer(self, target: ClassificationTarget) -> Value:
        """Return the positive class: the rarer one of all samples, the same in all folds."""
        if target.task.positive is not None:
            return target.task.positive
        codes = target.positions(self.y)[0]
        first, second = (codes == 0).sum(), (codes == 1).sum()
        return target.classes[int(second <= first)]

    def counts(self, fold: int, seed: int = 0) -> pd.Series:
        """Return the number of labelled samples in each set of a fold, as a seed sees them."""
        place = (self.data.draw_of(seed), fold)
        if place not in self._counts:
            known = labelled([self.task], self.data.labels_for(seed))
            in_sets = self.data.splits[fold].counts(known)
            self._counts[place] = in_sets.loc[self.task.name]
        return self._counts[place]

    @cached_property
    def _counts(self) -> dict[tuple[int, int], pd.Series]:
        return {}

    def labels(self, fold: int) -> pd.DataFrame:
        """Return the labels of one fold's test rows."""
        return self.y.iloc[self.data.splits[fold].test].reset_index(drop=True)

    def weights(self, fold: int) -> np.ndarray | None:
        """Return how much one fold's test rows count; None if all count alike."""
        return self.data.weights_of(self.task.name, self.data.splits[fold].test)


@dataclass(frozen=True)
class Protocol:
    """The data sets, tasks and seeds of a study; the same for every arm.

    Attributes
    ----------
    tasks : list of Task
        With declared kinds.
    data : list of StudyData
        The data sets, often only one.
    n_seeds : int
        Number of networks that every arm trains on every split.
    """

    tasks: list[Task]
    data: list[StudyData]
    n_seeds: int

    @cached_property
    def questions(self) -> list[Question]:
        """Every task on every data set that has it, ordered by data set."""
        several = len(self.data) > 1
        tasks = {}
        for task in self.tasks:
            tasks[task.name] = task
        all_questions = []
        for data in self.data:
            for task_name in data.task_names:
                if several:
                    name = f"{task_name} @ {data.name}"
                else:
                    name = task_name
                all_questions.append(Question(name, tasks[task_name], data))
        return all_questions

    @property
    def names(self) -> list[str]:
        """Names of the questions."""
        texts = []
        for question in self.questions:
            texts.append(question.name)
        return texts

    def question(self, name: str) -> Question:
        """Return a question by its name."""
        return next(question for question in self.questions if question.name == name)

    def compute_shared(self) -> None:
        """Compute what all fits of a fold share, before other processes get this protocol."""
        for question in self.questions:
            for fold in range(len(question.targets)):
                question.counts(fold)

    def by_data(self, names: Sequence[str]) -> list[tuple[StudyData, list[Question]]]:
        """Return the data sets of the named questions, each with its questions."""
        questions = []
        for name in names:
            questions.append(self.question(name))
        pairs = []
        for data in self.data:
            own = []
            for question in questions:
                if question.data.name == data.name:
                    own.append(question)
            if own:
                pairs.append((data, own))
        return pairs

    @property
    def only(self) -> StudyData:
        """The data set of a study that has one."""
        (data,) = self.data
        return data

    @property
    def n_folds(self) -> int:
        """Number of splits of every data set."""
        return len(self.data[0].splits)

    @property
    def test_to_train(self) -> float:
        """Number of test rows / number of development rows, mean over folds and data sets."""
        return float(np.mean([data.test_to_train for data in self.data]))

    @property
    def divisions(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Named ways to divide the questions among networks; none with one data set."""
        if len(self.data) == 1:
            return {}
        return {
            "per_data_set": self._divide(lambda question: question.data.name),
            "per_task": self._divide(lambda question: question.task.name),
        }

    def _divide(self, key: Callable[[Question], str]) -> tuple[tuple[str, ...], ...]:
        """Return the names of the questions, grouped by a key."""
        groups: dict[str, list[str]] = {}
        for question in self.questions:
            groups.setdefault(key(question), []).append(question.name)
        return tuple(map(tuple, groups.values()))


def make_protocol(
    data_sets: DataSets,
    tasks: Sequence[Task],
    split: SplitRule | Mapping[str, SplitRule],
    cv: Folds | Mapping[str, Folds],
    n_seeds: int,
    groups: TestGroups | Mapping[str, TestGroups] = None,
    draws: Sequence[pd.DataFrame] | None = None,
) -> Protocol:
    """Split the data sets and group their test rows; see :func:`multitide.compare`.

    Raises
    ------
    ParameterError
        If `split`, `cv`, `n_seeds`, `groups` or `draws` are invalid.
    DataError
        If a task has no labels in a training or test set.
    """
    check_positive_int("n_seeds", n_seeds)
    if draws is not None:
        data_sets.only("`draws`")
        check_type("draws", draws, Sequence, "Give a list with one table per seed.")
        for number, draw in enumerate(draws):
            check_type(f"draws[{number}]", draw, pd.DataFrame)
        if cv is not None or len(draws) < n_seeds:
            raise ParameterError(
                "`draws` must be labels for each of "
                f"{n_seeds} seeds, without `cv`; "
                f"got {len(draws)}."
            )
    names = list(data_sets)
    split_of: dict[str, SplitRule] = _by_data_set("split", split, names)
    cv_of: dict[str, Folds] = _by_data_set("cv", cv, names)
    groups_of: dict[str, TestGroups] = _by_data_set("groups", groups, names)
    data = []
    for name, samples in data_sets.items():
        with naming_data_set(name):
            own = _own_tasks(samples, tasks)
            made = split_data(
                name, samples, own, split_of[name], cv_of[name], groups_of[name], draws
            )
            data.append(made)
    n_folds = {}
    for each in data:
        n_folds[each.name] = len(each.splits)
    if len(set(n_folds.values())) > 1:
        raise ParameterError(
            f"`cv` must give every data set the same number of folds; got {n_folds}."
        )
    for fold in range(next(iter(n_folds.values()))):
        check_rules(tasks, any(len(each.splits[fold].validation) for each in data))
    return Protocol(list(tasks), data, n_seeds)


def _by_data_set(
    parameter: str, value: Setting | Mapping[str, Setting], names: Sequence[str]
) -> dict[str, Setting | None]:
    """Return an argument for every data set: its entry in a dict, or one value for all."""
    if isinstance(value, Mapping):
        check_names(value, names, parameter)
        by_name = {}
        for name in names:
            by_name[name] = value.get(name)
        return by_name
    if len(names) > 1 and not isinstance(value, Splitter | str | int | None):
        raise ParameterError(
            f"`{parameter}` must be a dict with an "
            "entry per data set if it lists samples "
            "and there are several data sets; "
            f"got {type(value).__name__}."
        )
    return dict.fromkeys(names, value)


def _own_tasks(samples: Samples, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks that these samples have all columns and some labels of."""
    own = []
    for task in tasks_with_labels(samples, tasks):
        if set(task.columns) <= set(samples.y):
            own.append(task)
    return own
