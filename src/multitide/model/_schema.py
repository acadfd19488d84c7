"""The content of ``model.json``, checked when it is read; older records are brought up to date."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    StrictBool,
    StrictInt,
    StrictStr,
    model_validator,
)

from multitide._forgotten_fits import is_forgotten
from multitide._registries import part_to_config
from multitide.data._data_sets import DataSets
from multitide.data._split_data import SplitData
from multitide.fitting._data_sets import tasks_with_labels
from multitide.fitting._recipe import (
    PART_PARAMETERS,
    is_auto,
    replace_representation,
)
from multitide.model._calibration_record import CalibratedRecord, ScoresRecord
from multitide.model._decision_record import DecisionRecord
from multitide.network._forest import ForestShape
from multitide.network._forest_head import ForestHead
from multitide.network._network import Network
from multitide.tasks import Task, task_names


class DataRecord(BaseModel):
    """A data set that a model was fitted on.

    Attributes
    ----------
    name : str
        The data set's name; "" if it was the only one and had no name.
    tasks : list of str
        The tasks that had a label in it; these are predicted for it.
    channels, categories, n_timepoints : tuple of str, dict, int
        Channels and length of its training series.
    fingerprint, reading : str, dict or None
        Of the samples; see :class:`Samples`. "" for a model that is not kept.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = DataSets.UNNAMED
    tasks: list[str] = Field(min_length=1)
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    categories: dict[str, tuple[Any, ...]] = {}
    n_timepoints: PositiveInt
    fingerprint: str = ""
    reading: dict[str, Any] | None = None

    def check(self, tasks: Sequence[object]) -> None:
        """Raise unless its tasks are those of the model, and its channels have different names."""
        if not set(self.tasks) <= set(tasks):
            raise ValueError("`data` must have tasks of the model")
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("`data` must have channels with different names")


# A class or answer, as the user wrote it.
Value: TypeAlias = StrictBool | StrictInt | FiniteFloat | StrictStr

ROUNDING = 1e-6  # of a sum of weights


class StaticRecord(BaseModel):
    """The fitted layer for static inputs: the categories of each column, None for numbers."""

    model_config = ConfigDict(extra="forbid")
    categories: dict[str, list[Value] | None]
    scale: str


class ForestRecord(BaseModel):
    """The shape of a task's trees; see :class:`~multitide.network._forest.ForestShape`."""

    model_config = ConfigDict(extra="forbid")
    n_trees: PositiveInt
    n_nodes: PositiveInt
    n_groups: PositiveInt
    n_values: PositiveInt
    averaged: StrictBool
    start: NonNegativeInt | None = None

    def shape(self) -> ForestShape:
        """Return the shape; ValueError if no trees have it."""
        return ForestShape(**self.model_dump())


class NetworkRecord(BaseModel):
    """A network of a model.

    Attributes
    ----------
    tasks, answered : list of str
        Its tasks in order, and those that it predicts.
    targets : list of dict
        The fitted targets of its tasks.
    data, static : list of str, list of dict or None
        Its data sets, and the fitted layer for the static inputs of each.
    forests : list of dict
        The trees of each task; empty if its heads are not trees.
    shares : dict of str to float
        Its weight in the predictions of those tasks that other networks predict too.
    backbone, inputs : dict or None
        What it is built from; None: the estimator's parameters.
    """

    model_config = ConfigDict(extra="forbid")
    tasks: list[str] = Field(min_length=1)
    answered: list[str]
    targets: list[dict[str, list[Value] | list[tuple[Value, Value]]]]
    data: list[str] = Field(min_length=1)
    static: list[StaticRecord | None]
    forests: list[ForestRecord] = []
    shares: dict[str, Annotated[FiniteFloat, Field(gt=0, lt=1)]] = {}
    backbone: dict[str, Any] | None = None
    inputs: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _update(cls, content: object) -> object:
        """Read a record from the time before there could be several data sets."""
        if not isinstance(content, dict) or "data" in content:
            return content
        return content | {"data": [DataSets.UNNAMED], "static": [content.get("static")]}

    def check(self, tasks: Sequence[object], data: Sequence[str]) -> None:
        """Raise unless its parts fit each other and the model's tasks and data sets."""
        if not set(self.tasks) <= set(tasks) or not set(self.answered) <= set(
            self.tasks
        ):
            raise ValueError("`networks` must have tasks of the model")
        if not set(self.data) <= set(data):
            raise ValueError("`networks` must have data sets of the model")
        if len(self.targets) != len(self.tasks) or len(self.static) != len(self.data):
            raise ValueError(
                "`networks` must have a target per task, a layer per data set"
            )
        if not set(self.shares) <= set(self.answered):
            raise ValueError("`networks` must have shares of tasks that they answer")
        if self.forests and len(self.forests) != len(self.tasks):
            raise ValueError("`networks` must have trees for every task or none")


class CandidateRecord(BaseModel):
    """What predicts a task, alone or with others; see `weigh_fits`.

    Losses are None if they are not known.
    """

    model_config = ConfigDict(extra="forbid")
    task: str
    candidate: str
    loss: FiniteFloat | None
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    weight: Annotated[FiniteFloat, Field(ge=0, le=1)]
    mean_loss: FiniteFloat | None


class RepresentationRecord(BaseModel):
    """The representation whose vectors the networks read."""

    model_config = ConfigDict(extra="forbid")
    kind: str
    n_features: int
    sha256: str


class ModelRecord(BaseModel):
    """The content of ``model.json``."""

    model_config = ConfigDict(extra="forbid")
    format: str
    schema_version: int
    versions: dict[str, str]
    estimator: dict[str, Any]
    tasks: list[dict[str, Any]] = Field(min_length=1)
    data: list[DataRecord] = Field(min_length=1)
    networks: list[NetworkRecord] = Field(min_length=1)
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    best_epoch: dict[str, NonNegativeInt]
    n_labelled: dict[str, dict[str, NonNegativeInt]]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    trials: list[dict[str, Any]] = []
    candidates: list[CandidateRecord] = []
    calibrated: list[CalibratedRecord] = []
    scores: list[ScoresRecord] = []
    decisions: list[DecisionRecord] = []
    representation: RepresentationRecord | None = None
    weights_sha256: str
    profiles_sha256: str | None = None
    sha256: str = ""

    @model_validator(mode="before")
    @classmethod
    def _update(cls, content: object) -> object:
        """Read a record from the time before there could be several data sets."""
        if not isinstance(content, dict) or "data" in content:
            return content
        moved = set(DataRecord.model_fields) - {"name", "tasks"}
        only, rest = {}, {}
        for name, value in content.items():
            if name in moved:
                only[name] = value
            else:
                rest[name] = value
        only["tasks"] = []
        tasks = content.get("tasks")
        if isinstance(tasks, list):
            for task in tasks:
                if isinstance(task, dict):
                    only["tasks"].append(task.get("name"))
        return rest | {"data": [only]}

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Check that networks, data sets and tasks speak of each other by their names."""
        tasks = [task.get("name") for task in self.tasks]
        data = [record.name for record in self.data]
        _check_answered(self.networks, tasks)
        if len(set(data)) < len(data):
            raise ValueError("`data` must have different names")
        if not _are_same(list(self.best_epoch), tasks):
            raise ValueError("`best_epoch` must have the names of `tasks`")
        if not _are_same(list(self.n_labelled), tasks):
            raise ValueError("`n_labelled` must have the names of `tasks`")
        for record in self.data:
            record.check(tasks)
        for network in self.networks:
            network.check(tasks, data)
        _check_candidates(self.candidates, tasks)
        _check_numbers([self.estimator, self.tasks])
        return self


def _check_answered(networks: Sequence[NetworkRecord], tasks: Sequence[object]) -> None:
    """Raise unless every task is answered, with shares that sum to 1, by equal targets."""
    totals: dict[str, float] = {}
    targets: dict[str, object] = {}
    for network in networks:
        own = dict(zip(network.tasks, network.targets, strict=False))
        for name in network.answered:
            totals[name] = totals.get(name, 0.0) + network.shares.get(name, 1.0)
            if targets.setdefault(name, own.get(name)) != own.get(name):
                raise ValueError("`networks` must have equal targets of a task")
    if not _are_same(list(totals), tasks) or not _sum_to_one(totals):
        raise ValueError("`networks` must answer each of `tasks` once")


def _check_candidates(
    candidates: Sequence[CandidateRecord], tasks: Sequence[object]
) -> None:
    """Raise unless the candidates of each task differ and their weights sum to 1."""
    known = [(row.task, row.candidate) for row in candidates]
    totals: dict[str, float] = {}
    for row in candidates:
        totals[row.task] = totals.get(row.task, 0.0) + row.weight
    if not set(totals) <= set(tasks) or len(set(known)) < len(known):
        raise ValueError("`candidates` must be different ones of `tasks`")
    if not _sum_to_one(totals):
        raise ValueError("`candidates` must have weights that sum to 1 per task")


def _sum_to_one(totals: Mapping[str, float]) -> bool:
    return all(abs(total - 1) < ROUNDING for total in totals.values())


def _are_same(names: Sequence[object], tasks: Sequence[object]) -> bool:
    """Return whether names are those of the tasks, each once, in any order."""
    return sorted(map(repr, names)) == sorted(map(repr, tasks))


def _check_numbers(value: object) -> None:
    """Raise for a number in a part or a target that is not one; nothing of ours writes it."""
    if isinstance(value, float) and value != value:
        raise ValueError("a number is NaN")
    if isinstance(value, dict):
        for each in value.values():
            _check_numbers(each)
    if isinstance(value, list):
        for each in value:
            _check_numbers(each)


def data_record(data: SplitData, tasks: Sequence[Task]) -> DataRecord:
    """Return what a model stores about a data set that it was fitted on."""
    samples = data.samples
    fingerprint = ""
    if not is_forgotten():
        fingerprint = samples.fingerprint()
    return DataRecord(
        name=data.name,
        tasks=task_names(tasks_with_labels(samples, tasks)),
        channels=samples.channels,
        categories=samples.categories,
        n_timepoints=samples.n_timepoints,
        fingerprint=fingerprint,
        reading=samples.reading,
    )


def network_record(
    network: Network,
    answered: list[str],
    shares: dict[str, float],
    params: Mapping[str, object],
) -> NetworkRecord:
    """Return what a model stores about a network, which predicts some of its tasks.

    `shares` are its weights in predictions that are means, and `params` are those of the estimator.
    What the network has in place of an "auto" is stored.
    """
    statics: list[StaticRecord | None] = []
    for stem in network.stems:
        if stem.static is None:
            statics.append(None)
        else:
            statics.append(StaticRecord.model_validate(stem.static.to_config()))
    forests = []
    for head in network.heads:
        if isinstance(head, ForestHead):
            forests.append(ForestRecord(**dataclasses.asdict(head.forest.shape)))
    return NetworkRecord(
        tasks=network.names,
        answered=answered,
        targets=[target.to_config() for target in network.target_list],
        data=network.data_sets,
        static=statics,
        forests=forests,
        shares=shares,
        backbone=_own_backbone(network, params),
        inputs=_own_inputs(network, params),
    )


def _own_backbone(
    network: Network, params: Mapping[str, object]
) -> dict[str, object] | None:
    """Return the backbone in place of an "auto" of the estimator."""
    if not is_auto(params.get("backbone")) or network.backbone is None:
        return None
    return part_to_config(PART_PARAMETERS["backbone"], network.backbone)


def _own_inputs(
    network: Network, params: Mapping[str, object]
) -> dict[str, object] | None:
    """Return the inputs if they are not those of the estimator."""
    without = replace_representation(network.stems[0].inputs.spec, None)
    if without == replace_representation(params.get("inputs"), None):
        return None
    return part_to_config(PART_PARAMETERS["inputs"], without)
