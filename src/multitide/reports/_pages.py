"""What all pages have in common: how templates are read, names escaped, numbers written and files replaced."""

from __future__ import annotations

import html
import math
import os
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

MISSING = "\N{EN DASH}"


def make_environment() -> Environment:
    """Return what reads the templates beside this module."""
    environment = Environment(
        loader=PackageLoader("multitide.reports"),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["isnan"] = math.isnan
    environment.filters |= {"md": markdown, "percent": lambda share: f"{share:.0%}"}
    environment.filters["sig"] = lambda value: written(value, "{:.4g}")
    environment.filters["signed"] = lambda value: written(value, "{:+.4f}")
    return environment


def markdown(text: Any) -> str:
    """Escape what Markdown would take for its own; a name may hold anything."""
    escaped = html.escape(str(text), quote=False).replace("\n", " ")
    return re.sub(r"([\\`*\[\]|])", r"\\\1", escaped)


def written(value: float | None, form: str) -> str:
    """Write a number; what is missing is a dash."""
    return MISSING if value is None or math.isnan(value) else form.format(value)


def write_page(text: str, path: Path) -> Path:
    """Write a file at once or not at all; an earlier one is replaced."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
    return path
