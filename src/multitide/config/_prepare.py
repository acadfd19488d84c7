"""A configuration with its data, read and split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from multitide.config._config import Config
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.errors import DataError, ParameterError
from multitide.fitting._data_sets import (
    naming_data_set,
    resolve_shared_tasks,
    tasks_with_labels,
)
from multitide.tasks import Task, describe_tasks


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
    if not any(samples.y.shape[1] for samples in data_sets.values()):
        raise DataError(
            "`tasks` must name a label column; use --label NAME, or [[tasks]] in a configuration."
        )
    tasks = resolve_shared_tasks(config.tasks, data_sets)
    data = []
    for name, samples in data_sets.items():
        data.append(split_samples(config, name, samples))
    prepared = Prepared(config, tasks, data)
    check_test_sets(prepared)
    return prepared


def split_samples(config: Config, name: str, samples: Samples) -> SplitData:
    """Split a data set by the rule of its section."""
    with naming_data_set(name):
        return SplitData(
            name, samples, config.section(name).splitter(samples).split(samples)
        )


def check_test_sets(prepared: Prepared) -> None:
    """Raise if a data set has no test set."""
    for data in prepared.data:
        if not len(data.split.test):
            with naming_data_set(data.name):
                raise ParameterError(
                    "`split.test` must be above 0, since a run is evaluated on its test set; got 0."
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
    own = set()
    for task in tasks_with_labels(samples, tasks):
        own.add(task.name)
    if config.tasks is None:
        written = list(samples.y)
    else:
        written = config.tasks
    named = {}
    for task in written:
        named[task if isinstance(task, str) else task.name] = task
    return describe_tasks(
        [task for name, task in named.items() if name in own], samples.y
    )
