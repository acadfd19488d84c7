"""How far a search is, and its bar on a terminal; silent everywhere else."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from multitide.study.runs._progress_bar import StateBar
from multitide.study.runs._timing import in_words


@dataclass(frozen=True)
class Progress:
    """How far a search is.

    Attributes
    ----------
    done, pruned, failed : int
        Numbers of finished trials: trained to their end, given up, and failed.
    running : int
    start, best : float
        Validation loss of the start and the least so far; NaN until known.
    share : float
        Of the trials or of the time, whichever is nearer its end.
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


Listener = Callable[[Progress], None]


class TuningBar(StateBar[Progress]):
    """A bar over a search: trials, the best loss beside that of the start, and the time to the end."""

    name = "tune"

    def read(self, state: Progress) -> tuple[float, float, str]:
        """Show the share of the trials or of the time."""
        return state.share, 1.0, words(state)


def words(state: Progress) -> str:
    """Say where things stand."""
    counts = {"given up": state.pruned, "failed": state.failed, "running": state.running}
    parts = [f"{state.done} done", *(f"{n} {what}" for what, n in counts.items() if n)]
    if not math.isnan(state.best):
        parts.append(f"best {state.best:.4f} (start {state.start:.4f})")
    if state.running and not math.isnan(state.seconds_left):
        parts.append(f"at most {in_words(max(state.seconds_left, 0))} to go")
    return ", ".join(parts)
