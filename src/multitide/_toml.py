"""TOML files: read with the place of a mistake, and written."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from multitide._checks import suggest
from multitide.errors import ParameterError

NONE = "none"  # TOML has no null


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file, or raise :class:`ParameterError` with the line that is wrong."""
    path = Path(path)
    if not path.is_file():
        near = (
            suggest(path.name, [p.name for p in path.parent.glob("*.toml")])
            if path.parent.is_dir()
            else ""
        )
        raise ParameterError(f"`config` must be an existing file; got {str(path)!r}.{near}")
    if path.suffix.lower() in (".csv", ".tsv", ".parquet", ".ts"):
        raise ParameterError(
            f"`config` must be a configuration (.toml); got the data file {str(path)!r}. "
            f"`multitide init {shlex.quote(str(path))}` writes one to start from."
        )
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ParameterError(f"{str(path)!r} must be TOML in UTF-8; {error}.") from error


def toml_text(table: Mapping[str, Any]) -> str:
    """Write plain values as TOML: what is no table first, then tables, then lists of tables."""
    lines = [
        f"{_key(key)} = {_value(value)}" for key, value in table.items() if not _is_block(value)
    ]
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += ["", f"[{_key(key)}]", *(f"{_key(k)} = {_value(v)}" for k, v in value.items())]
    for key, value in table.items():
        if _is_block(value) and not isinstance(value, Mapping):
            for row in value:
                lines += [
                    "",
                    f"[[{_key(key)}]]",
                    *(f"{_key(k)} = {_value(v)}" for k, v in row.items()),
                ]
    return "\n".join(lines).lstrip("\n") + "\n"


def _is_block(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)
    )


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if value is None:
        return f'"{NONE}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(str(k))} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    if isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
