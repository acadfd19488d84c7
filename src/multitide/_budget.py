"""A time budget from text, such as "30m", and times in words."""

from __future__ import annotations

import math
import re

from multitide.errors import ParameterError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def parse_budget(budget: str | float | None) -> float:
    """Return a budget in seconds.

    Parameters
    ----------
    budget : str, number or None
        ``"30m"``, ``"90s"``, ``"1.5h"``, or seconds; None is no limit.

    Raises
    ------
    ParameterError
        If it is anything else, or not positive.
    """
    if budget is None:
        return math.inf
    seconds = 0.0
    if isinstance(budget, (int, float)) and not isinstance(budget, bool):
        seconds = float(budget)
    else:
        matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh])\s*", str(budget))
        if matched is not None:
            seconds = float(matched[1]) * UNITS[matched[2]]
    if not seconds > 0:
        raise ParameterError(
            f'`budget` must be a time such as "90s", "30m" or "2h"; got {budget!r}.'
        )
    return seconds


def in_words(seconds: float) -> str:
    """Return a time as text, such as "12 min"."""
    if math.isnan(seconds):
        return "an unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
