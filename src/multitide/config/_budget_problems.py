"""What is wrong with a budget in a configuration, which is otherwise parsed after reading."""

from __future__ import annotations

from typing import cast

from multitide._budget import parse_budget
from multitide._checks import gathering
from multitide._toml import NONE


def budget_problems(budget: object, table: str) -> list[str]:
    """Return what is wrong with the budget of a table.

    Parameters
    ----------
    budget : object
        The value in the file; "none" if there is none.
    table : str
        Name of the table, for the message.
    """
    if budget == NONE:
        return []
    problems: list[str] = []
    with gathering(problems):
        parse_budget(cast("str | float", budget))
    named = []
    for problem in problems:
        named.append(problem.replace("`budget`", f"`{table}.budget`"))
    return named
