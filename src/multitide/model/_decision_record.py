"""What ``model.json`` says about the thresholds of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, cast

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt

from multitide.fitting._decide import Decision
from multitide.tasks._deciding import DecidingTarget
from multitide.tasks._multi_label import MultiLabelTarget
from multitide.tasks._task import Target


class DecisionRecord(BaseModel):
    """A threshold; see :class:`Decision`."""

    model_config = ConfigDict(extra="forbid")
    task: str
    label: str
    positive: bool | int | float | str
    rule: str
    threshold: Annotated[float, Field(ge=0, le=1)] | None
    measure: str
    value: FiniteFloat | None
    at_half: FiniteFloat | None
    n_labels: NonNegativeInt


def decision_records(rows: Sequence[Decision]) -> list[DecisionRecord]:
    """Return what a model stores about its thresholds."""
    return [DecisionRecord.model_validate(row) for row in rows]


def decisions_of(records: Sequence[DecisionRecord]) -> list[Decision]:
    """Return the thresholds of a stored model."""
    return [cast(Decision, record.model_dump()) for record in records]


def check_decisions(
    records: Sequence[DecisionRecord], targets: Mapping[str, Target]
) -> None:
    """Raise :class:`ValueError` unless records have a threshold per answer of their tasks."""
    by_task: dict[str, list[str]] = {}
    for record in records:
        by_task.setdefault(record.task, []).append(record.label)
    for task, labels in by_task.items():
        target = targets.get(task)
        expected = [""]
        if isinstance(target, MultiLabelTarget):
            expected = list(target.task.columns)
        if not isinstance(target, DecidingTarget) or labels != expected:
            raise ValueError(f"{task!r} must have a threshold for each yes/no answer")
