"""The pages of the documentation as tests read them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {"README": ROOT / "README.md", "README.ko": ROOT / "README.ko.md"}
for path in sorted((ROOT / "docs").rglob("*.md")):
    if "_build" in path.parts:  # copies that Sphinx made
        continue
    PAGES[str(path.relative_to(ROOT / "docs").with_suffix(""))] = path


def page(name: str) -> str:
    """Return the text of a page, such as ``"guide/tasks"`` or ``"README"``."""
    return PAGES[name].read_text(encoding="utf-8")


def blocks(name: str, language: str = "") -> list[str]:
    """Return the code blocks of a page in one language; those without one are commands."""
    found = re.findall(
        r"^```(\w*)\n(.*?)^```", page(name), flags=re.DOTALL | re.MULTILINE
    )
    return [code for written_in, code in found if written_in == language]
