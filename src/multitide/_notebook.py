"""What notebooks show: small pieces of HTML that need nothing else, escaped, readable on light and on dark ground."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

# Of a middling lightness, so that they can be read on white and on black; a sign says the same
# without colour.
VERDICTS = {
    "helps": ("▲", "#189069"),
    "hurts": ("▼", "#d65440"),
    "same": ("=", "#4a86d0"),
    "cannot tell": ("?", "#a07f3c"),
    "failed": ("\N{MULTIPLICATION SIGN}", "#808893"),
    "met": ("▲", "#189069"),
    "not met": ("▼", "#d65440"),
}
_RULE = "1px solid rgba(128, 128, 128, .35)"
_CELL = "padding: .25em .9em .25em 0; text-align: {}; vertical-align: baseline; white-space: {}; background: none; "
_FRAME = "color: inherit; background: none; font-size: .9em; line-height: 1.45; overflow-x: auto; margin: .3em 0"
WIDE = 40  # characters; a cell with more may wrap


def panel(title: str, *parts: str) -> str:
    """Return pieces below each other under a title; `parts` are HTML, the title is text."""
    head = f'<div style="font-weight: 600; margin: .2em 0 .4em">{escape(title)}</div>'
    return f'<div class="multitide" style="{_FRAME}">{head}{"".join(parts)}</div>'


def note(text: str) -> str:
    """Return a line of quieter text."""
    return f'<div style="opacity: .75; margin: .2em 0; max-width: 60em">{escape(text)}</div>'


def table(rows: Iterable[Mapping[str, Any]], caption: str = "") -> str:
    """Return rows as a table, one column a key of the first row; numbers to the right, verdicts in their colour.

    Parameters
    ----------
    rows : iterable of dict
        Every value is text, or is written as such; all of it is escaped.
    caption : str
        Above the table.
    """
    rows = list(rows)
    if not rows:
        return ""
    right = {name: all(_is_number(row[name]) for row in rows) for name in rows[0]}
    quiet = "font-weight: 600; opacity: .75"
    head = "".join(f'<th style="{_cell(right[name])}{quiet}">{escape(name)}</th>' for name in right)
    body = "".join(
        f"<tr>{''.join(_td(name, row[name], right[name]) for name in right)}</tr>" for row in rows
    )
    quieter = "text-align: left; opacity: .75; caption-side: top; white-space: nowrap"
    above = f'<caption style="{quieter}">{escape(caption)}</caption>'
    style = "border-collapse: collapse; margin: .3em 0 .8em; color: inherit; background: none; border: 0"
    opening = f'<table style="{style}">{above if caption else ""}<thead><tr style="border-bottom: {_RULE}">'
    return f"{opening}{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(pairs: Mapping[str, Any]) -> str:
    """Return terms with what they say, a line each."""
    left, right = f"{_cell(right=False)}opacity: .75", _cell(right=False, wraps=True)
    lines = "".join(
        f'<tr><td style="{left}">{escape(term)}</td><td style="{right}">{escape(str(says))}</td></tr>'
        for term, says in pairs.items()
    )
    return f'<table style="border-collapse: collapse; color: inherit; background: none; border: 0">{lines}</table>'


def _td(name: str, value: Any, right: bool) -> str:
    text = str(value)
    style = _cell(right, wraps=len(text) > WIDE)
    verdict = next(
        (verdict for verdict in VERDICTS if name == "verdict" and text.startswith(verdict)), None
    )
    if verdict is None:
        return f'<td style="{style}">{escape(text)}</td>'
    sign, color = VERDICTS[verdict]
    return f'<td style="{style}color: {color}; font-weight: 600">{sign} {escape(text)}</td>'


def _cell(right: bool, wraps: bool = False) -> str:
    return _CELL.format("right" if right else "left", "normal" if wraps else "nowrap")


def _is_number(value: Any) -> bool:
    try:
        float(str(value).replace(",", "").rstrip(" %"))
    except ValueError:
        return False
    return True
