"""The progress of a search, and its bar on a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from multitide._budget import in_words
from multitide.study.runs._progress_bar import StateBar


@dataclass(frozen=True)
class Progress:
    """The progress of a search.

    Attributes
    ----------
    done, pruned, failed : int
        Number of finished trials that were trained to the end, pruned, and failed.
    running : int
        Number of trials that are being trained.
    start, best : float
        Validation loss of the start, and the lowest so far; NaN until known.
    share : float
        Fraction of the trials or of the time that is used, whichever is larger.
    seconds_left : float
        At most; NaN without a budget.
    """

    done: int
    pruned: int
    failed: int
    running: int
    start: float
    best: float
    share: float
    seconds_left: float


Listener: TypeAlias = Callable[[Progress], None]


class TuningBar(StateBar[Progress]):
    """A bar with the number of trials, the best loss, and the time to the end."""

    name = "tune"

    def read(self, state: Progress) -> tuple[float, float, str]:
        """Show the fraction of the trials or of the time."""
        return state.share, 1.0, words(state)

    def finished(self, state: Progress) -> int:
        """Count the pruned and failed trials too."""
        return state.done + state.pruned + state.failed


def words(state: Progress) -> str:
    """Describe the progress in one line."""
    parts = [f"{state.done} done"]
    counts = {"pruned": state.pruned, "failed": state.failed, "running": state.running}
    for name, count in counts.items():
        if count:
            parts.append(f"{count} {name}")
    if not math.isnan(state.best):
        parts.append(f"best {state.best:.4f} (start {state.start:.4f})")
    if state.running and not math.isnan(state.seconds_left):
        parts.append(f"at most {in_words(max(state.seconds_left, 0))} left")
    return ", ".join(parts)
