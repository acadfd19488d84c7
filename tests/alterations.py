"""Every way to alter a stored record: other values in every place, one too many, one too few."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

# What an author could write in place of any value.
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    10**9,
    10**300,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "?",
    "../../x",
    "a\0b",
    "x" * 10_000,
    [],
    {},
    [[{"a": [1]}]],
]
# Other changes than a value in place of another.
LEFT_OUT, RENAMED, ADDED = "(left out)", "(renamed)", "(added)"


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a record."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from places(each, (*path, key))
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from places(each, (*path, i))


def altered(record: Any, path: tuple[Any, ...], change: object) -> Any:
    """Return the record with one change at a place."""
    changed = copy.deepcopy(record)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    last = path[-1]
    if change == LEFT_OUT:
        del parent[last]
    elif change == RENAMED and isinstance(parent, dict):
        parent[f"../../{last}"] = parent.pop(last)
    elif change == ADDED and isinstance(parent[last], dict):
        parent[last]["unknown"] = 1
    elif change == ADDED and isinstance(parent[last], list):
        parent[last].append(copy.deepcopy(parent[last][-1:]))
    else:
        parent[last] = copy.deepcopy(change)
    return changed


def alterations(record: Any, every: int = 1) -> Iterator[tuple[object, Any]]:
    """Yield every n-th altered record, each with a description of the change."""
    number = 0
    for path in places(record):
        for change in [LEFT_OUT, RENAMED, ADDED, *VALUES]:
            number += 1
            if number % every == 0:
                yield (path, repr(change)[:40]), altered(record, path, change)
