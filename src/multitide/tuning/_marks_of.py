"""What a search writes to each of Optuna's trials, checked when it is read back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from optuna.trial import FrozenTrial, TrialState
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    StringConstraints,
    model_validator,
)


class Marks(BaseModel):
    """The number and the attempt of a trial, and its process; the last names a file."""

    number: Annotated[int, Field(ge=0, strict=True)]
    attempt: Annotated[int, Field(ge=0, strict=True)]
    owner: Annotated[str, StringConstraints(pattern=r"^[0-9]+-[0-9]+$")] | None = None


def marks_of(frozen: FrozenTrial) -> Marks:
    """Return the marks of a trial; ValueError if they are not as we write them."""
    return Marks.model_validate(frozen.user_attrs)


class _Stored(BaseModel):
    """What Optuna keeps of a trial, and its samplers rely on."""

    model_config = ConfigDict(strict=True, from_attributes=True)

    state: TrialState
    values: Annotated[list[FiniteFloat], Field(min_length=1, max_length=1)] | None
    datetime_start: datetime | None
    intermediate_values: dict[int, float]
    system_attrs: dict[str, JsonValue]

    @model_validator(mode="after")
    def _check_state(self) -> Self:
        if self.values is None and self.state == TrialState.COMPLETE:
            raise ValueError("a complete trial must have a loss")
        if self.datetime_start is None and self.state != TrialState.WAITING:
            raise ValueError("a trial that has begun must have a time")
        return self


def check_stored(frozen: FrozenTrial) -> None:
    """Raise ValueError unless a trial that was read back is one that Optuna can use."""
    _Stored.model_validate(frozen)
