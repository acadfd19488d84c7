"""The version of the schema of a configuration, which a newer multitide may have changed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from multitide.errors import ParameterError

KEY = "schema_version"
SCHEMA = 1


def with_version(table: Mapping[str, object]) -> dict[str, object]:
    """Return the content of a file that says of which version it is."""
    return {KEY: SCHEMA, **table}


def without_version(table: Mapping[str, object]) -> dict[str, object]:
    """Return the content of a file without its version; a file without one is of the first.

    Raises
    ------
    ParameterError
        If this version of multitide cannot read it.
    """
    given = table.get(KEY, SCHEMA)
    if given != SCHEMA or isinstance(given, (bool, float)):
        raise ParameterError(
            f"`{KEY}` must be {SCHEMA}, which multitide {version('multitide')} reads; "
            f"got {given!r}. Install the multitide that wrote the file, or a newer one."
        )
    return {name: value for name, value in table.items() if name != KEY}
