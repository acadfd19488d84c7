"""Names in a configuration that nothing has: where they belong, or what was meant."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping

from multitide._checks import suggest
from multitide.config._params import DEFAULTS
from multitide.fitting._recipe import PART_PARAMETERS

# Arguments of `compare` and `tune` that other parts of the file, or the command, set.
EXCLUDED_ARGUMENTS = (
    "samples",
    "tasks",
    "estimator",
    "split",
    "draws",
    "folder",
    "progress",
    "verbose",
)
TABLES = (
    "data",
    "split",
    "compare",
    "tune",
    "ensemble",
)  # the others are parameters of the estimator


def unknown_keys(table: Mapping[str, object]) -> list[str]:
    """Return a message for each name in the top level of a file that nothing has."""
    known = [*TABLES, "members", *DEFAULTS]
    problems = []
    for name in table:
        if name not in known:
            hint = _home(name) or suggest(name, known)
            problems.append(
                f"`{name}` must be a table ({', '.join(TABLES)}), "
                "`tasks` or a parameter of MultiTaskEstimator; "
                f"none of them has that name.{hint}"
            )
    return problems


def _home(name: str) -> str:
    """Return a hint for a parameter that belongs to a part."""
    for where, registry in PART_PARAMETERS.items():
        for part in registry.values():
            if name in _arguments(part):
                return f" `{name}` belongs in [{where}]."
    return ""


def unknown_arguments(
    values: Mapping[str, object], known: list[str], where: str
) -> list[str]:
    """Return a message for each argument in the table `where` that is not known."""
    problems = []
    for name in values:
        if name not in known:
            problems.append(
                f"`{where}` has no parameter {name!r}.{suggest(name, known)}"
            )
    return problems


def allowed_arguments(function: Callable[..., object]) -> list[str]:
    """Return the arguments of `compare` or `tune` that a configuration may set."""
    arguments = []
    for name in _arguments(function):
        if name not in EXCLUDED_ARGUMENTS:
            arguments.append(name)
    return arguments


def with_place(problem: str) -> str:
    """Add where a parameter of the estimator belongs that was found within a table.

    A table of TOML ends only where the next one begins.
    """
    unknown = re.search(r"has no parameter '(\w+)'\.", problem)
    if unknown and unknown[1] in DEFAULTS:
        return f"{problem} `{unknown[1]}` belongs above the first [table] of the file."
    return problem


def _arguments(function: Callable[..., object]) -> list[str]:
    return list(inspect.signature(function).parameters)
