"""The members of an ensemble in a configuration: ``[[members]]`` and ``[ensemble]``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from multitide._checks import check_positive_int, gathering, suggest
from multitide.config._budget_problems import budget_problems
from multitide.config._params import DEFAULTS, parse_param
from multitide.engines._make_engine import check_engine
from multitide.errors import ParameterError
from multitide.fitting._recipe import make_recipe

Members = dict[str, dict[str, Any]] | str | None
COUNTS = ("n_seeds", "n_jobs")
# Parameters that the file or the ensemble sets for all members.
NOT_OF_A_MEMBER = ("tasks", "validation", "random_state", "verbose")


def parse_members(
    value: object, estimator: Mapping[str, object], problems: list[str]
) -> Members:
    """Return the members by name, and add what is wrong with them to `problems`.

    Parameters
    ----------
    value : object
        ``members`` of the file: "best", or tables with a ``name`` and parameters of the estimator.
    estimator : mapping
        Parameters at the top of the file, which hold for every member that does not change them.
    problems : list of str
        One sentence is added per problem.
    """
    if value is None:
        return None
    from multitide.ensemble._plan import BEST

    if value == BEST:
        return BEST
    if not isinstance(value, list) or not value:
        problems.append(
            '`members` must be "best", or tables, [[members]] name = "network"; '
            f"got {value!r}."
        )
        return None
    members: dict[str, dict[str, Any]] = {}
    for i, table in enumerate(value):
        with gathering(problems):
            name = _name_of_member(i, table, members)
            members[name] = _parse_member(name, table, estimator)
    return members or None


def _name_of_member(place: int, table: object, others: Collection[str]) -> str:
    """Return the name of a member; raise unless it is a text that no other one has."""
    name = table.get("name") if isinstance(table, Mapping) else None
    if not isinstance(name, str) or not name.strip() or name in others:
        raise ParameterError(
            f"`members.{place}.name` must be a text that no other member has; got {name!r}."
        )
    return name


def _parse_member(
    name: str, table: Mapping[str, object], estimator: Mapping[str, object]
) -> dict[str, Any]:
    """Return the parameters of one member."""
    params: dict[str, Any] = {}
    problems: list[str] = []
    known = []
    for each in DEFAULTS:
        if each not in NOT_OF_A_MEMBER:
            known.append(each)
    for key, value in table.items():
        if key == "name":
            continue
        if key not in known:
            problems.append(
                f"`members.{name}` has no parameter {key!r}.{suggest(key, known)}"
            )
            continue
        with gathering(problems):
            params[key] = parse_param(key, value)
    if not problems:
        with gathering(problems):
            make_recipe({**DEFAULTS, **estimator, **params})
    if problems:
        lines = []
        for line in "\n".join(problems).splitlines():
            lines.append(line if "`members." in line else f"`members.{name}`: {line}")
        raise ParameterError("\n".join(lines))
    return params


def ensemble_problems(table: Mapping[str, object], members: Members) -> list[str]:
    """Return what is wrong with ``[ensemble]``."""
    problems: list[str] = []
    if table and members is None:
        problems.append(
            '`ensemble` must come with `members`; got none. Add members = "best" at the top.'
        )
    for name, value in table.items():
        if name in COUNTS:
            with gathering(problems):
                check_positive_int(f"ensemble.{name}", value)
        elif name == "budget":
            problems += budget_problems(value, "ensemble")
        elif name == "engine":
            with gathering(problems):
                check_engine("ensemble.engine", value)
        else:
            known = [*COUNTS, "budget", "engine"]
            problems.append(
                f"`ensemble` has no parameter {name!r}.{suggest(name, known)}"
            )
    return problems
