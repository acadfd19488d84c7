"""The data and the network of one group of tasks that are trained together."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import nn

from multitide.backbones._trees import Trees
from multitide.data._rare_classes import lost_classes, shortened
from multitide.data._samples import Samples
from multitide.data._split_data import SplitData
from multitide.data._weights import joined_weights_of, weights_of
from multitide.encodings._input_layer import InputLayer
from multitide.encodings._static import StaticLayer
from multitide.errors import DataError
from multitide.fitting._data_sets import labels_of
from multitide.fitting._recipe import Recipe
from multitide.fitting._training_length import with_length
from multitide.network._forest import ForestShape
from multitide.network._forest_head import ForestHead
from multitide.network._head import Head
from multitide.network._network import InputStem, Network
from multitide.tasks._label_names import task_names
from multitide.tasks._task import Target, Task
from multitide.training._batches import DeviceSamples, Rows
from multitide.training._mixing import DeviceData, totals


@dataclass(frozen=True)
class EncodedData:
    """A data set with the labels of one group of tasks.

    Attributes
    ----------
    name : str
        The data set's name.
    samples : Samples
        Training and validation samples.
    codes : list of ndarray, each of shape (n_samples,)
        Labels of each task as its target encodes them; all missing if the data set lacks the task.
    train, validation : Rows
        The training and validation samples that have a label of any task; `validation` is None
        without a validation set.
    usable : ndarray of bool, shape (n_samples, n_tasks)
        Whether training can use the label of each task; not if its class is only in the validation
        set.
    weights : ndarray or None, shape (n_samples, n_tasks)
        How much each sample counts for each task; None if all count alike.
    """

    name: str
    samples: Samples
    codes: list[np.ndarray]
    train: Rows
    validation: Rows | None
    usable: np.ndarray
    weights: np.ndarray | None = None

    def on_device(
        self,
        network: Network,
        position: int,
        device: torch.device,
        scales: np.ndarray | None = None,
    ) -> DeviceData:
        """Return what a trainer reads; `position` is that of the data set in the network.

        `scales` are the factors on the weights of each task, from `weight_scales`.
        """
        static = network.encode_static(self.samples, position)
        weights = None
        if scales is not None:
            own = 1.0 if self.weights is None else self.weights
            shape = len(self.samples), len(scales)
            weights = np.broadcast_to(own * scales, shape).astype(np.float32)
        samples = DeviceSamples(
            self.samples, self.codes, static, device, weights=weights
        )
        return DeviceData(samples, self.train, self.validation, weights)

    def all_for_training(self) -> EncodedData:
        """Return the data set with the validation samples added to the training set."""
        if self.validation is None:
            return self
        index = np.concatenate([self.train.index, self.validation.index])
        measured = np.concatenate([self.train.measured, self.validation.measured])
        rows = _with_labels(Rows(index, measured & self.usable[index]))
        return replace(self, train=rows, validation=None)

    def only(self, tasks: np.ndarray) -> EncodedData:
        """Return the data set with the labels of some tasks, given by a mask (n_tasks,)."""
        validation = None
        if self.validation is not None:
            validation = _with_labels(self.validation, tasks)
        return replace(
            self, train=_with_labels(self.train, tasks), validation=validation
        )


def weight_scales(data: Sequence[EncodedData]) -> np.ndarray | None:
    """Return the factors that give the weights of each task a mean of 1 over the training rows.

    A batch divides its weighted losses by the number of its labelled rows. So a heavy row stays
    heavy in a batch with light ones, and in an epoch each row counts by its weight.

    Returns
    -------
    ndarray of float64, shape (n_tasks,), or None
        None if all rows count alike.
    """
    if all(each.weights is None for each in data):
        return None
    n_labelled = sum(totals(each.train, None) for each in data)
    weights = sum(totals(each.train, each.weights) for each in data)
    return np.where(weights > 0, n_labelled / np.where(weights > 0, weights, 1.0), 1.0)


class TaskGroup:
    """The data and the network of one group of tasks that are trained together.

    Parameters
    ----------
    data_sets : sequence of SplitData
        The data sets; those without a training label of the group are left out.
    tasks : sequence of Task
        The tasks of the group.
    recipe : Recipe
        The resolved parameters of the estimator.

    Attributes
    ----------
    names : list of str
        Names of the tasks.
    targets : list of Target
        The tasks, fitted to their training labels.
    data : list of EncodedData
        The data sets with the encoded labels of the group.
    recipe : Recipe
        With numbers of epochs in place of "auto".
    """

    def __init__(
        self, data_sets: Sequence[SplitData], tasks: Sequence[Task], recipe: Recipe
    ) -> None:
        self.tasks = list(tasks)
        self.names = task_names(tasks)
        self.targets = [_fit_target(data_sets, task) for task in tasks]
        self.data = []
        for data in data_sets:
            encoded = self._encoded(data)
            if len(encoded.train.index):
                self.data.append(encoded)
        self.recipe = with_length(recipe, self.n_rows)

    @property
    def has_validation(self) -> bool:
        """Whether there is a validation set."""
        return any(data.validation is not None for data in self.data)

    @property
    def n_rows(self) -> int:
        """Number of training rows."""
        return sum(len(data.train.index) for data in self.data)

    @property
    def shape(self) -> tuple[object, ...]:
        """What the numbers of units of the network and the sizes of its batches depend on."""
        sizes = []
        for data in self.data:
            samples = data.samples
            sizes.append((data.name, samples.channels, samples.n_timepoints))
        return (
            tuple(target.n_outputs for target in self.targets),
            tuple(sizes),
            self.n_rows,
            self.has_validation,
        )

    def with_samples(self, samples: Mapping[str, Samples]) -> TaskGroup:
        """Return a copy that reads other series, by data set, of the same samples."""
        twin = copy.copy(self)
        twin.data = []
        for data in self.data:
            twin.data.append(replace(data, samples=samples[data.name]))
        return twin

    def n_labelled(self) -> dict[str, dict[str, int]]:
        """Return the number of labelled rows per task and set, over all data sets."""
        totals = {"train": np.zeros(len(self.names), dtype=np.int64)}
        if self.has_validation:
            totals["validation"] = np.zeros(len(self.names), dtype=np.int64)
        for data in self.data:
            totals["train"] += data.train.measured.sum(axis=0)
            if data.validation is not None:
                totals["validation"] += data.validation.measured.sum(axis=0)
        counts: dict[str, dict[str, int]] = {}
        for i, name in enumerate(self.names):
            counts[name] = {}
            for which, of_set in totals.items():
                counts[name][which] = int(of_set[i])
        return counts

    def make_network(self) -> Network:
        """Build a network whose preprocessing is fitted to the training set."""
        return self._network(self.data)

    def make_network_on_all_rows(self) -> Network:
        """Build a network whose preprocessing is fitted to training and validation sets."""
        return self._network([data.all_for_training() for data in self.data])

    def sketch(self) -> Network:
        """Build a network that takes no memory: its weights have shapes, but no values.

        Raises
        ------
        MultitideError
            If the parts do not fit each other or the series.
        """
        stems = []
        for each in self.data:
            stems.append(self._unfitted_stem(each))
        n_timepoints = max(each.samples.n_timepoints for each in self.data)
        with torch.device("meta"):
            return build_network(self.recipe, stems, self.targets, n_timepoints)

    def _unfitted_stem(self, data: EncodedData) -> InputStem:
        samples = data.samples
        inputs = self.recipe.inputs.build(samples.channels, samples.categories)
        inputs.check_shape(samples)
        static = None
        if samples.static is not None and samples.static.shape[1]:
            static = StaticLayer.build(samples.static.iloc[data.train.index])
        return InputStem(data.name, inputs, static)

    def _network(self, data: Sequence[EncodedData]) -> Network:
        stems = []
        for each in data:
            stems.append(self._input_stem(each))
        targets = []
        for target in self.targets:
            targets.append(copy.deepcopy(target))
        n_timepoints = max(each.samples.n_timepoints for each in data)
        return build_network(self.recipe, stems, targets, n_timepoints)

    def _input_stem(self, data: EncodedData) -> InputStem:
        """Fit the input layers of a data set to its training set."""
        seen = data.samples[data.train.index]
        inputs = build_inputs(
            self.recipe, data.samples.channels, data.samples.categories
        )
        inputs.fit(seen)
        static = None
        if seen.static is not None and seen.static.shape[1]:
            static = StaticLayer.build(seen.static)
            static.fit(seen.static)
        return InputStem(data.name, inputs, static)

    def _encoded(self, data: SplitData) -> EncodedData:
        codes = []
        for target in self.targets:
            codes.append(target.encode(labels_of(data.samples, target.task)))
        known, labels = [], []
        for target, code in zip(self.targets, codes, strict=True):
            on_cpu = torch.from_numpy(code)
            known.append(target.measured(on_cpu).numpy())
            labels.append(target.labelled(on_cpu).numpy())
        usable = np.stack(known, axis=1)
        train, validation = data.split.train, data.split.validation
        validation_rows = None
        if len(validation):
            labelled = np.stack(labels, axis=1)[validation]
            # A task whose validation labels are all of unseen classes has nothing to choose by.
            labelled &= usable[validation].any(axis=0)
            validation_rows = _with_labels(Rows(validation, labelled))
        train_rows = _with_labels(Rows(train, usable[train]))
        weights = _weights(data.samples, self.tasks)
        return EncodedData(
            data.name, data.samples, codes, train_rows, validation_rows, usable, weights
        )


def build_inputs(
    recipe: Recipe, channels: Sequence[str], categories: Mapping[str, Sequence[object]]
) -> InputLayer:
    """Return the input layer of a data set for the recipe's backbone, not fitted yet."""
    return recipe.inputs.build(channels, categories, recipe.backbone.reads_missing)


def build_network(
    recipe: Recipe,
    stems: Sequence[InputStem],
    targets: Sequence[Target],
    n_timepoints: int,
    forests: Sequence[ForestShape] = (),
) -> Network:
    """Assemble a network; its weights come from torch's generator, or from a file afterwards.

    `forests` are the shapes of the trees of each task, for a backbone whose heads are trees.
    """
    sharing = recipe.sharing
    n_steps = max(stem.inputs.n_steps(n_timepoints) for stem in stems)
    return Network(
        stems,
        lambda n_channels: sharing.build(
            recipe.backbone, n_channels, n_steps, len(targets)
        ),
        targets,
        lambda n_features: _build_heads(recipe, n_features, targets, forests),
        sharing.across,
        recipe.backbone,
    )


def _build_heads(
    recipe: Recipe,
    n_features: int,
    targets: Sequence[Target],
    forests: Sequence[ForestShape],
) -> list[nn.Module]:
    heads: list[nn.Module] = []
    if not isinstance(recipe.backbone, Trees):
        if forests:
            raise ValueError("only the backbone 'trees' has trees")
        for target in targets:
            heads.append(Head(n_features, target, recipe.sharing.head_units))
        return heads
    for i, target in enumerate(targets):
        heads.append(ForestHead(n_features, target, forests[i] if forests else None))
    return heads


def _fit_target(data_sets: Sequence[SplitData], task: Task) -> Target:
    """Fit a target to the training labels; say so if only the validation set has a class."""
    labels, weights = _labels(data_sets, task, "train")
    try:
        return task.fit_target(labels, weights)
    except DataError as error:
        held_out, _ = _labels(data_sets, task, "validation")
        both = pd.concat([labels, held_out], ignore_index=True)
        known = np.arange(len(labels))
        rest = np.arange(len(labels), len(both))
        lost = list(lost_classes(both, known, rest))
        if not lost:
            raise
        names = "; ".join(f"{name!r}: {shortened(classes)}" for name, classes in lost)
        raise DataError(
            f"{error} Only the validation set has these classes: "
            f"{names}. "
            "Hold it out with validation=Splitter(by='random'), "
            "which leaves one example of each class in the "
            "training set, give other validation samples, or "
            "use validation=None."
        ) from error


def _labels(
    data_sets: Sequence[SplitData], task: Task, which: Literal["train", "validation"]
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Return the task's labels, and their weights, in a set of all data sets with its columns."""
    parts = []
    for data in data_sets:
        if set(task.columns) <= set(data.samples.y):
            parts.append(data.samples[getattr(data.split, which)])
    labels = pd.concat([each.y[task.columns] for each in parts], ignore_index=True)
    return labels, joined_weights_of(parts, task.name)


def _weights(samples: Samples, tasks: Sequence[Task]) -> np.ndarray | None:
    """Return the weights of samples, (n_samples, n_tasks); None if all count alike."""
    columns = [weights_of(samples, task.name) for task in tasks]
    if all(column is None for column in columns):
        return None
    ones = np.ones(len(samples))
    filled = [ones if column is None else column for column in columns]
    return np.stack(filled, axis=1)


def _with_labels(rows: Rows, tasks: np.ndarray | None = None) -> Rows:
    """Return the rows with labels of some tasks, given by a mask (n_tasks,); drop all others."""
    measured = rows.measured
    if tasks is not None:
        measured = measured & tasks
    labelled = measured.any(axis=1)
    return Rows(rows.index[labelled], measured[labelled])
