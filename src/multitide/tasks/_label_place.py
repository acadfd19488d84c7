"""Where the labels of a task come from, as a table is told."""

from __future__ import annotations

from typing import Literal, TypedDict

LabelAt = Literal["end", "start", "mean", "majority", "any"]


class LabelColumn(TypedDict):
    """Where one column of ``y`` comes from, and its weights; see :class:`Task`."""

    name: str
    column: str
    label_at: LabelAt
    lead: int
    kind: str
    task: str
    weight: str | None
