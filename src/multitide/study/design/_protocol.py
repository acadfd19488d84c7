"""What all arms of a study have in common: data sets with their splits, tasks, seeds, and what is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from multitide._checks import check_positive_int
from multitide.data._samples import Samples
from multitide.data._splits import Splitter
from multitide.errors import ParameterError
from multitide.fitting._data_sets import PLAIN, as_data_sets, check_names, in_domain, tasks_of
from multitide.study.design._study_data import StudyData, cut_data
from multitide.tasks import Target, Task, labelled

Given = Samples | Mapping[str, Samples]  # what a study is made of: one data set, or several by name


@dataclass(frozen=True)
class Question:
    """A task on a data set: what is judged by itself.

    Attributes
    ----------
    name : str
        That of the task; with several data sets "task @ data set".
    task : Task
    data : StudyData
    """

    name: str
    task: Task
    data: StudyData

    @property
    def y(self) -> pd.DataFrame:
        """The task's labels, one row a sample of the data set."""
        return self.data.y[self.task.columns]

    def target(self, fold: int) -> Target:
        """Return the task as the data set's training rows show it: every arm's losses are in units of its trivial loss.

        A network that learned of several data sets may know classes that this one never showed;
        they count as wrong.
        """
        return self.task.fit_target(
            self.y.iloc[self.data.splits[fold].train].reset_index(drop=True)
        )

    def counts(self, fold: int, seed: int = 0) -> pd.Series:
        """Return how many samples have a label that a seed sees on each side of a fold."""
        known = labelled([self.task], self.data.seen(seed))
        return self.data.splits[fold].counts(known).loc[self.task.name]

    def labels(self, fold: int) -> pd.DataFrame:
        """Return the labels on one fold's test rows."""
        return self.y.iloc[self.data.splits[fold].test].reset_index(drop=True)


@dataclass(frozen=True)
class Protocol:
    """What is asked, of which samples, and how it is measured; the same for every arm.

    Attributes
    ----------
    tasks : list of Task
        With declared kinds.
    data : list of StudyData
        The data sets, most often a single one, whose name is "".
    n_seeds : int
        Number of networks that every arm trains on every split.
    """

    tasks: list[Task]
    data: list[StudyData]
    n_seeds: int

    @cached_property
    def questions(self) -> list[Question]:
        """Every task on every data set that has it, data set by data set."""
        by_name = {task.name: task for task in self.tasks}
        return [
            Question(f"{name} @ {data.name}" if data.name else name, by_name[name], data)
            for data in self.data
            for name in data.task_names
        ]

    @property
    def names(self) -> list[str]:
        """Names of the questions."""
        return [question.name for question in self.questions]

    def question(self, name: str) -> Question:
        """Return a question by its name."""
        return next(question for question in self.questions if question.name == name)

    def by_data(self, names: Sequence[str]) -> list[tuple[StudyData, list[Question]]]:
        """Return the data sets of some questions, each with those that are asked of it."""
        asked = [self.question(name) for name in names]
        found = [
            (data, [question for question in asked if question.data.name == data.name])
            for data in self.data
        ]
        return [(data, questions) for data, questions in found if questions]

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
        """Rows tested / rows learned from, mean over folds and data sets."""
        return float(np.mean([data.test_to_train for data in self.data]))

    @property
    def divisions(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Ways to divide the questions among networks that have a name; none where there is one data set."""
        if len(self.data) == 1:
            return {}
        return {name: _divided(self.questions, key) for name, key in DIVISIONS.items()}


def make_protocol(
    samples: Given,
    tasks: Sequence[Task],
    split: Any,
    cv: Any,
    n_seeds: int,
    groups: Any = None,
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
        raise ParameterError(
            f"`draws` must be labels for each of {n_seeds} seeds, without `cv`; got {len(draws)}."
        )
    given = (
        {PLAIN: only_samples(samples, "`draws`")} if draws is not None else as_data_sets(samples)
    )
    cuts = [
        _of_each(what, value, list(given))
        for what, value in (("split", split), ("cv", cv), ("groups", groups))
    ]
    cuts.append(dict.fromkeys(given, draws))
    data = []
    for name, each in given.items():
        with in_domain(name):
            own = _own_tasks(each, tasks) if len(given) > 1 else tasks
            data.append(
                cut_data(name if len(given) > 1 else PLAIN, each, own, *(cut[name] for cut in cuts))
            )
    n_folds = {each.name: len(each.splits) for each in data}
    if len(set(n_folds.values())) > 1:
        raise ParameterError(
            f"`cv` must give every data set as many folds as the others have; got {n_folds}."
        )
    return Protocol(list(tasks), data, n_seeds)


def samples_of(samples: Given, data: StudyData) -> Samples:
    """Return the samples of a data set of a study."""
    return samples if isinstance(samples, Samples) else samples[data.name or next(iter(samples))]


def only_samples(samples: Given, what: str) -> Samples:
    """Return the samples of the only data set.

    Parameters
    ----------
    samples : Samples or dict of Samples
    what : str
        What knows of one only.

    Raises
    ------
    ParameterError
        If there are several.
    """
    given = as_data_sets(samples)
    if len(given) > 1:
        raise ParameterError(
            f"`samples` must be of one data set for {what}; got {len(given)}, {', '.join(given)}. "
            "`compare` takes several, and says whether they should be learned together."
        )
    return next(iter(given.values()))


def _of_each(what: str, value: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return an argument for every data set: what a dict says of it (else None), or the same for all."""
    if isinstance(value, Mapping):
        check_names(value, names, what)
        return {name: value.get(name) for name in names}
    if len(names) > 1 and not isinstance(value, Splitter | str | int | None):
        raise ParameterError(
            f"`{what}` must be a dict with an entry for each of several data sets, where it numbers samples; got "
            f"{type(value).__name__}."
        )
    return dict.fromkeys(names, value)


def _own_tasks(samples: Samples, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks whose columns, and some of whose labels, are in these samples."""
    return [task for task in tasks_of(samples, tasks) if set(task.columns) <= set(samples.y)]


def _divided(
    questions: Sequence[Question], key: Callable[[Question], str]
) -> tuple[tuple[str, ...], ...]:
    """Return the names of the questions, those of one key together."""
    parts: dict[str, list[str]] = {}
    for question in questions:
        parts.setdefault(key(question), []).append(question.name)
    return tuple(tuple(names) for names in parts.values())


DIVISIONS: dict[str, Callable[[Question], str]] = {
    "per_data_set": lambda question: question.data.name,
    "per_task": lambda question: question.task.name,
}
