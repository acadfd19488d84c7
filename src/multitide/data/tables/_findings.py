"""What comes up while a table is read: all that is wrong, and all that was assumed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from multitide.errors import DataError

logger = logging.getLogger("multitide")

MAX_NAMES = 8


@dataclass
class Findings:
    """Problems and assumptions, collected while a table is read.

    Problems are raised together, so that a user can fix all of them at once. Assumptions are
    logged, and stored in ``samples.reading``.

    Attributes
    ----------
    problems, assumed : list of str
        One sentence each, in the order in which they came up.
    """

    problems: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    def add(self, *problems: str) -> None:
        """Add problems."""
        self.problems += problems

    def note(self, *sentences: str) -> None:
        """Add assumptions."""
        self.assumed += sentences

    def raise_all(self) -> None:
        """Raise one :class:`DataError` with all problems, if there are any."""
        if self.problems:
            raise DataError("\n".join(self.problems))

    def log(self) -> None:
        """Log every assumption."""
        for sentence in self.assumed:
            logger.info(sentence)


def name_columns(names: Sequence[str]) -> str:
    """Return "`a`, `b`, ... (12 columns)"."""
    shown = ", ".join(f"`{name}`" for name in names[:MAX_NAMES])
    if len(names) > MAX_NAMES:
        shown += f", ... ({len(names)} columns)"
    return shown
