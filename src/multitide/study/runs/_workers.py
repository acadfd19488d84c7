"""Executing jobs: one process per core with one thread each, and finished fits stored at once."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from multitide._interrupts import interrupts_end_all
from multitide.data._data_sets import DataSets
from multitide.engines._engine import Engine, Lost
from multitide.study.design._protocol import Protocol
from multitide.study.runs._fit_store import write_fit
from multitide.study.runs._fits import Fit, FitFacts
from multitide.study.runs._jobs import Job
from multitide.study.runs._jobs_in_time import jobs_in_time
from multitide.study.runs._run_job import run_job
from multitide.study.runs._timing import Pace

logger = logging.getLogger("multitide")


@dataclass(frozen=True)
class Progress:
    """The progress of a study.

    Attributes
    ----------
    done, running, left, failed : int
        Numbers of fits. `done` includes stored fits and failed ones; `left` are waiting.
    seconds, seconds_left : float
        Since the start, and to the expected end (NaN if unknown).
    latest : str
        The fit that finished last.
    """

    done: int
    running: int
    left: int
    failed: int
    seconds: float
    seconds_left: float
    latest: str = ""


Listener = Callable[[Progress], None]


def execute(
    jobs: Mapping[str, Job],
    protocol: Protocol,
    data_sets: DataSets,
    *,
    engine: Engine,
    runs: Path | None = None,
    n_found: int = 0,
    pace: Pace | None = None,
    listener: Listener | None = None,
    seconds: float = math.inf,
) -> dict[str, Fit]:
    """Run jobs and return their fits by key.

    Parameters
    ----------
    jobs : dict of str to Job
    protocol : Protocol
    data_sets : DataSets
    engine : Engine
        Computes the fits, which do not depend on it.
    runs : path, optional
        The folder in which finished fits are stored.
    n_found : int
        Number of stored fits, for the progress.
    pace : Pace, optional
        The expected times of the jobs.
    listener : callable, optional
        Called with the :class:`Progress` before the first fit and after every fit.
    seconds : float
        No fit begins that is not expected to end within this time, and no further seed unless all
        its fits are expected to; their fits are missing. A fit that has begun is finished.
    """
    pace = pace or Pace()
    ordered = list(jobs.values())
    n_places = engine.n_places
    tally = _Tally(ordered, n_found, n_places, pace, listener)
    waiting = jobs_in_time(ordered, pace, n_places, time.perf_counter() + seconds)
    fits: dict[str, Fit] = {}
    tally.report()
    for job, fit in _finished(waiting, protocol, data_sets, runs, engine):
        fits[job.key] = fit
        tally.add(job, fit)
    tally.end()
    return fits


class _Tally:
    """Counts fits and calls the listener."""

    def __init__(
        self,
        jobs: Sequence[Job],
        n_found: int,
        n_jobs: int,
        pace: Pace,
        listener: Listener | None,
    ) -> None:
        self._waiting = {job.key: job for job in jobs}
        self._n_done = n_found
        self._n_failed = 0
        self._n_jobs = n_jobs
        self._pace = pace
        self._listener = listener
        self._started = time.perf_counter()

    def add(self, job: Job, fit: Fit) -> None:
        """Count a fit."""
        del self._waiting[job.key]
        self._n_done += 1
        names = ", ".join(job.names)
        if fit.done:
            self._pace.record(job, fit)
            if fit.facts.get("diverged"):
                logger.warning(
                    "A fit of %s diverged, and its best epoch before is used: %s",
                    names,
                    fit.facts["diverged"],
                )
        else:
            self._n_failed += 1
            logger.warning("A fit of %s failed: %s", names, fit.facts["reason"])
        latest = f"{names}, seed {job.seed}"
        if job.fold:
            latest += f", fold {job.fold}"
        self.report(latest)

    def end(self) -> None:
        """Report the end if jobs are still waiting: they are skipped."""
        if self._waiting:
            self._waiting = {}
            self.report()

    def report(self, latest: str = "") -> None:
        """Call the listener."""
        if self._listener is None:
            return
        n_left = len(self._waiting)
        n_running = min(self._n_jobs, n_left)
        progress = Progress(
            done=self._n_done,
            running=n_running,
            left=n_left - n_running,
            failed=self._n_failed,
            seconds=time.perf_counter() - self._started,
            seconds_left=self._pace.total(self._waiting.values(), self._n_jobs),
            latest=latest,
        )
        self._listener(progress)


def _finished(
    jobs: Iterator[Job],
    protocol: Protocol,
    data_sets: DataSets,
    runs: Path | None,
    engine: Engine,
) -> Iterator[tuple[Job, Fit]]:
    """Yield the jobs with their fits, which are stored where the engine can, or here."""
    protocol.compute_shared()
    its_folder = runs if engine.shares_disk else None
    run = partial(
        _run_and_store, protocol=protocol, data_sets=data_sets, runs=its_folder
    )
    for job, fit in engine.results(run, jobs):
        if isinstance(fit, Lost):
            yield job, _failed(job, _reason(fit))
            continue
        if runs is not None and its_folder is None and fit.done:
            write_fit(fit, runs)
        yield job, fit


def _reason(lost: Lost) -> str:
    return (
        f"a process died ({lost.reason}), "
        "perhaps because memory ran out; "
        "use fewer processes (`n_jobs`)"
    )


def _run_and_store(
    job: Job, protocol: Protocol, data_sets: DataSets, runs: Path | None
) -> Fit:
    """Run a job and store its fit, in the process that ran it, so that it survives the others."""
    with interrupts_end_all():
        fit = run_job(job, protocol, data_sets)
    if runs is not None and fit.done:
        write_fit(fit, runs)
    return fit


def _failed(job: Job, reason: str) -> Fit:
    facts = FitFacts(
        status="failed",
        reason=reason,
        tasks=list(job.names),
        seed=job.seed,
        fold=job.fold,
        settings=job.settings,
        seconds=0.0,
    )
    return Fit(job.key, facts)
