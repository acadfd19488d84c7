"""Adding seeds to a study until every verdict is settled, at the size of a single look."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from multitide.study._comparison import Comparison
from multitide.study.results._verdicts import CANNOT_TELL

# Looks at these multiples of the first number of seeds, such as 5, 8, 13 and 20.
LOOKS = (1.0, 1.6, 2.6, 4.0)
# The level of each of four looks that makes 5 % of false alarms in all (Pocock 1977), as a share of
# the level of one. Looks at the same test groups resemble each other more than those that he
# assumed, so that it is rather less.
LEVEL_OF_A_LOOK = 0.0182 / 0.05


class Run(Protocol):
    """Runs a study with some seeds; finished fits are in the folder."""

    def __call__(
        self, *, n_seeds: int, confidence: float, seconds: float, folder: Path
    ) -> Comparison:
        """Return the study."""


def add_seeds(
    run: Run, n_seeds: int, confidence: float, seconds: float, folder: Path | None
) -> Comparison:
    """Run a study with more and more seeds, until every verdict of a network is settled.

    Parameters
    ----------
    run : callable
    n_seeds : int
        Of the first look; the last has four times as many.
    confidence : float
        Of all looks together: 1 - the share of false alarms.
    seconds : float
        Time limit; infinite without one.
    folder : path or None
        Of the study; None: a temporary one.

    Returns
    -------
    Comparison
        Of the last look, with the confidence of one look.
    """
    ends = time.perf_counter() + seconds
    of_one = 1 - (1 - confidence) * LEVEL_OF_A_LOOK
    with _folder_or_temporary(folder) as place:
        for number, times in enumerate(LOOKS, start=1):
            left = ends - time.perf_counter()
            if number > 1 and left <= 0:
                break
            comparison = run(
                n_seeds=math.ceil(n_seeds * times),
                confidence=of_one,
                seconds=left,
                folder=place,
            )
            reason = _settled(comparison)
            if reason or comparison.left_out:
                break
        ended = reason or "the largest number of seeds was reached"
        if comparison.left_out or (not reason and number < len(LOOKS)):
            ended = "the budget ended"
        words = (
            f"seeds were added until every verdict was settled, at most four times {n_seeds}; "
            f"{ended}, after {number} of {len(LOOKS)} looks. "
            f"Intervals of {of_one:.1%} at each look make {confidence:.0%} in all (Pocock 1977)"
        )
        comparison = replace(
            comparison, facts={**(comparison.facts or {}), "looks": words}
        )
        if folder is not None:
            comparison.save(folder)
    return comparison


@contextmanager
def _folder_or_temporary(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="multitide-") as temporary:
        yield Path(temporary) / "study"


def _settled(comparison: Comparison) -> str:
    """Say why more seeds are of no use; "" if they may be."""
    gains = comparison.gains[~comparison.gains["arm"].isin(comparison.baselines)]
    unclear = gains[gains["verdict"] == CANNOT_TELL]
    if unclear.empty:
        return "every verdict is settled"
    if unclear["more_seeds"].isna().all():
        return "more seeds would settle no further verdict"
    return ""
