"""A grouping as it is stored, and the checks that it must pass when it is read."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, model_validator

Method = Literal["pairs", "affinity"]
PAIRS: Method = "pairs"
AFFINITY: Method = "affinity"


class GroupingRecord(BaseModel):
    """The plain values of a :class:`multitide.study.Grouping`, in which NaN means unknown."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    tasks: list[str]
    method: Method
    max_groups: PositiveInt | None
    n_seeds: NonNegativeInt
    groups: list[list[str]]
    affinity: list[list[float]]
    predicted: list[float]
    together: list[float]
    cosines: list[list[float]] | None
    norms: list[float] | None

    @model_validator(mode="after")
    def _check_tasks(self) -> Self:
        in_groups = []
        for group in self.groups:
            in_groups.extend(group)
        if sorted(in_groups) != sorted(self.tasks):
            raise ValueError("`groups` must have each task once")
        self._check_sizes(len(self.tasks))
        return self

    def _check_sizes(self, n_tasks: int) -> None:
        for values in (
            self.affinity,
            self.predicted,
            self.together,
            self.cosines,
            self.norms,
        ):
            if values is not None and len(values) != n_tasks:
                raise ValueError(f"all values must be given for {n_tasks} tasks")
        for rows in (self.affinity, self.cosines or []):
            if any(len(row) != n_tasks for row in rows):
                raise ValueError(
                    f"`affinity` and `cosines` must be {n_tasks} x {n_tasks}"
                )
