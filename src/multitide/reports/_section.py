"""A section of a run's report: a heading, what its tables mean, and the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from multitide.reports._markdown import markdown
from multitide.reports._pages import markdown_table


class Section(NamedTuple):
    """What both forms of the report show.

    Attributes
    ----------
    title, about : str
        Plain text.
    tables : sequence of DataFrame
    """

    title: str
    about: str
    tables: Sequence[pd.DataFrame]

    def as_markdown(self) -> list[str]:
        """Return the paragraphs of the section."""
        paragraphs = [f"## {markdown(self.title)}"]
        if self.about:
            paragraphs.append(markdown(self.about))
        return paragraphs + [markdown_table(table) for table in self.tables]
