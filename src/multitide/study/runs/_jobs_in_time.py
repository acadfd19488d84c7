"""Where a budget ends a study: the jobs that are expected to end in time."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

from multitide.study.runs._jobs import Job
from multitide.study.runs._timing import Pace

logger = logging.getLogger("multitide")


def jobs_in_time(
    jobs: Sequence[Job], pace: Pace, n_jobs: int, deadline: float
) -> Iterator[Job]:
    """Yield jobs until one, or a further seed as a whole, is not expected to end in time.

    Until a time is measured, the first seed runs to the deadline: probes assume all epochs, and
    most fits stop earlier.
    """
    for place, job in enumerate(jobs):
        left = deadline - time.perf_counter()
        expected = 0.0
        if _begins_seed(jobs, place):
            rest = []
            for other in jobs[place:]:
                if other.seed == job.seed:
                    rest.append(other)
            expected = pace.total(rest, n_jobs)
        elif pace.is_measured:
            expected = pace.total([job], n_jobs)
        if left <= 0 or expected > left:
            logger.info("Time budget reached after %d of %d fits.", place, len(jobs))
            return
        yield job


def _begins_seed(jobs: Sequence[Job], place: int) -> bool:
    """Say whether a job is the first of a further seed."""
    seed = jobs[place].seed
    return seed > 0 and (place == 0 or jobs[place - 1].seed != seed)
