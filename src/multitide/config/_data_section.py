"""The ``[data]`` or ``[[data]]`` tables of a configuration: how data sets are read and split."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from multitide._checks import gathering, suggest
from multitide._local_copy import absolute
from multitide._registries import SPLITTERS, part_from_config
from multitide._toml import NONE
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.data._splitter import Splitter
from multitide.data.tables._read_table import read_present, read_table
from multitide.fitting._validation_split import default_splitter
from multitide.tasks import Task

Tasks = Sequence[str | Task] | None
PATHS = ("path", "labels", "store")  # relative to the configuration file
SECTION_KEYS = (
    "name",
    "tasks",
    "split",
)  # keys of [[data]] that are not arguments of read_table
READ_TABLE_KEYS = ["path", *list(inspect.signature(read_table).parameters)[1:]]
READ_TABLE_KEYS.remove("tasks")


@dataclass(frozen=True)
class DataSection:
    """A data set of a configuration.

    Parameters
    ----------
    options : dict
        Arguments of :func:`multitide.read_table`; the first one, the table, is called ``path``.
    name : str, default=""
        The data set's name; "" if it is the only one and has none.
    split : dict, optional
        Parameters of :class:`multitide.Splitter`. The default for ``by`` depends on the samples.
    tasks : list of str or Task, optional
        The tasks; those of the configuration by default.
    require_tasks : bool, default=True
        Whether the table must have the columns of all tasks.
    """

    options: dict[str, Any]
    name: str = DataSets.UNNAMED
    split: dict[str, Any] = field(default_factory=dict)
    tasks: Tasks = None
    require_tasks: bool = True

    def read(self, tasks: Tasks = None) -> Samples:
        """Read the data; `tasks` are those of the configuration."""
        options = dict(self.options)
        path = options.pop("path")
        if self.require_tasks:
            read = read_table
        else:
            read = read_present
        return read(path, tasks=tasks if self.tasks is None else self.tasks, **options)

    def splitter(self, samples: Samples) -> Splitter:
        """Return the rule that splits these samples."""
        by = default_splitter(samples, seed=0).by
        return cast(
            Splitter, part_from_config(SPLITTERS, {"by": by, **self.split}, "split")
        )


def parse_data(
    table: object,
    folder: Path,
    split: dict[str, object],
    tasks: Tasks,
    problems: list[str],
) -> list[DataSection]:
    """Return the data sets of a configuration, and add what is wrong to `problems`.

    Parameters
    ----------
    table : dict or list of dict
        One ``[data]`` table, or several ``[[data]]`` tables. The latter also have a ``name``, may
        have ``tasks``, the names of their tasks (by default all whose columns they have), and may
        have ``split``, which replaces the file's.
    folder : path
        The folder that paths are relative to.
    split, tasks
        The file's.
    problems : list of str
        Is extended.
    """
    if not is_list_of_tables(table):
        if not isinstance(table, Mapping):
            problems.append(f"`data` must be a table, [data]; got {table!r}.")
            table = {}
        options = _parse_options(table, folder, problems)
        return [DataSection(options, split=split)]
    sections: list[DataSection] = []
    for number, row in enumerate(cast("list[Mapping[str, Any]]", table), start=1):
        wrong: list[str] = []
        taken = [section.name for section in sections]
        section = _parse_section(row, folder, split, tasks, taken, wrong)
        sections.append(section)
        has_name = isinstance(section.name, str) and section.name.strip()
        if has_name:
            where = repr(section.name)
        else:
            where = f"number {number}"
        for problem in wrong:
            problems.append(f"In [[data]] {where}: {problem}")
    return sections


def is_list_of_tables(table: object) -> bool:
    """Return whether a value is a list of tables, as ``[[data]]`` is."""
    if not isinstance(table, list) or not table:
        return False
    return all(isinstance(row, Mapping) for row in table)


def plain_data(table: Mapping[str, object], section: DataSection) -> dict[str, object]:
    """Return a ``[data]`` table as it was written, but with absolute paths."""
    paths = {}
    for name in PATHS:
        if name in section.options:
            paths[name] = str(section.options[name])
    return {**table, **paths}


def _parse_section(
    row: Mapping[str, object],
    folder: Path,
    split: dict[str, object],
    tasks: Tasks,
    taken: list[str],
    problems: list[str],
) -> DataSection:
    """Return the data set of one ``[[data]]`` table; `taken` are the names of the earlier ones."""
    options = {}
    for key, value in row.items():
        if key not in SECTION_KEYS:
            options[key] = value
    options = _parse_options(options, folder, problems)
    with gathering(problems):
        part_from_config(SPLITTERS, row.get("split", {}), "data.split")
    name = row.get("name", DataSets.UNNAMED)
    if not isinstance(name, str) or not name.strip():
        problems.append(
            "`data.name` must be a text, and is "
            "required with several data sets; "
            f"got {name!r}."
        )
    elif name in taken:
        problems.append(
            f"`data.name` must differ between data sets; got {name!r} twice."
        )
    own_tasks = None
    if "tasks" in row:
        own_tasks = _own_tasks(row["tasks"], tasks, problems)
    return DataSection(
        options,
        name=cast(str, name),  # checked above, as is the split
        split=cast("dict[str, object]", row.get("split", split)),
        tasks=own_tasks,
        require_tasks="tasks" in row,
    )


def _parse_options(
    values: Mapping[str, object], folder: Path, problems: list[str]
) -> dict[str, object]:
    """Return arguments of `read_table`, with URLs and absolute paths."""
    if "path" not in values:
        problems.append('`data.path` must be given: [data] path = "measurements.csv".')
    options: dict[str, Any] = {}
    for name, value in values.items():
        if name not in READ_TABLE_KEYS:
            problems.append(
                f"`data` has no parameter {name!r}.{suggest(name, READ_TABLE_KEYS)}"
            )
        if value == NONE:
            options[name] = None
        elif name in PATHS and isinstance(value, str):
            options[name] = absolute(value, folder)
        else:
            options[name] = value
    return options


def _own_tasks(names: object, tasks: Tasks, problems: list[str]) -> Tasks:
    """Return the tasks of the file that a ``[[data]]`` table names."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problems.append(f"`data.tasks` must be a list of names; got {names!r}.")
        return None
    if tasks is None:
        return names
    known = {}
    for task in tasks:
        known[task if isinstance(task, str) else task.name] = task
    own = []
    for name in names:
        if name in known:
            own.append(known[name])
        else:
            problems.append(
                "`data.tasks` must name tasks of the file; "
                f"got {name!r}.{suggest(name, known)}"
            )
    return own
