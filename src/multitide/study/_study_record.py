"""What ``study.json`` contains, and the checks that it must pass before it is used."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    model_validator,
)

from multitide.study.grouping._grouping_record import GroupingRecord
from multitide.study.runs._fit_record import FailedFit

SCHEMA = 3

# The name of a run's folder. A key that could lead anywhere else is refused.
Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$")]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class ArmRecord(_Record):
    """The groups of tasks of an arm, and its settings."""

    groups: list[list[str]]
    settings: dict[str, JsonValue]


class RunsRecord(_Record):
    """Some arms and the keys of their fits.

    Fits that failed are described here and have no folder, so that they are tried again.
    """

    settings: dict[str, ArmRecord] = Field(min_length=1)
    runs: list[tuple[str, NonNegativeInt, NonNegativeInt, list[Key]]]
    failed: dict[Key, FailedFit]

    @model_validator(mode="after")
    def _check_runs(self) -> Self:
        for arm, _, _, keys in self.runs:
            if arm not in self.settings:
                raise ValueError(f"`runs` must be of arms in `settings`; got {arm!r}")
            if len(keys) != len(self.settings[arm].groups):
                raise ValueError(f"`runs` must have one key per group of {arm!r}")
        return self


class DataRecord(_Record):
    """One data set: its name, its tasks, those with weights, and one fingerprint per fold."""

    name: str
    task_names: list[str]
    weights: list[str] = []
    fingerprints: list[str] = Field(min_length=1)


class DataFacts(_Record):
    """What is known about the samples of a data set."""

    model_config = ConfigDict(extra="allow")

    fingerprint: str = ""
    n_samples: NonNegativeInt = 0
    n_channels: NonNegativeInt = 0
    channels: list[str] = []
    split: dict[str, JsonValue] = {}


class FactsRecord(DataFacts):
    """What is known about the study; the facts of the only data set are among them."""

    command: str = ""
    versions: dict[str, str] = {}
    data: dict[str, DataFacts] = {}
    n_folds: PositiveInt = 1
    n_jobs: PositiveInt = 1
    seconds: float = 0.0
    left_out: str = ""
    looks: str = ""
    longer: list[dict[str, JsonValue]] = []
    longer_words: str = ""


class StudyRecord(RunsRecord):
    """All of ``study.json``."""

    tasks: list[dict[str, JsonValue]] = Field(min_length=1)
    n_seeds: PositiveInt
    data: list[DataRecord] = Field(min_length=1)
    margin: Fraction
    confidence: Fraction
    facts: FactsRecord | None
    groupings: dict[str, GroupingRecord]
    conditions: RunsRecord | None

    @model_validator(mode="after")
    def _check_numbers(self) -> Self:
        n_folds = len(self.data[0].fingerprints)
        if any(len(data.fingerprints) != n_folds for data in self.data):
            raise ValueError("`data` must have the same number of folds everywhere")
        if len({data.name for data in self.data}) < len(self.data):
            raise ValueError("`data` must have different names")
        if self.conditions is None:
            conditions = []
        else:
            conditions = self.conditions.runs
        for arm, seed, fold, _ in [*self.runs, *conditions]:
            if seed >= self.n_seeds or fold >= n_folds:
                raise ValueError(
                    f"`runs` must have known seeds and folds; {arm!r} has others"
                )
        return self
