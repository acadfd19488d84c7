"""The names of the columns of a table."""

from __future__ import annotations

from multitide._checks import repeated
from multitide.errors import DataError


def check_names(names: list[str], table: str) -> None:
    """Raise if two columns of a table have the same name."""
    if twice := repeated(names):
        raise DataError(
            f"`{table}` must have different column names; "
            f"got {twice} more than once. Rename all but one."
        )
