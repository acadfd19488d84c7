"""Which column of a table holds the labels of a task, and which rows they are read from."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

from multitide._checks import listed, suggest
from multitide.data.tables._read_options import LabelAt, TaskSpec
from multitide.errors import ParameterError

NO_LATER_ROWS = "A sample that is a whole series has no later rows."


@dataclass(frozen=True)
class TaskColumn:
    """Which column holds the labels of a task, and which rows' labels a window gets."""

    name: str
    column: str
    label_at: LabelAt = "end"
    lead: int = 0
    kind: str | None = None
    task: str | None = None
    weight: str | None = None

    @property
    def task_name(self) -> str:
        """The task that the column belongs to."""
        return self.task or self.name

    @property
    def last(self) -> str:
        """The column of ``Samples.extra`` with the last value before a forecast."""
        return f"{self.column}[last]"

    @classmethod
    def from_spec(cls, spec: TaskSpec) -> list[Self]:
        """Take a task, its name, or a dict of these fields; a task may have several columns."""
        if isinstance(spec, Mapping):
            return [cls._of(spec)]
        if isinstance(spec, str) or not hasattr(spec, "label_columns"):
            name = str(getattr(spec, "name", spec))
            return [cls(name.strip(), name.strip())]
        return [cls._of(place) for place in spec.label_columns()]

    # Any: the fields have several types.
    @classmethod
    def _of(cls, fields: Mapping[str, Any]) -> Self:
        """Take the fields; column names of tables have no blanks around them."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in fields:
            if name not in known:
                raise ParameterError(
                    "`tasks` must have only the fields "
                    f"{listed(known)} in a dict; "
                    f"got {name!r}.{suggest(name, known)}"
                )
        if "name" not in fields:
            raise ParameterError(
                f"`tasks` must have a `name` in every dict; got {dict(fields)!r}."
            )
        named = {"column": fields["name"], **fields}
        for name in ("column", "weight"):
            if isinstance(named.get(name), str):
                named[name] = named[name].strip()
        return cls(**named)

    def check_lead(self, window: int | None) -> None:
        """Raise unless the lead is a number of rows that samples have after them."""
        lead = self.lead
        if isinstance(lead, bool) or not isinstance(lead, int) or lead < 0:
            raise ParameterError(
                f"`{self.name}.lead` must be an int of at least 0; got {lead!r}."
            )
        if window is not None:
            return
        if self.kind == "forecast":
            raise ParameterError(
                "`window` must be given to "
                f"forecast {self.column!r}; "
                f"got None. {NO_LATER_ROWS}"
            )
        if lead:
            raise ParameterError(
                f"`{self.name}.lead` must be 0 without `window`; "
                f"got {lead}. {NO_LATER_ROWS}"
            )

    def check_channels(self, channels: Collection[str], window: int | None) -> None:
        """Raise if a channel gives the label away."""
        if self.column in channels and self.may_lie_in_window(window):
            raise ParameterError(
                "`channels` must not include the "
                f"label of task {self.name!r} at "
                "the rows that the label describes; "
                f"got {self.column!r}. "
                "Remove it from `channels`, or "
                "predict a later label with `lead`."
            )

    def may_lie_in_window(self, window: int | None) -> bool:
        """Whether the label can come from a row of the window itself.

        A channel of the same column would then give the label away.
        """
        if self.lead == 0:
            return True
        return self.label_at != "end" and (window is None or self.lead < window)
