"""The names of the columns of a table."""

from __future__ import annotations

from multitide.errors import DataError


def check_names(names: list[str], table: str) -> None:
    """Raise if two columns of a table have the same name."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(
            f"`{table}` must have different column names; got {twice} more than once."
        )
