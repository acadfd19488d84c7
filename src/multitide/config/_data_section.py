"""The data of a configuration: one table, ``[data]``, or several, ``[[data]]``, each with its reading and its split."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from multitide._checks import gathering, suggest
from multitide._registries import SPLITTERS, part_from_config
from multitide._toml import NONE
from multitide.data._samples import Samples
from multitide.data._splits import Splitter
from multitide.data.tables._read_table import read_present, read_table
from multitide.fitting._data_sets import PLAIN
from multitide.fitting._validation_split import fitting_rule
from multitide.tasks import Task

PATHS = ("path", "labels")  # relative to the file
OWN = ("name", "tasks", "split")  # of one of several tables, beside the arguments of read_table


@dataclass(frozen=True)
class DataTable:
    """A table of a configuration.

    Attributes
    ----------
    data : dict
        Arguments of :func:`multitide.read_table`, but for ``path``, which is its first one.
    split : dict
        Parameters of :class:`multitide.Splitter`; without ``by``, the rule that fits the samples.
    tasks : list of str or Task, or None
        The tasks; None: every label column.
    some : bool
        Whether the table need not have the columns of all tasks, because other tables may.
    """

    data: dict[str, Any]
    split: dict[str, Any] = field(default_factory=dict)
    tasks: Sequence[str | Task] | None = None
    some: bool = False

    def read(self) -> Samples:
        """Read the data."""
        options = {name: value for name, value in self.data.items() if name != "path"}
        reader = read_present if self.some else read_table
        return reader(self.data["path"], tasks=self.tasks, **options)

    def splitter(self, samples: Samples) -> Splitter:
        """Return the rule that cuts these samples."""
        by = fitting_rule(samples, seed=0).by
        splitter = part_from_config(SPLITTERS, {"by": by, **self.split}, "split")
        assert isinstance(splitter, Splitter)
        return splitter


def parse_data(values: Mapping[str, Any], folder: Path, problems: list[str]) -> dict[str, Any]:
    """Return the arguments of `read_table` in a ``[data]``, paths absolute, and add what is wrong to `problems`."""
    if "path" not in values:
        problems.append('`data.path` must be given: [data] path = "measurements.csv".')
    known = [
        "path",
        *(
            name
            for name in inspect.signature(read_table).parameters
            if name not in ("data", "tasks")
        ),
    ]
    problems += [
        f"`data` has no parameter {name!r}.{suggest(name, known)}"
        for name in values
        if name not in known
    ]
    data = {name: None if value == NONE else value for name, value in values.items()}
    found = {
        name: value for name, value in data.items() if name in PATHS and isinstance(value, str)
    }
    return data | {name: (folder / value).resolve() for name, value in found.items()}


def parse_several(
    rows: Sequence[Mapping[str, Any]],
    folder: Path,
    split: dict[str, Any],
    tasks: Sequence[str | Task] | None,
    problems: list[str],
) -> dict[str, DataTable]:
    """Return the tables of some ``[[data]]`` by name, and add what is wrong to `problems`.

    Parameters
    ----------
    rows : sequence of dict
        The tables: ``name``, the arguments of `read_table`, and where wanted ``tasks``, the names
        of those that it has (without it, all whose column it has), and ``split``, instead of the
        file's.
    folder : path
        What paths are relative to.
    split, tasks
        The file's.
    problems : list of str
        Is added to.
    """
    found: dict[str, DataTable] = {}
    for number, row in enumerate(rows, start=1):
        own = {key: value for key, value in row.items() if key in OWN}
        wrong: list[str] = []
        data = parse_data(
            {key: value for key, value in row.items() if key not in OWN}, folder, wrong
        )
        rule = own.get("split", split)
        with gathering(wrong):
            part_from_config(SPLITTERS, own.get("split", {}), "data.split")
        name = own.get("name", PLAIN)
        called = (
            f"[[data]] {name!r}"
            if isinstance(name, str) and name.strip()
            else f"[[data]] number {number}"
        )
        if called.endswith(str(number)):
            wrong.append(
                f"`data.name` must be a text, and given where there are several data sets; got {name!r}."
            )
        elif name in found:
            wrong.append(f"`data.name` must be another for each data set; got {name!r} twice.")
        mine = _own_tasks(own.get("tasks"), tasks, wrong)
        problems += [f"In {called}: {problem}" for problem in wrong]
        found[name if name not in found else f"{name} {number}"] = DataTable(
            data, rule, mine, "tasks" not in own
        )
    return found


def plain_data(values: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ``[data]`` as it was written, but with absolute paths."""
    return {**values, **{name: str(data[name]) for name in PATHS if name in data}}


def _own_tasks(
    names: Any, tasks: Sequence[str | Task] | None, problems: list[str]
) -> Sequence[str | Task] | None:
    """Return those of the file's tasks that a table names, all where it names none."""
    if names is None:
        return tasks
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problems.append(f"`data.tasks` must be a list of names; got {names!r}.")
        return tasks
    if tasks is None:
        return names
    known = {task if isinstance(task, str) else task.name: task for task in tasks}
    problems += [
        f"`data.tasks` must name tasks of the file; got {name!r}.{suggest(name, known)}"
        for name in names
        if name not in known
    ]
    return [known[name] for name in names if name in known]
