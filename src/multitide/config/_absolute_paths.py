"""Paths in a configuration, made absolute so that it can be read from any folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from multitide._local_copy import absolute
from multitide._toml import NONE
from multitide.config._data_section import PATHS


def with_absolute_start(
    table: Mapping[str, object], folder: Path
) -> Mapping[str, object]:
    """Return a configuration's content with ``training.start`` as an absolute path."""
    training = table.get("training")
    if not isinstance(training, Mapping):
        return table
    start = training.get("start")
    if not isinstance(start, (str, Path)) or start == NONE:
        return table
    return {**table, "training": {**training, "start": str((folder / start).resolve())}}


def with_absolute_paths(
    table: Mapping[str, object], folder: Path
) -> Mapping[str, object]:
    """Return a configuration's content with the paths of its tables and its start absolute.

    Parameters
    ----------
    table : mapping
        Plain values.
    folder : path
        The folder that paths are relative to.
    """
    data = table.get("data")
    if isinstance(data, list):
        absolute: object = [_with_absolute_tables(row, folder) for row in data]
    else:
        absolute = _with_absolute_tables(data, folder)
    return with_absolute_start({**table, "data": absolute}, folder)


def _with_absolute_tables(section: object, folder: Path) -> object:
    if not isinstance(section, Mapping):
        return section
    changed = dict(section)
    for name in PATHS:
        value = changed.get(name)
        if isinstance(value, (str, Path)):
            changed[name] = str(absolute(value, folder))
    return changed
