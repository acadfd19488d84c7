"""The rule of a split in words."""

from __future__ import annotations

from multitide.data._splitter import Splitter


def how_split(splitter: Splitter) -> str:
    """Return "by time", "at random", ..."""
    if splitter.by == "random":
        return "at random"
    if splitter.column:
        return f"by {splitter.by} {splitter.column!r}"
    return f"by {splitter.by}"
