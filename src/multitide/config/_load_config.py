"""A TOML file that says everything about a run: the data, the split, the tasks, and the estimator's parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from multitide._checks import gathering, raise_problems, suggest
from multitide._estimator import MultiTaskEstimator
from multitide._registries import SPLITTERS, Registry, part_from_config
from multitide._toml import NONE, read_toml
from multitide.config._config import Config
from multitide.config._data_section import parse_data, parse_several, plain_data
from multitide.data._samples import Samples
from multitide.errors import DataError
from multitide.fitting._data_sets import in_domain
from multitide.fitting._recipe import PART_PARAMETERS, make_recipe
from multitide.tasks import Task, task_from_config

SAID_ELSEWHERE = (
    "samples",
    "tasks",
    "estimator",
    "split",
    "draws",
    "folder",
    "progress",
    "verbose",
)
TABLES = ("data", "split", "compare", "tune")  # what is no parameter of the estimator
REGISTRIES: Mapping[str, Registry] = {**PART_PARAMETERS, "validation": SPLITTERS}
DEFAULTS: dict[str, Any] = MultiTaskEstimator().get_params(deep=False)


def load_config(path: str | Path) -> Config:
    """Read a configuration file.

    Parameters
    ----------
    path : path
        TOML: ``[data]`` holds the arguments of :func:`read_table`, with the file as ``path``;
        ``[split]`` the parameters of :class:`Splitter`; ``[[tasks]]`` a task each; ``[compare]``
        the arguments of :func:`compare` (and ``label_shares``: see :func:`label_curve`), ``[tune]``
        those of :func:`tune`; all else the constructor's parameters of :class:`MultiTaskEstimator`,
        parts as tables. Paths are relative to the file. Several data sets are a ``[[data]]`` each,
        with a ``name`` and, where it has its own, ``split``.

    Returns
    -------
    Config

    Raises
    ------
    ParameterError
        With everything that is wrong, unknown names with a "did you mean".
    """
    problems: list[str] = []
    config = parse_config(read_toml(path), Path(path).parent, problems)
    raise_problems(problems)
    return config


def read_all(config: Config, problems: list[str] | None = None) -> dict[str, Samples]:
    """Read all data sets of a configuration, or raise with what is wrong with any; with `problems`, add it to them."""
    found: dict[str, Samples] = {}
    wrong: list[str] = [] if problems is None else problems
    for name, table in config.tables.items():
        with gathering(wrong), in_domain(name):
            found[name] = table.read()
    if config.several and len(found) == len(config.tables):
        wrong += _nowhere(config.tasks or (), found.values())
    if problems is None and wrong:
        raise DataError("\n".join(wrong))
    return found


def _nowhere(tasks: Iterable[str | Task], tables: Iterable[Samples]) -> list[str]:
    """Name the tasks whose column no table has."""
    there = {name for samples in tables for name in samples.y}
    columns = [
        column["column"]
        for samples in tables
        for column in (samples.reading or {"columns": ()})["columns"]
    ]
    asked = {task if isinstance(task, str) else task.name: task for task in tasks}
    return [
        f"`tasks` must have their columns in some data set; {name!r} is in none.{suggest(name, columns)}"
        for name in asked
        if name not in there
    ]


def parse_config(table: Mapping[str, Any], folder: Path, problems: list[str]) -> Config:
    """Make a `Config` of plain values as far as possible, and add what is wrong to `problems`.

    Parameters
    ----------
    table : mapping
        The file's content.
    folder : path
        What paths are relative to.
    problems : list of str
        Is added to.
    """
    found: list[str] = []
    known = [*TABLES, *DEFAULTS]
    found += [
        f"`{name}` must be a table ({', '.join(TABLES)}), `tasks` or a parameter of MultiTaskEstimator; "
        f"there is none of that name.{_home(name) or suggest(name, known)}"
        for name in table
        if name not in known
    ]
    rows = table.get("data", {})
    many = isinstance(rows, list) and bool(rows) and all(isinstance(row, Mapping) for row in rows)
    tables = {
        name: {} if many and name == "data" else _table(table.get(name, {}), name, found)
        for name in TABLES
    }
    tasks = _tasks(table.get("tasks"), found)
    data = {} if many else parse_data(tables["data"], folder, found)
    several = parse_several(rows, folder, tables["split"], tasks, found) if many else {}
    with gathering(found):
        part_from_config(SPLITTERS, tables["split"], "split")
    if tables["compare"]:
        from multitide.study import compare

        found += _unknown_arguments(
            tables["compare"], [*_said_here(compare), "label_shares"], "compare"
        )
    if tables["tune"]:
        from multitide.tuning import make_space, tune

        found += _unknown_arguments(tables["tune"], _said_here(tune), "tune")
        with gathering(found):
            make_space(tables["tune"].get("space"))
    found += [
        problem for name in ("compare", "tune") for problem in _wrong_budget(tables[name], name)
    ]
    table = _with_absolute_start(table, folder)
    params = {name: value for name, value in table.items() if name in DEFAULTS and name != "tasks"}
    estimator = _estimator(params, found)
    problems += [_with_place(problem) for problem in found]
    pairs = zip(rows, several.values(), strict=True) if several else ()
    written = [plain_data(row, own.data) for row, own in pairs]
    plain = {**table, "data": written or plain_data(tables["data"], data)}
    return Config(
        data, tables["split"], tasks, tables["compare"], tables["tune"], estimator, plain, several
    )


def _wrong_budget(table: Mapping[str, Any], name: str) -> list[str]:
    """Say if a table's budget is no time, before data are read."""
    if table.get("budget", NONE) == NONE:
        return []
    from multitide.study.runs._timing import parse_budget

    problems: list[str] = []
    with gathering(problems):
        parse_budget(table["budget"])
    return [problem.replace("`budget`", f"`{name}.budget`") for problem in problems]


def _with_absolute_start(table: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Return the file's content with the model that training starts from, where there is one, as an absolute path."""
    training = table.get("training")
    if (
        not isinstance(training, Mapping)
        or not isinstance(start := training.get("start"), str)
        or start == NONE
    ):
        return table
    return {**table, "training": {**training, "start": str((folder / start).resolve())}}


def _table(value: Any, name: str, problems: list[str]) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    problems.append(f"`{name}` must be a table, [{name}]; got {value!r}.")
    return {}


def _tasks(values: Any, problems: list[str]) -> list[str | Task] | None:
    if values is None:
        return None
    if not isinstance(values, list) or not values:
        problems.append(
            f'`tasks` must be tables, [[tasks]] name = "load", or a list of names; got {values!r}.'
        )
        return None
    tasks: list[str | Task] = []
    for value in values:
        with gathering(problems):
            tasks.append(task_from_config(value) if isinstance(value, Mapping) else value)
    return tasks


def _estimator(values: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """Return constructor arguments: tables as parts, "none" as None where no part has that name."""
    params: dict[str, Any] = {}
    for name, value in values.items():
        registry = REGISTRIES.get(name, {})
        with gathering(problems):
            if value == NONE and NONE not in registry:
                params[name] = None
            elif isinstance(value, Mapping) and registry:
                params[name] = part_from_config(registry, value, name)
            else:
                params[name] = value
    with gathering(problems):
        make_recipe({**DEFAULTS, **params})
    return params


def _arguments(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def _said_here(function: Any) -> list[str]:
    """Return the arguments of a study or a search that its table of a configuration may hold."""
    return [name for name in _arguments(function) if name not in SAID_ELSEWHERE]


def _unknown_arguments(values: Mapping[str, Any], known: list[str], where: str) -> list[str]:
    return [
        f"`{where}` has no parameter {name!r}.{suggest(name, known)}"
        for name in values
        if name not in known
    ]


def _home(name: str) -> str:
    """Say where a parameter belongs that only a part has."""
    parts = {where: registry.values() for where, registry in PART_PARAMETERS.items()}
    homes = [
        where for where, kinds in parts.items() if any(name in _arguments(part) for part in kinds)
    ]
    return f" `{name}` belongs in [{homes[0]}]." if homes else ""


def _with_place(problem: str) -> str:
    """Add where a parameter of the estimator belongs that stands in some table: TOML's tables never end."""
    found = re.search(r"has no parameter '(\w+)'\.", problem)
    if found and found[1] in DEFAULTS:
        return f"{problem} `{found[1]}` belongs above the first [table] of the file."
    return problem
