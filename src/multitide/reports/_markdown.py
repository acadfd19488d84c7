"""Text of users as Markdown: nothing in it is read as Markdown or as HTML."""

from __future__ import annotations

import html
import re

from multitide._visible import visible

ANYWHERE = re.compile(r"([\\`*\[\]|~]|(?<![^\W_])_|_(?![^\W_]))")
# What starts a heading, a list or a numbered list at the start of a line.
AT_START = re.compile(r"^(\s*\d*)([#+\-.)])(?=\s\S|#)")


def markdown(text: object) -> str:
    """Escape the characters that Markdown and HTML give a meaning to; names come from users."""
    escaped = html.escape(visible(text), quote=False)
    escaped = re.sub(r"\s", " ", escaped)
    escaped = ANYWHERE.sub(r"\\\1", escaped)
    return AT_START.sub(r"\1\\\2", escaped)


def code(text: object) -> str:
    """Return text as a code span."""
    plain = re.sub(r"\s", " ", visible(text))
    fence = _fence(plain, 1)
    if fence == "`":
        return f"`{plain}`"
    return f"{fence} {plain} {fence}"


def code_block(text: object) -> str:
    """Return text as a block of code."""
    plain = visible(text)
    fence = _fence(plain, 3)
    return f"{fence}\n{plain}\n{fence}"


def _fence(text: str, at_least: int) -> str:
    """Return backticks that the text does not hold."""
    longest = at_least - 1
    for run in re.findall("`+", text):
        longest = max(longest, len(run))
    return "`" * (longest + 1)
