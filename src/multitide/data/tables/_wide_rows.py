"""Point out tables whose rows are whole series: t0, t1, t2, ... beside each other."""

from __future__ import annotations

import re
from collections.abc import Sequence

FEWEST = 12  # columns: sensors are numbered, too
NUMBERED = re.compile(r"(.*?)(\d+)")


def steps_in_columns(columns: Sequence[str]) -> list[str]:
    """Return the columns that may be the time steps of a series; empty if none may.

    They have one name and the numbers that follow each other: t0, t1, t2, ... or 1, 2, 3, ...

    Parameters
    ----------
    columns : sequence of str
        The channels, in the order of the table.
    """
    by_stem: dict[str, list[tuple[int, str]]] = {}
    for column in columns:
        found = NUMBERED.fullmatch(column)
        if found:
            by_stem.setdefault(found[1], []).append((int(found[2]), column))
    for numbered in by_stem.values():
        numbers = [number for number, _ in numbered]
        follow = list(range(numbers[0], numbers[0] + len(numbers)))
        if len(numbers) >= FEWEST and numbers == follow:
            return [column for _, column in numbered]
    return []
