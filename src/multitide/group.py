"""The data of one group of tasks that are trained together, and the network that is built for them."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch

from multitide.encodings.inputs import InputLayer
from multitide.encodings.static import StaticLayer
from multitide.model import Network
from multitide.recipe import Recipe
from multitide.samples import Samples
from multitide.tasks.task import Target, Task
from multitide.training import Rows


class Group:
    """The data of one group of tasks that are trained together: targets, codes, rows.

    Parameters
    ----------
    samples, train, validation, recipe
        As in `fit_model`.
    tasks : sequence of Task
        Those of the group.
    """

    def __init__(
        self, samples: Samples, train: np.ndarray, validation: np.ndarray, tasks: Sequence[Task], recipe: Recipe
    ) -> None:
        self.samples, self.recipe, self.tasks = samples, recipe, list(tasks)
        self.names = [task.name for task in tasks]
        self.targets = [task.fit_target(samples.y.iloc[train][task.columns].reset_index(drop=True)) for task in tasks]
        self.codes = [target.encode(samples.y[target.task.columns]) for target in self.targets]
        pairs = zip(self.targets, self.codes, strict=True)
        self._measured = np.stack([t.measured(torch.from_numpy(code)).numpy() for t, code in pairs], axis=1)
        self.train_rows = self._labelled(train)
        self.validation_rows = self._labelled(validation) if len(validation) else None

    def n_labelled(self) -> dict[str, dict[str, int]]:
        """Return the number of labelled rows of each task on each side."""
        sides = {"train": self.train_rows, "validation": self.validation_rows}
        counts = {side: rows.measured.sum(axis=0) for side, rows in sides.items() if rows is not None}
        return {name: {side: int(n[i]) for side, n in counts.items()} for i, name in enumerate(self.names)}

    def make_network(self) -> Network:
        """Build a network whose preprocessing has seen the training rows only."""
        return self._network(self.train_rows)

    def make_network_on_all_rows(self) -> Network:
        """Build a network whose preprocessing has seen the rows of both sides, for a refit."""
        return self._network(self.all_rows)

    @property
    def all_rows(self) -> Rows:
        """The rows of both sides."""
        if self.validation_rows is None:
            return self.train_rows
        sides = (self.train_rows, self.validation_rows)
        return Rows(np.concatenate([s.index for s in sides]), np.concatenate([s.measured for s in sides]))

    def _network(self, rows: Rows) -> Network:
        seen = self.samples[rows.index]
        inputs = self.recipe.inputs.build(self.samples.channels, self.samples.categories)
        inputs.fit(seen)
        static = None
        if seen.static is not None and seen.static.shape[1]:
            static = StaticLayer.build(seen.static)
            static.fit(seen.static)
        targets = [copy.deepcopy(target) for target in self.targets]
        return build_network(self.recipe, inputs, static, targets, self.samples.n_timepoints)

    def _labelled(self, index: np.ndarray) -> Rows:
        """Return those rows that have a label of any task of the group."""
        rows = index[self._measured[index].any(axis=1)]
        return Rows(rows, self._measured[rows])


def build_network(
    recipe: Recipe,
    inputs: InputLayer,
    static: StaticLayer | None,
    targets: Sequence[Target],
    n_timepoints: int,
) -> Network:
    """Assemble a network; its weights come from torch's generator, or from a file afterwards."""
    sharing = recipe.sharing.build(recipe.backbone, inputs.n_channels, n_timepoints, len(targets))
    return Network(inputs, static, sharing, targets, recipe.sharing.head_units)
