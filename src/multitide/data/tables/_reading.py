"""How a table is read, as plain values: the options, what was found, and what was assumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypedDict, Unpack, get_args

from multitide._checks import (
    check_choice,
    check_positive_int,
    gathering,
    raise_problems,
    repeated,
)
from multitide.data._calendar import check_calendar
from multitide.data._time_format import check_time_format
from multitide.data.tables._number_signs import THOUSANDS
from multitide.data.tables._read_options import (
    Duplicates,
    FileOptions,
    LabelAt,
    Layout,
    MissingRows,
    OnGap,
    ReadOptions,
    TaskSpecs,
)
from multitide.data.tables._task_column import TaskColumn
from multitide.data.tables._text_format import as_separator, check_text_format
from multitide.errors import ParameterError

CHOICES: dict[str, tuple[str | None, ...]] = {
    "on_gap": get_args(OnGap),
    "missing_rows": get_args(MissingRows),
    "duplicates": (None, *get_args(Duplicates)),
    "layout": get_args(Layout),
    "thousands": (None, "", *THOUSANDS),
}
LABEL_AT = get_args(LabelAt)


class ColumnRole(TypedDict):
    """The role of a column, and why it has it."""

    column: str
    table: str
    role: str
    why: str


class TimeStep(TypedDict):
    """The usual time step, in "seconds", "months" or "1" (plain numbers)."""

    size: float
    unit: str


@dataclass(frozen=True)
class Reading:
    """How a table is read.

    The fields are the options of :func:`read_table`; the last seven hold what was found.

    Attributes
    ----------
    time_style : str or None
        How the times are written, where the whole column decided it: "day/month/year", "%Y%m",
        "number", ...
    ends_of_days : bool
        Whether times of 0:00 stand for the end of their day.
    categories : dict of str to tuple
        The categories of each categorical channel, in the order of their codes.
    step : dict or None
        The usual time step, ``{"size": 3600.0, "unit": "seconds"}``; the unit may also be "months"
        or "1" (plain numbers).
    still_cycles : tuple of str or None
        The cycles of `calendar` that are static inputs, as they are constant within every sample;
        None before it was decided.
    columns : tuple of dict
        The role of every column: ``column``, ``table``, ``role``, ``why``.
    assumed : tuple of str
        What was assumed, one sentence each.
    """

    tasks: tuple[TaskColumn, ...] | None = None
    channels: tuple[str, ...] | None = None
    category: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    series: str | None = None
    time: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    window: int | None = None
    stride: int = 1
    on_gap: str = "break"
    every: str | float | None = None
    missing_rows: str = "keep"
    duplicates: str | None = None
    layout: str = "long"
    encoding: str | None = None
    decimal: str | None = None
    separator: str | None = None
    thousands: str | None = None
    sheet: str | None = None
    missing: tuple[str, ...] | None = None
    time_format: str | None = None
    calendar: tuple[str, ...] = ()
    weight: str | None = None
    time_style: str | None = None
    ends_of_days: bool = False
    categories: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    step: TimeStep | None = None
    still_cycles: tuple[str, ...] | None = None
    columns: tuple[ColumnRole, ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def task_names(self) -> list[str]:
        """The names of the tasks."""
        names = []
        for task in self.tasks or ():
            names.append(task.name)
        return names

    @property
    def label_columns(self) -> list[str]:
        """The columns of the tasks' labels."""
        columns = []
        for task in self.tasks or ():
            columns.append(task.column)
        return columns

    @property
    def weight_columns(self) -> list[str]:
        """The columns that say how much rows count, for all tasks or for one."""
        columns = [self.weight]
        for task in self.tasks or ():
            columns.append(task.weight)
        return [name for name in dict.fromkeys(columns) if name is not None]

    def weight_of(self, task: TaskColumn) -> str | None:
        """Return the column that says how much rows count for a task."""
        return task.weight or self.weight

    def with_tasks_in(self, columns: Collection[str]) -> Self:
        """Return the reading without the tasks and weights whose column is not among these."""
        known = self.without_weights_outside(columns)
        if known.tasks is None:
            return known
        present = tuple(task for task in known.tasks if task.column in columns)
        return dataclasses.replace(known, tasks=present)

    def without_weights_outside(self, columns: Collection[str]) -> Self:
        """Return the reading without the weights whose column is not among these."""
        weight = self.weight if self.weight in columns else None
        tasks = self.tasks
        if tasks is not None:
            kept = []
            for task in tasks:
                if task.weight is not None and task.weight not in columns:
                    task = dataclasses.replace(task, weight=None)
                kept.append(task)
            tasks = tuple(kept)
        return dataclasses.replace(self, tasks=tasks, weight=weight)

    @classmethod
    def from_options(cls, **options: Unpack[ReadOptions]) -> Self:
        """Check the options of :func:`read_table` and make them uniform: tuples of names."""
        reading = cls(**_uniform(dict(options)))
        if reading.channels == ():
            raise ParameterError(
                "`channels` must name at least one column; got none. "
                "Leave it out to use every numeric column."
            )
        reading.check()
        return reading

    # Any: JSON values, which have been checked when they were written.
    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> Self:
        """Rebuild a reading from :meth:`to_dict`, also after it was stored as JSON."""
        known = set()
        for field in dataclasses.fields(cls):
            known.add(field.name)
        if unknown := sorted(set(config) - known):
            raise ParameterError(
                "`reading` must have only fields that "
                "this version of multitide knows; "
                f"got {unknown}."
            )
        fields = dict(config)
        for name, value in config.items():
            if isinstance(value, list):
                fields[name] = tuple(value)
        if fields.get("tasks") is not None:
            fields["tasks"] = _task_columns(fields["tasks"])
        fields.setdefault("still_cycles", ())  # earlier versions had channels only
        fields["categories"] = {}
        for name, values in (config.get("categories") or {}).items():
            fields["categories"][name] = tuple(values)
        return cls(**fields)

    def written(self, **options: Unpack[FileOptions]) -> Self:
        """Return the reading for a table that is written in another way; None changes nothing."""
        given = {name: value for name, value in options.items() if value is not None}
        changed = dataclasses.replace(self, **_uniform_file(given))
        if "time_format" in given:  # it decides in place of the earlier table
            changed = dataclasses.replace(changed, time_style=None)
        changed.check()
        return changed

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON values."""
        plain: dict[str, object] = dataclasses.asdict(self)
        for name, value in plain.items():
            if isinstance(value, tuple):
                plain[name] = list(value)
        categories = {}
        for channel, values in self.categories.items():
            categories[channel] = list(values)
        plain["categories"] = categories
        return plain

    def changed(self) -> list[str]:
        """Return the names of the fields that differ from their defaults."""
        default = Reading()
        changed = []
        for field in dataclasses.fields(self):
            if getattr(self, field.name) != getattr(default, field.name):
                changed.append(field.name)
        return changed

    def check(self) -> None:
        """Raise one error that lists every option that is wrong whatever the table holds."""
        problems: list[str] = []
        for name, choices in CHOICES.items():
            with gathering(problems):
                check_choice(name, getattr(self, name), choices)
        with gathering(problems):
            check_text_format(self.encoding, self.separator, self.decimal)
        if isinstance(self.thousands, str) and self.thousands == self.decimal:
            problems.append(
                "`thousands` must differ from `decimal`; "
                f"got {self.decimal!r} for both."
            )
        if self.time_format is not None:
            with gathering(problems):
                check_time_format(self.time_format)
            if self.time == ():
                problems.append(
                    "`time_format` must only be given where there is a time; "
                    f"got {self.time_format!r} and time=()."
                )
        with gathering(problems):
            check_calendar(self.calendar)
        with gathering(problems):
            check_positive_int("stride", self.stride)
        if self.window is not None:
            with gathering(problems):
                check_positive_int("window", self.window)
        self._check_tasks(problems)
        is_vectors = isinstance(self.layout, str) and self.layout == "vectors"
        if is_vectors and self.window not in (None, 1):
            problems.append(
                '`window` must not be given with layout="vectors"; '
                f"got {self.window!r}."
            )
        raise_problems(list(dict.fromkeys(problems)))

    def _check_tasks(self, problems: list[str]) -> None:
        for task in self.tasks or ():
            with gathering(problems):
                check_choice(f"{task.name}.label_at", task.label_at, LABEL_AT)
            with gathering(problems):
                task.check_lead(self.window)
            with gathering(problems):
                task.check_channels(self.channels or (), self.window)
        if twice := repeated(self.task_names):
            problems.append(
                f"`tasks` must have different names; got {twice} more than once."
            )


# Any: options have several types.
def _uniform(options: dict[str, Any]) -> dict[str, Any]:
    """Return options as JSON can store them, with names in tuples."""
    values = _uniform_file(options)
    for name in ("series", "every", "weight"):  # an int column, a Timedelta
        value = values.get(name)
        if value is not None and not isinstance(value, (str, int, float)):
            values[name] = str(value)
    for name in ("series", "weight"):
        if isinstance(values.get(name), str):
            values[name] = values[name].strip()
    for name in ("static", "ignore", "extra", "category", "calendar"):
        values[name] = _as_names(values.get(name))
    for name in ("channels", "time"):
        if values.get(name) is not None:
            values[name] = _as_names(values[name])
    if values.get("tasks") is not None:
        values["tasks"] = _task_columns(values["tasks"])
    return values


# Any: options have several types.
def _uniform_file(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with those of `FileOptions` as JSON can store them."""
    values = dict(options)
    if values.get("sheet") is not None:
        values["sheet"] = str(values["sheet"])  # may be called 2024
    if values.get("missing") is not None:
        values["missing"] = _as_names(values["missing"])
    if "separator" in values:
        values["separator"] = as_separator(values["separator"])
    return values


def _task_columns(specs: TaskSpecs) -> tuple[TaskColumn, ...]:
    if isinstance(specs, (str, Mapping)) or not isinstance(specs, Iterable):
        specs = [specs]
    columns: list[TaskColumn] = []
    for spec in specs:
        columns += TaskColumn.from_spec(spec)
    return tuple(columns)


def _as_names(value: object) -> tuple[str, ...]:
    """Return names in a tuple; a single name stands for a list of one."""
    if value is None:
        return ()
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        return (str(value).strip(),)
    return tuple(str(name).strip() for name in value)
