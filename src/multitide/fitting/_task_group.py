"""The data of one group of tasks that are trained together, and the network that is built for them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from multitide.data._samples import Samples
from multitide.encodings._static import StaticLayer
from multitide.fitting._data_sets import Domain, labels_of
from multitide.fitting._recipe import Recipe
from multitide.network._network import Entrance, Network
from multitide.tasks._task import Target, Task
from multitide.training._batches import DeviceSamples, Rows
from multitide.training._mixing import Stream


@dataclass(frozen=True)
class Labelled:
    """A data set as a group of tasks sees it.

    Attributes
    ----------
    name : str
        Of the data set.
    samples : Samples
        Of both sides.
    codes : list of ndarray, each of shape (n_samples,)
        Labels of each task as its target encodes them; of a task that the data set has not, all
        missing.
    train, validation : Rows
        The rows of each side that have a label of any task; None: there is no such side.
    """

    name: str
    samples: Samples
    codes: list[np.ndarray]
    train: Rows
    validation: Rows | None

    def on_device(self, network: Network, domain: int, device: torch.device) -> Stream:
        """Return what a trainer reads of the data set."""
        static = network.encode_static(self.samples, domain)
        return Stream(
            DeviceSamples(self.samples, self.codes, static, device), self.train, self.validation
        )

    def all_rows(self) -> Labelled:
        """Return the data set with the rows of both sides for training, and none for validation."""
        if self.validation is None:
            return self
        sides = (self.train, self.validation)
        rows = Rows(
            np.concatenate([s.index for s in sides]), np.concatenate([s.measured for s in sides])
        )
        return replace(self, train=rows, validation=None)

    def only(self, tasks: np.ndarray) -> Labelled:
        """Return the data set with the rows that have labels of some tasks, given by a mask (n_tasks,)."""
        validation = None if self.validation is None else _only(self.validation, tasks)
        return replace(self, train=_only(self.train, tasks), validation=validation)


class Group:
    """The data of one group of tasks that are trained together: targets, codes, rows.

    Parameters
    ----------
    domains : sequence of Domain
        The data sets; those without a training label of the group are left out.
    tasks : sequence of Task
        Those of the group.
    recipe : Recipe
        The parts and numbers.

    Attributes
    ----------
    data : list of Labelled
        The data sets as the group sees them.
    """

    def __init__(self, domains: Sequence[Domain], tasks: Sequence[Task], recipe: Recipe) -> None:
        self.recipe, self.tasks = recipe, list(tasks)
        self.names = [task.name for task in tasks]
        self.targets = [task.fit_target(_training_labels(domains, task)) for task in tasks]
        self.data = [
            data for domain in domains if len((data := self._labelled(domain)).train.index)
        ]

    @property
    def validated(self) -> bool:
        """Whether there are rows that choose the epoch."""
        return any(data.validation is not None for data in self.data)

    def n_labelled(self) -> dict[str, dict[str, int]]:
        """Return the number of labelled rows of each task on each side, in all data sets."""
        sides = {"train": [data.train for data in self.data]}
        if self.validated:
            sides["validation"] = [
                data.validation for data in self.data if data.validation is not None
            ]
        counts = {
            side: np.sum([rows.measured.sum(axis=0) for rows in each], axis=0)
            for side, each in sides.items()
        }
        return {
            name: {side: int(n[i]) for side, n in counts.items()}
            for i, name in enumerate(self.names)
        }

    def make_network(self) -> Network:
        """Build a network whose preprocessing has seen the training rows only."""
        return self._network(self.data)

    def make_network_on_all_rows(self) -> Network:
        """Build a network whose preprocessing has seen the rows of both sides, for a refit."""
        return self._network([data.all_rows() for data in self.data])

    def _network(self, data: Sequence[Labelled]) -> Network:
        entrances = [self._entrance(each) for each in data]
        targets = [copy.deepcopy(target) for target in self.targets]
        return build_network(
            self.recipe, entrances, targets, max(each.samples.n_timepoints for each in data)
        )

    def _entrance(self, data: Labelled) -> Entrance:
        """Fit the input layers of a data set to its training rows."""
        seen = data.samples[data.train.index]
        inputs = self.recipe.inputs.build(data.samples.channels, data.samples.categories)
        inputs.fit(seen)
        static = None
        if seen.static is not None and seen.static.shape[1]:
            static = StaticLayer.build(seen.static)
            static.fit(seen.static)
        return Entrance(data.name, inputs, static)

    def _labelled(self, domain: Domain) -> Labelled:
        """Return a data set with its rows that have a label of any task of the group."""
        codes = [target.encode(labels_of(domain.samples, target.task)) for target in self.targets]
        pairs = zip(self.targets, codes, strict=True)
        measured = np.stack(
            [t.measured(torch.from_numpy(code)).numpy() for t, code in pairs], axis=1
        )
        some = np.ones(len(self.targets), dtype=bool)
        train, validation = (
            _only(Rows(rows, measured[rows]), some) for rows in (domain.train, domain.validation)
        )
        return Labelled(
            domain.name,
            domain.samples,
            codes,
            train,
            validation if len(domain.validation) else None,
        )


def build_network(
    recipe: Recipe, entrances: Sequence[Entrance], targets: Sequence[Target], n_timepoints: int
) -> Network:
    """Assemble a network; its weights come from torch's generator, or from a file afterwards."""
    sharing = recipe.sharing
    return Network(
        entrances,
        lambda n_channels: sharing.build(recipe.backbone, n_channels, n_timepoints, len(targets)),
        targets,
        sharing.head_units,
        sharing.across,
    )


def _training_labels(domains: Sequence[Domain], task: Task) -> pd.DataFrame:
    """Return the task's labels in the training rows of all data sets that have such columns."""
    own = [domain for domain in domains if set(task.columns) <= set(domain.samples.y)]
    parts = [domain.samples.y.iloc[domain.train][task.columns] for domain in own]
    return (
        parts[0].reset_index(drop=True) if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    )


def _only(rows: Rows, tasks: np.ndarray) -> Rows:
    """Return the rows that have labels of some tasks, given by a mask (n_tasks,); other labels count as missing."""
    measured = rows.measured & tasks
    labelled = measured.any(axis=1)
    return Rows(rows.index[labelled], measured[labelled])
