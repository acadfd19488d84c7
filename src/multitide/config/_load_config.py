"""The configuration file: the data, the split, the tasks, and the estimator's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from multitide._checks import (
    MOST,
    check_positive_int,
    gathering,
    raise_problems,
)
from multitide._registries import SPLITTERS, part_from_config
from multitide._toml import NONE, read_toml
from multitide.config._absolute_paths import with_absolute_start
from multitide.config._budget_problems import budget_problems
from multitide.config._config import Config
from multitide.config._data_section import (
    DataSection,
    is_list_of_tables,
    parse_data,
    plain_data,
)
from multitide.config._members import ensemble_problems, parse_members
from multitide.config._params import DEFAULTS, parse_param
from multitide.config._schema_version import without_version
from multitide.config._unknown_names import (
    TABLES,
    allowed_arguments,
    unknown_arguments,
    unknown_keys,
    with_place,
)
from multitide.engines._make_engine import check_engine
from multitide.fitting._recipe import make_recipe
from multitide.tasks import Task, task_from_config


class Parsed(NamedTuple):
    """A parsed configuration.

    Attributes
    ----------
    config : Config
        As far as it could be parsed.
    problems : list of str
        Everything that is wrong.
    readable : bool
        Whether the problems leave the data and tasks usable.
    """

    config: Config
    problems: list[str]
    readable: bool


def load_config(path: str | Path) -> Config:
    """Read a configuration file.

    Parameters
    ----------
    path : path
        A TOML file. ``[data]`` holds the arguments of :func:`read_table`, with the table as
        ``path``; ``[split]`` the parameters of :class:`Splitter`; ``[[tasks]]`` one task each;
        ``[compare]`` the arguments of :func:`compare` (and ``label_shares``: see
        :func:`label_curve`); ``[tune]`` those of :func:`tune`. Everything else is a parameter of
        :class:`MultiTaskEstimator`, with parts as tables. Paths are relative to the file. For
        several data sets give one ``[[data]]`` table each, with a ``name`` and, optionally, its own
        ``split``.

    Returns
    -------
    Config

    Raises
    ------
    ParameterError
        With everything that is wrong; unknown names with a "did you mean".
    """
    parsed = parse_config(read_toml(path), Path(path).parent)
    raise_problems(parsed.problems)
    return parsed.config


def parse_config(table: Mapping[str, object], folder: Path) -> Parsed:
    """Make a `Config` from plain values, as far as possible.

    Parameters
    ----------
    table : mapping
        The file's content.
    folder : path
        The folder that paths are relative to.

    Raises
    ------
    ParameterError
        If it is of a version that cannot be read.
    """
    table = with_absolute_start(without_version(table), folder)
    problems = unknown_keys(table)
    split, compare, tune, ensemble = (
        _table(table, name, problems) for name in TABLES[1:]
    )
    data_problems: list[str] = []
    tasks = _tasks(table.get("tasks"), data_problems)
    sections = parse_data(table.get("data", {}), folder, split, tasks, data_problems)
    problems += data_problems
    with gathering(problems):
        part_from_config(SPLITTERS, split, "split")
    problems += [*_compare_problems(compare), *_tune_problems(tune)]
    estimator = _estimator(table, problems)
    members = parse_members(table.get("members"), estimator, problems)
    of_ensemble = ensemble_problems(ensemble, members)
    if of_ensemble:
        ensemble = {}
    problems += of_ensemble
    written = {**table, "data": _written_data(table.get("data", {}), sections)}
    config = Config(
        sections, tasks, compare, tune, estimator, written, members, ensemble
    )
    return Parsed(
        config, [with_place(problem) for problem in problems], not data_problems
    )


def _table(
    table: Mapping[str, object], name: str, problems: list[str]
) -> dict[str, object]:
    value = table.get(name, {})
    if isinstance(value, Mapping):
        return dict(value)
    problems.append(f"`{name}` must be a table, [{name}]; got {value!r}.")
    return {}


def _tasks(values: object, problems: list[str]) -> list[str | Task] | None:
    if values is None:
        return None
    if not isinstance(values, list) or not values:
        problems.append(
            "`tasks` must be tables, [[tasks]] "
            'name = "load", or a list of names; '
            f"got {values!r}."
        )
        return None
    tasks: list[str | Task] = []
    for value in values:
        with gathering(problems):
            tasks.append(
                task_from_config(value) if isinstance(value, Mapping) else value
            )
    return tasks


def _compare_problems(table: Mapping[str, object]) -> list[str]:
    if not table:
        return []
    from multitide.study import compare

    known = [*allowed_arguments(compare), "label_shares"]
    return [
        *unknown_arguments(table, known, "compare"),
        *budget_problems(table.get("budget", NONE), "compare"),
        *_count_problems(table, "compare"),
        *_engine_problems(table, "compare"),
    ]


def _tune_problems(table: Mapping[str, object]) -> list[str]:
    if not table:
        return []
    from multitide.tuning import make_space, tune

    problems = unknown_arguments(table, allowed_arguments(tune), "tune")
    with gathering(problems):
        make_space(cast("Mapping[str, object] | None", table.get("space")))
    return [
        *problems,
        *budget_problems(table.get("budget", NONE), "tune"),
        *_count_problems(table, "tune"),
        *_engine_problems(table, "tune"),
    ]


def _count_problems(table: Mapping[str, object], name: str) -> list[str]:
    """Return what is wrong with a table's numbers of seeds, trials and processes."""
    problems: list[str] = []
    for count in MOST:
        if table.get(count, NONE) != NONE:
            with gathering(problems):
                check_positive_int(f"{name}.{count}", table[count])
    return problems


def _engine_problems(table: Mapping[str, object], name: str) -> list[str]:
    """Return what is wrong with a table's engine."""
    problems: list[str] = []
    if "engine" in table:
        with gathering(problems):
            check_engine(f"{name}.engine", table["engine"])
    return problems


def _estimator(table: Mapping[str, object], problems: list[str]) -> dict[str, object]:
    """Return the arguments of the constructor.

    Tables become parts, and "none" becomes None unless a part has that name.
    """
    params: dict[str, Any] = {}
    for name, value in table.items():
        if name not in DEFAULTS or name == "tasks":
            continue
        with gathering(problems):
            params[name] = parse_param(name, value)
    with gathering(problems):
        make_recipe({**DEFAULTS, **params})
    return params


def _written_data(
    table: object,
    sections: list[DataSection],
) -> dict[str, object] | list[dict[str, object]]:
    """Return ``[data]`` or ``[[data]]`` as written, but with absolute paths."""
    if is_list_of_tables(table):
        written = []
        rows = cast("list[Mapping[str, object]]", table)
        for row, section in zip(rows, sections, strict=True):
            written.append(plain_data(row, section))
        return written
    return plain_data(table if isinstance(table, Mapping) else {}, sections[0])
