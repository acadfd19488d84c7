"""The content of ``model.json``, checked when it is read; older records are brought up to date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, model_validator

from multitide.data._data_sets import DataSets
from multitide.data._split_data import SplitData
from multitide.fitting._data_sets import tasks_with_labels
from multitide.tasks import Task


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
        Of the samples; see :class:`Samples`.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = DataSets.UNNAMED
    tasks: list[str]
    channels: tuple[str, ...]
    categories: dict[str, tuple[Any, ...]] = {}
    n_timepoints: int
    fingerprint: str = ""
    reading: dict[str, Any] | None = None


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
    """

    model_config = ConfigDict(extra="forbid")
    tasks: list[str]
    answered: list[str]
    targets: list[dict[str, Any]]
    data: list[str]
    static: list[dict[str, Any] | None]

    @model_validator(mode="before")
    @classmethod
    def _update(cls, content: dict[str, object]) -> dict[str, object]:
        """Read a record from the time before there could be several data sets."""
        if "data" in content:
            return content
        return content | {"data": [DataSets.UNNAMED], "static": [content.get("static")]}


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
    tasks: list[dict[str, Any]]
    data: list[DataRecord]
    networks: list[NetworkRecord]
    seed: int
    best_epoch: dict[str, int]
    n_labelled: dict[str, dict[str, int]]
    seconds: float
    trials: list[dict[str, Any]] = []
    representation: RepresentationRecord | None = None
    weights_sha256: str
    sha256: str = ""

    @model_validator(mode="before")
    @classmethod
    def _update(cls, content: dict[str, object]) -> dict[str, object]:
        """Read a record from the time before there could be several data sets."""
        if "data" in content:
            return content
        moved = set(DataRecord.model_fields) - {"name", "tasks"}
        only = {}
        for name, value in content.items():
            if name in moved:
                only[name] = value
        tasks = cast("list[dict[str, object]]", content.get("tasks", []))
        only["tasks"] = [task.get("name") for task in tasks]
        rest = {}
        for name, value in content.items():
            if name not in moved:
                rest[name] = value
        return rest | {"data": [only]}


def data_record(data: SplitData, tasks: Sequence[Task]) -> DataRecord:
    """Return what a model stores about a data set that it was fitted on."""
    samples = data.samples
    return DataRecord(
        name=data.name,
        tasks=[task.name for task in tasks_with_labels(samples, tasks)],
        channels=samples.channels,
        categories=samples.categories,
        n_timepoints=samples.n_timepoints,
        fingerprint=samples.fingerprint(),
        reading=samples.reading,
    )
