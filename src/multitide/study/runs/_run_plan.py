"""Carrying a plan out: find what is done already, fit the rest to the budget, say what it will take, do it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multitide._checks import check_positive_int
from multitide._estimator import MultiTaskEstimator
from multitide.study.design._protocol import Given, Protocol
from multitide.study.runs._fit_store import read_fit, runs_folder
from multitide.study.runs._fits import Fit
from multitide.study.runs._jobs import Job
from multitide.study.runs._plan import Plan
from multitide.study.runs._progress_bar import StudyBar
from multitide.study.runs._timing import Pace, in_words, probe
from multitide.study.runs._workers import Listener, default_n_jobs, execute

logger = logging.getLogger("multitide")


@dataclass(frozen=True)
class Means:
    """With what fits are done, and where they are kept.

    Attributes
    ----------
    n_jobs : int
        Processes.
    runs : path or None
        Where fits are found and written.
    listeners : sequence of Listener
        Told of the progress.
    """

    n_jobs: int
    runs: Path | None
    listeners: Sequence[Listener]


def make_means(
    estimator: MultiTaskEstimator,
    n_jobs: int | None,
    folder: str | Path | None,
    progress: Listener | None,
    verbose: int,
) -> Means:
    """Check the arguments of :func:`multitide.compare` that say how it is done, and make the folder of the runs."""
    if n_jobs is None:
        n_jobs = default_n_jobs(estimator.device)
    check_positive_int("n_jobs", n_jobs)
    listeners = [
        listener for listener in (progress, StudyBar() if verbose else None) if listener is not None
    ]
    return Means(n_jobs, None if folder is None else runs_folder(Path(folder)), listeners)


def carry_out(
    plan: Plan,
    protocol: Protocol,
    samples: Given,
    means: Means,
    budget: float = math.inf,
    known: Mapping[str, Fit] | None = None,
) -> tuple[Plan, dict[str, Fit]]:
    """Do the fits that are not done yet, as far as the budget goes; return what is whole of the plan, and all fits.

    Parameters
    ----------
    plan : Plan
    protocol : Protocol
    samples : Samples or dict of Samples
    means : Means
    budget : float
        Seconds it may take; what has begun is finished.
    known : dict of str to Fit, optional
        Fits that were done before, by key.
    """
    started = time.perf_counter()
    found = {key: fit for key, fit in (known or {}).items() if key in plan.jobs and fit.done}
    found |= {} if means.runs is None else _found(plan, means.runs)
    missing = [job for key, job in plan.jobs.items() if key not in found]
    pace = Pace()
    if missing and (means.listeners or math.isfinite(budget)):
        pace = Pace(probe(missing, protocol, samples, budget))
    for key, fit in found.items():
        pace.record(plan.jobs[key], fit)
    left = budget - (time.perf_counter() - started)
    _announce(plan, missing, pace, means.n_jobs, left)
    fits = found | execute(
        {job.key: job for job in missing},
        protocol,
        samples,
        n_jobs=min(means.n_jobs, max(1, len(missing))),
        runs=means.runs,
        n_found=len(plan.jobs) - len(missing),
        pace=pace,
        listener=_all(means.listeners),
        seconds=left,
    )
    return plan.whole(fits), fits


def _found(plan: Plan, runs: Path) -> dict[str, Fit]:
    fits = {key: read_fit(runs, key) for key in plan.jobs}
    return {key: fit for key, fit in fits.items() if fit is not None}


def _announce(plan: Plan, missing: Sequence[Job], pace: Pace, n_jobs: int, budget: float) -> None:
    seconds = pace.total(missing, n_jobs)
    left = (
        "" if not missing or math.isnan(seconds) else f", the others take about {in_words(seconds)}"
    )
    processes = "one process" if n_jobs == 1 else f"{n_jobs} processes"
    n_found = len(plan.jobs) - len(missing)
    logger.info(
        "%d runs, %d fits on %s, %d of them already done%s.",
        len(plan.runs),
        len(plan.jobs),
        processes,
        n_found,
        left,
    )
    if seconds > budget:
        left = in_words(max(0.0, budget))
        logger.warning(
            "`budget` leaves %s; what is not expected to end in time is not begun.", left
        )


def _all(listeners: Sequence[Listener]) -> Listener | None:
    def tell(state: Any) -> None:
        for listener in listeners:
            listener(state)

    return tell if listeners else None
