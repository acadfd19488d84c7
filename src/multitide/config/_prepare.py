"""A configuration with its data, read and split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from multitide._plan_fit import FitPlan, plan_fit
from multitide.config._config import Config
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split import Split, nobody
from multitide.data._split_data import SplitData
from multitide.errors import DataError, ParameterError
from multitide.fitting._data_sets import (
    naming_data_set,
    resolve_shared_tasks,
    tasks_with_labels,
)
from multitide.fitting._memory import MemoryEstimate
from multitide.fitting._splits_of_seeds import splits_of_seeds
from multitide.fitting._weighed import weighed_sets
from multitide.tasks import Task, describe_tasks, task_names
from multitide.tasks._declared_kinds import with_declared_kinds


@dataclass(frozen=True)
class Prepared:
    """A configuration with its data, read and split.

    Attributes
    ----------
    config : Config
        The configuration.
    tasks : list of Task
        The tasks of all data sets, with their kinds.
    data : list of SplitData
        The data sets.
    """

    config: Config
    tasks: list[Task]
    data: list[SplitData]

    @property
    def test_sets(self) -> DataSets:
        """The test set of every data set."""
        return DataSets({data.name: data.test_set for data in self.data})

    def fitting_sets(self) -> tuple[dict[str, Samples], dict[str, Samples]]:
        """Return what the estimator gets to train on, and its validation sets.

        The validation set of the split chooses the epoch, unless the configuration has a rule of
        its own for that, ``validation``; then the estimator gets both sets to train on.
        """
        has_own_rule = "validation" in self.config.estimator
        training, validation = {}, {}
        for data in self.data:
            if has_own_rule or not len(data.split.validation):
                rows = np.union1d(data.split.train, data.split.validation)
                training[data.name] = data.samples[rows]
            else:
                training[data.name] = data.training_set
                validation[data.name] = data.validation_set
        return training, validation

    def calibration_sets(self) -> dict[str, Samples]:
        """Return the calibration sets of the split, of the data sets that have one."""
        sets = {}
        for data in self.data:
            if len(data.split.calibration):
                sets[data.name] = data.calibration_set
        return sets

    def plans(self) -> list[FitPlan]:
        """Do all that a fit does before training; for an ensemble, a fit of each member."""
        training, validation = self.fitting_sets()
        plans = []
        for params in self.config.params_of_fits(training).values():
            plan = plan_fit(
                {**params, "tasks": self.tasks},
                DataSets(training),
                validation,
                calibration=self.calibration_sets(),
            )
            plans.append(plan)
        return plans

    def splits_of_seeds(self, n_seeds: int, seed: int) -> list[list[SplitData]]:
        """Return the training and validation sets of each seed of an ensemble.

        The first seed has the validation set of the split. The others hold out their own from the
        same samples, unless the split is by column. The configuration's own rule, ``validation``,
        replaces that of the split.

        Parameters
        ----------
        n_seeds : int
            Number of seeds.
        seed : int
            The first one.
        """
        if "validation" in self.config.estimator:
            training, _ = self.fitting_sets()
            rule = self.config.estimator["validation"]
            return splits_of_seeds(
                training, self.tasks, {}, rule, n_seeds, seed, self.calibration_sets()
            )
        splits = []
        for number in range(n_seeds):
            data = []
            for each in self.data:
                with naming_data_set(each.name):
                    data.append(self._without_test_set(each, number))
            splits.append(data)
        return splits

    def _without_test_set(self, data: SplitData, number: int) -> SplitData:
        """Return a data set without its test set, divided as a seed divides it."""
        fitted = np.union1d(data.split.train, data.split.validation)
        rows = np.concatenate([fitted, data.split.calibration])
        samples = data.samples[rows]
        train = np.searchsorted(fitted, data.split.train)
        validation = np.searchsorted(fitted, data.split.validation)
        calibration = np.arange(len(fitted), len(rows))
        rule = self.config.section(data.name).splitter(data.samples)
        if number and len(validation) and rule.by != "column":
            drawn = with_declared_kinds(data.samples[fitted], self.tasks)
            train, validation = rule.hold_out(drawn, rule.validation, number)
        return SplitData(
            data.name, samples, Split(train, validation, nobody(), calibration)
        )

    def describe_tasks(self, data: SplitData) -> pd.DataFrame:
        """Return what the tasks of a data set are taken for, and why."""
        return describe_own_tasks(self.config, data.samples, self.tasks)


def prepare(config: Config) -> Prepared:
    """Read and split the data of a configuration, each table once.

    Raises
    ------
    DataError
        If there is no task, or with everything that is wrong with the data.
    ParameterError
        If a split is wrong or leaves no test set.
    """
    data_sets = config.read_all()
    refuse_no_labels(data_sets)
    tasks = resolve_shared_tasks(config.tasks, data_sets)
    data_sets = weighed_sets(data_sets, tasks)
    data = []
    for name, samples in data_sets.items():
        data.append(split_samples(config, name, samples))
    prepared = Prepared(config, tasks, data)
    check_test_sets(prepared)
    return prepared


def refuse_no_labels(data_sets: Mapping[str, Samples]) -> None:
    """Raise if no data set has a column of labels."""
    if not any(samples.y.shape[1] for samples in data_sets.values()):
        raise DataError(
            "`tasks` must name a label column; "
            "use --label NAME, or [[tasks]] in a configuration."
        )


def split_samples(config: Config, name: str, samples: Samples) -> SplitData:
    """Split a data set by the rule of its section."""
    with naming_data_set(name):
        rule = config.section(name).splitter(samples)
        split = rule.split(with_declared_kinds(samples, config.tasks or ()))
        return SplitData(name, rule.with_unit(samples), split)


def check_test_sets(prepared: Prepared) -> None:
    """Raise if a data set has no test set."""
    for data in prepared.data:
        if not len(data.split.test):
            with naming_data_set(data.name):
                raise ParameterError(
                    "`split.test` must be above 0, since "
                    "a run is evaluated on its test set; "
                    "got 0."
                )


def describe_own_tasks(
    config: Config, samples: Samples, tasks: Sequence[Task]
) -> pd.DataFrame:
    """Return what the tasks of a data set are taken for, and why.

    Parameters
    ----------
    config : Config
        Its tasks are described as written, so that the table says what was inferred.
    samples : Samples
        The data set.
    tasks : sequence of Task
        The resolved tasks of all data sets.
    """
    own = task_names(tasks_with_labels(samples, tasks))
    if config.tasks is None:
        written = list(samples.y)
    else:
        written = config.tasks
    named = dict(zip(task_names(written), written, strict=True))
    own_as_written = []
    for name, task in named.items():
        if name in own:
            own_as_written.append(task)
    return describe_tasks(own_as_written, samples.y)


def largest(plans: Sequence[FitPlan]) -> MemoryEstimate | None:
    """Return the largest estimate of the memory of some fits; None if none is known."""
    known = []
    for plan in plans:
        if plan.memory is not None:
            known.append(plan.memory)
    return max(known, key=lambda memory: memory.total, default=None)
