"""What comes up while a table is read: all that is wrong, and all that was assumed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from multitide._checks import in_backticks
from multitide.data.tables._left_out import example_of
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
    left_out : list of DataFrame
        The rows that are in no sample, as ``Samples.left_out`` has them.
    """

    problems: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    left_out: list[pd.DataFrame] = field(default_factory=list)

    def add(self, *problems: str) -> None:
        """Add problems."""
        self.problems += problems

    def note(self, *sentences: str) -> None:
        """Add assumptions."""
        self.assumed += sentences

    def leave_out(self, what: str, left_out: pd.DataFrame, series: str | None) -> None:
        """Add rows that are in no sample, with a sentence that counts them and names the first.

        Parameters
        ----------
        what : str
            The beginning of the sentence: how many rows or series, and why.
        left_out : DataFrame
            As ``Samples.left_out`` has it; at least one row.
        series : str or None
            The column that names series, if there is one.
        """
        self.left_out.append(left_out)
        self.note(f"{what}: not used, {example_of(left_out, series)}.")

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
    shown = in_backticks(names[:MAX_NAMES])
    if len(names) > MAX_NAMES:
        shown += f", ... ({len(names)} columns)"
    return shown
