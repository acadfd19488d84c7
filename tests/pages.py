"""Written pages as tests read them, and a name that every page must escape."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

NASTY = '<script>alert("1")</script> & $x$'


class Page(HTMLParser):
    """Collects elements, the text, and the figures with their places in the tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def figures(self, table: str) -> list[dict[str, str]]:
        return [
            attrs
            for tag, attrs in self.tags
            if tag == "data" and attrs["data-table"] == table
        ]
