"""Carrying a plan out: find what is done already, fit the rest to the budget, say what it will take, do it."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multitide.checks import check_positive_int
from multitide.estimator import MultiTaskEstimator
from multitide.samples import Samples
from multitide.study.cost import Pace, in_words, probe
from multitide.study.execution import Listener, default_n_jobs, execute
from multitide.study.fits import Fit
from multitide.study.plan import Plan
from multitide.study.progress import StudyBar
from multitide.study.protocol import Protocol
from multitide.study.record import read_fit, runs_folder

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
    listeners = [listener for listener in (progress, StudyBar() if verbose else None) if listener is not None]
    return Means(n_jobs, None if folder is None else runs_folder(Path(folder)), listeners)


def carry_out(
    plan: Plan,
    protocol: Protocol,
    samples: Samples,
    means: Means,
    budget: float = math.inf,
    known: Mapping[str, Fit] | None = None,
) -> tuple[Plan, dict[str, Fit]]:
    """Do the fits that are not done yet, as far as the budget goes; return what is left of the plan, and all fits.

    Parameters
    ----------
    plan : Plan
    protocol : Protocol
    samples : Samples
    means : Means
    budget : float
        Seconds it may take; the first seed is always done.
    known : dict of str to Fit, optional
        Fits that were done before, by key.
    """
    started = time.perf_counter()
    found = {key: fit for key, fit in (known or {}).items() if key in plan.jobs and fit.done}
    found |= {} if means.runs is None else _found(plan, means.runs)
    missing = [job for key, job in plan.jobs.items() if key not in found]
    pace = Pace()
    if missing and (means.listeners or math.isfinite(budget)):
        pace = Pace(probe(missing, protocol, samples))
        plan = _fitting_plan(plan, found, pace, means.n_jobs, budget - (time.perf_counter() - started))
    missing = [job for key, job in plan.jobs.items() if key not in found]
    _announce(plan, len(plan.jobs) - len(missing), pace.total(missing, means.n_jobs), means.n_jobs)
    fits = execute(
        {job.key: job for job in missing},
        protocol,
        samples,
        n_jobs=min(means.n_jobs, max(1, len(missing))),
        runs=means.runs,
        n_found=len(plan.jobs) - len(missing),
        pace=pace,
        listener=_all(means.listeners),
        seconds=budget - (time.perf_counter() - started),
    )
    return plan, {key: fit for key, fit in found.items() if key in plan.jobs} | fits


def _found(plan: Plan, runs: Path) -> dict[str, Fit]:
    fits = {key: read_fit(runs, key) for key in plan.jobs}
    return {key: fit for key, fit in fits.items() if fit is not None}


def _fitting_plan(plan: Plan, found: dict[str, Fit], pace: Pace, n_jobs: int, budget: float) -> Plan:
    """Leave seeds out until the rest is expected to fit the budget; one is always left."""
    n_seeds = 1 + max(seed for _, seed, _ in plan.runs)
    for n in range(n_seeds, 0, -1):
        fewer = plan.first_seeds(n)
        expected = pace.total([job for key, job in fewer.jobs.items() if key not in found], n_jobs)
        if not expected > budget or n == 1:
            if n < n_seeds:
                logger.warning("`budget` is enough for %d of %d seeds.", n, n_seeds)
            return fewer
    return plan


def _announce(plan: Plan, n_found: int, seconds: float, n_jobs: int) -> None:
    left = "" if n_found == len(plan.jobs) or math.isnan(seconds) else f", the others take about {in_words(seconds)}"
    processes = "one process" if n_jobs == 1 else f"{n_jobs} processes"
    logger.info(
        "%d runs, %d fits on %s, %d of them already done%s.", len(plan.runs), len(plan.jobs), processes, n_found, left
    )


def _all(listeners: Sequence[Listener]) -> Listener | None:
    def tell(state: Any) -> None:
        for listener in listeners:
            listener(state)

    return tell if listeners else None
