"""HTML for notebooks: it needs no style sheet, all text is escaped, and it suits light and dark."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from multitide._visible import visible

# Colours of medium lightness are readable on white and on black. The sign says the same without
# colour.
VERDICTS = {
    "helps": ("▲", "#189069"),
    "hurts": ("▼", "#d65440"),
    "same": ("=", "#4a86d0"),
    "cannot tell": ("?", "#a07f3c"),
    "failed": ("\N{MULTIPLICATION SIGN}", "#808893"),
    "met": ("▲", "#189069"),
    "not met": ("▼", "#d65440"),
}
WRAP_FROM = 40  # letters; a longer cell may wrap

PLAIN = "color: inherit; background: none"
FRAME = f"{PLAIN}; font-size: .9em; line-height: 1.45; overflow-x: auto; margin: .3em 0"
TABLE = f"border-collapse: collapse; border: 0; {PLAIN}"
CELL = "padding: .25em .9em .25em 0; vertical-align: baseline; background: none"
CAPTION = "text-align: left; opacity: .75; caption-side: top; white-space: nowrap"
RULE = "border-bottom: 1px solid rgba(128, 128, 128, .35)"
QUIET = "opacity: .75"


def escape(text: object) -> str:
    """Return text as HTML that shows it as it is."""
    return html.escape(visible(text))


def panel(title: str, *parts: str) -> str:
    """Return pieces of HTML below each other under a title, which is text."""
    heading = _tag("div", escape(title), "font-weight: 600; margin: .2em 0 .4em")
    return f'<div class="multitide" style="{FRAME}">{heading}{"".join(parts)}</div>'


def note(text: str) -> str:
    """Return a line of quieter text."""
    return _tag("div", escape(text), f"{QUIET}; margin: .2em 0; max-width: 60em")


def table(rows: Iterable[Mapping[str, object]], caption: str = "") -> str:
    """Return rows as a table: numbers on the right, verdicts in their colour.

    Parameters
    ----------
    rows : iterable of dict
        The columns are the keys of the first row. All values are escaped.
    caption : str
        Above the table.

    Returns
    -------
    str
        HTML; "" without rows.
    """
    rows = list(rows)
    if not rows:
        return ""
    numeric = {}
    head = ""
    for name in rows[0]:
        is_numeric = numeric[name] = all(_is_number(row[name]) for row in rows)
        head += _tag(
            "th", escape(name), f"{_cell_style(is_numeric)}; font-weight: 600; {QUIET}"
        )
    body = ""
    for row in rows:
        cells = ""
        for name, is_numeric in numeric.items():
            cells += _cell(name, row[name], is_numeric)
        body += _tag("tr", cells)
    content = ""
    if caption:
        content += _tag("caption", escape(caption), CAPTION)
    content += _tag("thead", _tag("tr", head, RULE)) + _tag("tbody", body)
    return _tag("table", content, f"{TABLE}; margin: .3em 0 .8em")


def facts(pairs: Mapping[str, object]) -> str:
    """Return terms with their descriptions, one per line."""
    lines = ""
    for term, description in pairs.items():
        left = _tag("td", escape(term), f"{_cell_style(False)}; {QUIET}")
        right = _tag("td", escape(str(description)), _cell_style(False, wraps=True))
        lines += _tag("tr", left + right)
    return _tag("table", lines, TABLE)


def _tag(name: str, content: str, style: str = "") -> str:
    if style:
        attribute = f' style="{style}"'
    else:
        attribute = ""
    return f"<{name}{attribute}>{content}</{name}>"


def _cell(column: str, value: object, is_numeric: bool) -> str:
    text = str(value)
    style = _cell_style(is_numeric, wraps=len(text) > WRAP_FROM)
    if column == "verdict":
        for verdict, (sign, color) in VERDICTS.items():
            if text.startswith(verdict):
                style += f"; color: {color}; font-weight: 600"
                return _tag("td", f"{sign} {escape(text)}", style)
    return _tag("td", escape(text), style)


def _cell_style(is_numeric: bool, wraps: bool = False) -> str:
    if is_numeric:
        align = "right"
    else:
        align = "left"
    if wraps:
        wrapping = "normal"
    else:
        wrapping = "nowrap"
    return f"{CELL}; text-align: {align}; white-space: {wrapping}"


def _is_number(value: object) -> bool:
    try:
        float(str(value).replace(",", "").rstrip(" %"))
    except ValueError:
        return False
    return True
