"""What a search writes to each of Optuna's trials, checked when it is read back."""

from __future__ import annotations

from typing import Annotated

from optuna.trial import FrozenTrial
from pydantic import BaseModel, Field, StringConstraints


class Marks(BaseModel):
    """The number and the attempt of a trial, and its process; the last names a file."""

    number: Annotated[int, Field(ge=0, strict=True)]
    attempt: Annotated[int, Field(ge=0, strict=True)]
    owner: Annotated[str, StringConstraints(pattern=r"^[0-9]+-[0-9]+$")] | None = None


def marks_of(frozen: FrozenTrial) -> Marks:
    """Return the marks of a trial; ValueError if they are not as we write them."""
    return Marks.model_validate(frozen.user_attrs)
