"""How a table is read, as plain values: what the user asked, what was found, and what was assumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from multitide._checks import check_choice, check_positive_int
from multitide.errors import ParameterError

CHOICES: dict[str, tuple[str | None, ...]] = {
    "on_gap": ("break", "ignore"),
    "missing_rows": ("keep", "drop"),
    "duplicates": (None, "first", "last", "mean"),
    "layout": ("long", "vectors"),
}
LABEL_AT = ("end", "start", "mean", "majority", "any")


@dataclass(frozen=True)
class TaskColumn:
    """Where a task's labels come from; the part of a task that the data floor knows."""

    name: str
    column: str
    label_at: str = "end"
    lead: int = 0
    kind: str | None = None

    @property
    def last(self) -> str:
        """The column of ``Samples.extra`` with the last value before a forecast."""
        return f"{self.column}[last]"

    @classmethod
    def from_spec(cls, spec: Any) -> list[Self]:
        """Take the name of a task, a task, or a dict of these fields; a task may own several columns."""
        if isinstance(spec, Mapping):
            return [cls(**spec)]
        if not hasattr(spec, "label_columns"):
            name = str(getattr(spec, "name", spec))
            return [cls(name, name)]
        return [cls(**place) for place in spec.label_columns()]

    def looks_inside(self, window: int | None) -> bool:
        """Whether its label can lie on a row of the window, where a channel of the same column would give it away."""
        return self.lead == 0 or (self.label_at != "end" and (window is None or self.lead < window))


@dataclass(frozen=True)
class Reading:
    """How a table is read. The fields are the parameters of :func:`read_table`; the last four are what was found.

    Attributes
    ----------
    categories : dict of str to tuple
        The categories of each channel of categories, in the order of their codes.
    step : dict or None
        The usual time step, ``{"size": 3600.0, "unit": "seconds"}``; unit "months" or "1" (plain
        numbers) too.
    columns : tuple of dict
        The role of every column and why it has it: ``column, table, role, why``.
    assumed : tuple of str
        What was assumed, one sentence each.
    """

    tasks: tuple[TaskColumn, ...] | None = None
    channels: tuple[str, ...] | None = None
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
    categories: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    step: dict[str, Any] | None = None
    columns: tuple[dict[str, str], ...] = ()
    assumed: tuple[str, ...] = ()

    @classmethod
    def from_options(
        cls, *, tasks: Any = None, channels: Any = None, time: Any = None, **options: Any
    ) -> Self:
        """Check what the user asked for and make it uniform (names in tuples)."""
        for name in ("series", "every"):  # an int column name, a Timedelta: texts in JSON
            if options.get(name) is not None and not isinstance(options[name], (str, int, float)):
                options[name] = str(options[name])
        lists = {name: _names(options.pop(name, ())) for name in ("static", "ignore", "extra")}
        reading = cls(
            tasks=None
            if tasks is None
            else tuple(c for t in _listed(tasks) for c in TaskColumn.from_spec(t)),
            channels=None if channels is None else _names(channels),
            time=None if time is None else _names(time),
            static=lists["static"],
            ignore=lists["ignore"],
            extra=lists["extra"],
            **options,
        )
        if reading.channels == ():
            raise ParameterError(
                "`channels` must name at least one column; got none. Leave it out to have them found."
            )
        reading.check()
        return reading

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> Self:
        """Rebuild a reading from :meth:`to_dict`, also after a journey through JSON."""
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := sorted(set(config) - known):
            raise ParameterError(
                f"`reading` must hold only what this version of multitide knows; got {unknown}."
            )
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in config.items()
        }
        if fields.get("tasks") is not None:
            fields["tasks"] = tuple(
                c for task in fields["tasks"] for c in TaskColumn.from_spec(task)
            )
        fields["categories"] = {
            name: tuple(values) for name, values in (config.get("categories") or {}).items()
        }
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        config: dict[str, Any] = dataclasses.asdict(self)
        plain = {
            key: list(value) if isinstance(value, tuple) else value for key, value in config.items()
        }
        plain["categories"] = {name: list(values) for name, values in self.categories.items()}
        return plain

    def noted(self, *sentences: str) -> Self:
        """Return a copy that has assumed more."""
        return dataclasses.replace(self, assumed=(*self.assumed, *sentences))

    def check(self) -> None:
        """Raise one error that lists every option that is wrong by itself, whatever the table."""
        problems = []
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                problems.append(_problem(check_choice, name, getattr(self, name), choices))
        for name in ("window", "stride"):
            if getattr(self, name) is not None:
                problems.append(_problem(check_positive_int, name, getattr(self, name)))
        problems += [problem for task in self.tasks or () for problem in self._task_problems(task)]
        names = [task.name for task in self.tasks or ()]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            problems.append(f"`tasks` must have different names; got {twice} more than once.")
        if self.layout == "vectors" and self.window not in (None, 1):
            problems.append(
                f'`window` must not be given with layout="vectors"; got {self.window!r}.'
            )
        if found := "\n".join(dict.fromkeys(problem for problem in problems if problem)):
            raise ParameterError(found)

    def _task_problems(self, task: TaskColumn) -> list[str]:
        """Say what is wrong with a task's place in time."""
        found = [_problem(check_choice, f"{task.name}.label_at", task.label_at, LABEL_AT)]
        if isinstance(task.lead, bool) or not isinstance(task.lead, int) or task.lead < 0:
            found.append(f"`{task.name}.lead` must be an int of at least 0; got {task.lead!r}.")
        elif task.kind == "forecast" and self.window is None:
            found.append(
                f"`window` must be given for a forecast of {task.column!r}: a whole series has no later rows."
            )
        elif task.lead and self.window is None:
            found.append(
                f"`{task.name}.lead` needs a `window`: a whole series has no later rows; got {task.lead}."
            )
        if (
            self.channels is not None
            and task.column in self.channels
            and task.looks_inside(self.window)
        ):
            found.append(
                f"`channels` must not hold the label of task {task.name!r} on the rows it asks about; "
                f"got {task.column!r}. Remove it from `channels`, or ask for a later label with `lead`."
            )
        return [problem for problem in found if problem]


def _problem(check: Any, *arguments: Any) -> str:
    """Return the message of a check that raises, or ""."""
    try:
        check(*arguments)
    except ParameterError as error:
        return str(error)
    return ""


def _listed(value: Any) -> Sequence[Any]:
    """Return a list; a single name or task stands for a list of one."""
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        return [value]
    return list(value)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in _listed(value)) if value is not None else ()
