"""Doing the fits: a process a core with one thread each, finished ones kept, the rest counted down."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool

from multitide.study.design._protocol import Given, Protocol
from multitide.study.runs._fit_store import write_fit
from multitide.study.runs._fits import Fit, do
from multitide.study.runs._jobs import Job
from multitide.study.runs._timing import Pace

logger = logging.getLogger("multitide")


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Attributes
    ----------
    done, running, left, failed : int
        Numbers of fits; `done` counts those found finished and the failed ones, `left` those that
        nobody works on.
    seconds, seconds_left : float
        Since the start, and to the end as far as is known (NaN).
    latest : str
        What was finished last.
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
    samples: Given,
    *,
    n_jobs: int,
    runs: Path | None = None,
    n_found: int = 0,
    pace: Pace | None = None,
    listener: Listener | None = None,
    seconds: float = math.inf,
) -> dict[str, Fit]:
    """Do all jobs and return their fits by key.

    Parameters
    ----------
    jobs : dict of str to Job
    protocol : Protocol
    samples : Samples or dict of Samples
        All of them.
    n_jobs : int
        Number of processes; the result does not depend on it.
    runs : path, optional
        Where fits are written as they are finished.
    n_found : int
        Number of fits found finished, for the count.
    pace : Pace, optional
        What jobs are expected to take.
    listener : callable, optional
        Told of the :class:`Progress` before the first fit and after every one.
    seconds : float
        No fit is begun that is not expected to end within this time, and no further seed unless all
        of it is; then fits are missing. What has begun is finished.
    """
    pace = pace or Pace()
    tally = _Tally(list(jobs.values()), n_found, n_jobs, pace, listener)
    waiting = _in_time(list(jobs.values()), pace, n_jobs, time.perf_counter() + seconds)
    fits: dict[str, Fit] = {}
    tally.tell()
    workers = _side_by_side if n_jobs > 1 else _one_by_one
    try:
        for fit in workers(waiting, protocol, samples, runs, n_jobs):
            fits[fit.key] = fit
            tally.finished(jobs[fit.key], fit)
    except BrokenProcessPool as error:
        reason = f"a process died ({error}); perhaps memory ran out: fewer processes (`n_jobs`) need less"
        for key in jobs.keys() - fits.keys():
            fits[key] = _died(jobs[key], reason)
    tally.ended()
    return fits


def default_n_jobs(device: str) -> int:
    """Return one process a core that this process may use; a single one where a GPU does the work."""
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    return (
        1
        if on_gpu
        else len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )


class _Tally:
    """Counts fits and tells the listener."""

    def __init__(
        self, jobs: Sequence[Job], n_found: int, n_jobs: int, pace: Pace, listener: Listener | None
    ) -> None:
        self._waiting = {job.key: job for job in jobs}
        self._n_done, self._n_failed, self._n_jobs = n_found, 0, n_jobs
        self._pace, self._listener = pace, listener
        self._started = time.perf_counter()

    def finished(self, job: Job, fit: Fit) -> None:
        """Count a fit and tell."""
        del self._waiting[job.key]
        self._n_done += 1
        self._n_failed += not fit.done
        if fit.done:
            self._pace.record(job, fit)
        else:
            logger.warning("A fit of %s failed: %s", ", ".join(job.names), fit.facts["reason"])
        self.tell(
            f"{', '.join(job.names)}, seed {job.seed}" + (f", fold {job.fold}" if job.fold else "")
        )

    def ended(self) -> None:
        """Tell that what still waits is left out."""
        if self._waiting:
            self._waiting = {}
            self.tell()

    def tell(self, latest: str = "") -> None:
        """Tell the listener where things stand."""
        if self._listener is not None:
            n_left = len(self._waiting)
            running = min(self._n_jobs, n_left)
            seconds_left = self._pace.total(self._waiting.values(), self._n_jobs)
            seconds = time.perf_counter() - self._started
            counts = (self._n_done, running, n_left - running, self._n_failed)
            self._listener(Progress(*counts, seconds, seconds_left, latest))


def _in_time(jobs: Sequence[Job], pace: Pace, n_jobs: int, deadline: float) -> Iterator[Job]:
    """Yield the jobs until one, or a further seed as a whole, is not expected to end in time.

    Before anything is measured the first seed goes on till the time is up: probes count all epochs,
    and most fits have fewer.
    """
    for place, job in enumerate(jobs):
        left = deadline - time.perf_counter()
        begins = job.seed > 0 and (place == 0 or jobs[place - 1].seed != job.seed)
        of_seed = [other for other in jobs[place:] if other.seed == job.seed] if begins else [job]
        too_long = (pace.is_measured or begins) and pace.total(of_seed, n_jobs) > left
        if left <= 0 or too_long:
            logger.info("No time is left for more than %d of %d fits.", place, len(jobs))
            return
        yield job


def _one_by_one(
    jobs: Iterator[Job], protocol: Protocol, samples: Given, runs: Path | None, n_jobs: int
) -> Iterator[Fit]:
    for job in jobs:
        yield _work(job, protocol, samples, runs)


def _side_by_side(
    jobs: Iterator[Job], protocol: Protocol, samples: Given, runs: Path | None, n_jobs: int
) -> Iterator[Fit]:
    with parallel_config(backend="loky", n_jobs=n_jobs, inner_max_num_threads=1):
        # "c": large arrays are shared as memory maps that count as writable, without which torch
        # warns.
        pool = Parallel(
            return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1, mmap_mode="c"
        )
        yield from pool(delayed(_work)(job, protocol, samples, runs) for job in jobs)


def _work(job: Job, protocol: Protocol, samples: Given, runs: Path | None) -> Fit:
    """Do one fit and keep it; the process that did it writes it, so that it survives the others."""
    fit = do(job, protocol, samples)
    if runs is not None and fit.done:
        write_fit(fit, runs)
    return fit


def _died(job: Job, reason: str) -> Fit:
    facts = {
        "status": "failed",
        "reason": reason,
        "tasks": list(job.names),
        "seed": job.seed,
        "fold": job.fold,
    }
    return Fit(job.key, facts | {"settings": job.settings, "seconds": 0.0})
