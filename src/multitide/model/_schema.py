"""What ``model.json`` holds, checked when it is read; older records are read as what they would be today."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from multitide.fitting._data_sets import PLAIN, Domain, tasks_of
from multitide.tasks import Task


class DataRecord(BaseModel):
    """What a data set was that a model has learned from.

    Attributes
    ----------
    name : str
        As the user calls it; "" if it was the only one and had no name.
    tasks : list of str
        Those that had a label in it, which are those that are answered for it.
    channels, categories, n_timepoints : tuple of str, dict, int
        What its training series were.
    fingerprint, reading : str, dict or None
        Of the samples; see :class:`Samples`.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = PLAIN
    tasks: list[str]
    channels: tuple[str, ...]
    categories: dict[str, tuple[Any, ...]] = {}
    n_timepoints: int
    fingerprint: str = ""
    reading: dict[str, Any] | None = None


class NetworkRecord(BaseModel):
    """One network of a model: its tasks in order, those that it answers, and the static inputs of its data sets."""

    model_config = ConfigDict(extra="forbid")
    tasks: list[str]
    answered: list[str]
    targets: list[dict[str, Any]]
    data: list[str]
    static: list[dict[str, Any] | None]

    @model_validator(mode="before")
    @classmethod
    def _of_one(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Read a record from before there could be several data sets."""
        return (
            content
            if "data" in content
            else content | {"data": [PLAIN], "static": [content.get("static")]}
        )


class RepresentationRecord(BaseModel):
    """What makes the vectors that the networks read."""

    model_config = ConfigDict(extra="forbid")
    kind: str
    n_features: int
    sha256: str


class ModelRecord(BaseModel):
    """What ``model.json`` holds."""

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
    def _of_one(cls, content: dict[str, Any]) -> dict[str, Any]:
        """Read a record from before there could be several data sets."""
        if "data" in content:
            return content
        of_data = set(DataRecord.model_fields) - {"name", "tasks"}
        only = {name: value for name, value in content.items() if name in of_data}
        only["tasks"] = [task.get("name") for task in content.get("tasks", [])]
        return {name: value for name, value in content.items() if name not in of_data} | {
            "data": [only]
        }


def data_record(domain: Domain, tasks: Sequence[Task]) -> DataRecord:
    """Return what a model has to remember of a data set that it has learned from."""
    samples = domain.samples
    return DataRecord(
        name=domain.name,
        tasks=[task.name for task in tasks_of(samples, tasks)],
        channels=samples.channels,
        categories=samples.categories,
        n_timepoints=samples.n_timepoints,
        fingerprint=samples.fingerprint(),
        reading=samples.reading,
    )
