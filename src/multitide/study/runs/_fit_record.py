"""What is stored of a fit, and the checks that it must pass when it is read."""

from __future__ import annotations

from typing import Annotated, Literal, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeInt,
    model_validator,
)

from multitide.study.runs._fits import FitFacts

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _SetSizes(BaseModel):
    """The number of labelled rows of a question in each set."""

    model_config = ConfigDict(strict=True)

    train: NonNegativeInt
    validation: NonNegativeInt
    test: NonNegativeInt


class _FitRecord(BaseModel):
    """What is known about a fit; see :class:`FitFacts`. Facts of other versions are kept."""

    model_config = ConfigDict(strict=True, extra="allow")

    status: Literal["done", "failed"]
    reason: str
    tasks: list[str] = Field(min_length=1)
    seed: NonNegativeInt
    fold: NonNegativeInt
    seconds: Seconds
    settings: dict[str, JsonValue]
    n_labelled: dict[str, _SetSizes]
    n_rows: NonNegativeInt = 0
    n_parameters: NonNegativeInt = 0
    n_steps: NonNegativeInt = 0
    n_features: NonNegativeInt = 0
    n_trees: NonNegativeInt = 0
    n_last: NonNegativeInt = 0
    random_state: NonNegativeInt | None = None
    best_epoch: dict[str, NonNegativeInt] | None = None
    validation_loss: dict[str, float] = {}
    diverged: str = ""
    weights: dict[str, dict[str, float]] = {}
    thresholds: dict[str, list[Annotated[float, Field(ge=0, le=1)] | None]] = {}
    affinity: dict[str, list[JsonValue]] = {}
    classes: dict[str, list[JsonValue]] = {}
    warnings: list[str] = []
    versions: dict[str, str] = {}

    @model_validator(mode="after")
    def _check_counts(self) -> Self:
        if unknown := set(self.tasks) - set(self.n_labelled):
            raise ValueError(f"`n_labelled` must have {sorted(unknown)}")
        return self


class FailedFit(_FitRecord):
    """Why a fit failed, with all that is known about it."""

    status: Literal["failed"]

    def facts(self) -> FitFacts:
        """Return the facts as they were stored."""
        return cast(FitFacts, self.model_dump(exclude_unset=True))


class DoneFit(_FitRecord):
    """What ``run.json`` must contain.

    Attributes
    ----------
    key : str
    columns : dict of str to list of str
        The columns with the answers of each question.
    n_answers : dict of str to int
        The number of test rows of each question.
    """

    status: Literal["done"]
    key: str
    columns: dict[str, Annotated[list[str], Field(min_length=1)]]
    n_answers: dict[str, NonNegativeInt]

    def facts(self) -> FitFacts:
        """Return the facts as they were stored."""
        own = {"key", "columns", "n_answers"}
        return cast(FitFacts, self.model_dump(exclude_unset=True, exclude=own))

    @model_validator(mode="after")
    def _check_tasks(self) -> Self:
        for name, by_task in (("columns", self.columns), ("n_answers", self.n_answers)):
            if sorted(by_task) != sorted(self.tasks):
                raise ValueError(f"`{name}` must be of the tasks {self.tasks}")
        return self
