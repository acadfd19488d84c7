"""The types of what `read_table` takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

import pandas as pd

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

# A file or folder, or a table in memory: of pandas, or another library that Narwhals knows.
Table: TypeAlias = "str | Path | pd.DataFrame | IntoFrame"
Names: TypeAlias = "str | Sequence[str]"
Values: TypeAlias = "str | float | Sequence[str | float]"

OnGap: TypeAlias = Literal["break", "ignore"]
MissingRows: TypeAlias = Literal["keep", "drop"]
Duplicates: TypeAlias = Literal["first", "last", "mean"]
Layout: TypeAlias = Literal["long", "vectors"]
LabelAt: TypeAlias = Literal["end", "start", "mean", "majority", "any"]


class TaskLike(Protocol):
    """A task that says which columns hold its labels, as every task of multitide does."""

    def label_columns(self) -> Sequence[Mapping[str, object]]:
        """Return the fields of a `TaskColumn` for each label column."""


TaskSpec: TypeAlias = "str | TaskLike | Mapping[str, Any]"
TaskSpecs: TypeAlias = "TaskSpec | Sequence[TaskSpec]"


class FileOptions(TypedDict, total=False):
    """The options of `read_table` that say how a file is written; other tables may differ."""

    encoding: str | None
    decimal: str | None
    separator: str | None
    thousands: str | None
    sheet: str | None
    missing: Values | None
    time_format: str | None


class UncutOptions(FileOptions, total=False):
    """The options of `read_table` but for the window."""

    tasks: TaskSpecs | None
    channels: Names | None
    category: Names
    static: Names
    series: str | None
    time: Names | None
    ignore: Names
    extra: Names
    on_gap: OnGap
    every: str | float | pd.Timedelta | None
    missing_rows: MissingRows
    duplicates: Duplicates | None
    layout: Layout
    calendar: Names
    weight: str | None


class ReadOptions(UncutOptions, total=False):
    """The options of `read_table`."""

    window: int | None
    stride: int
