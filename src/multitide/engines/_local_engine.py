"""Processes of this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool

from multitide.engines._engine import Job, Lost, Result


@dataclass(frozen=True)
class LocalEngine:
    """Computes jobs in processes of this machine, with one thread each.

    Parameters
    ----------
    n_places : int
        Number of processes.
    always_apart : bool, default=False
        Whether a single job at a time has a process of its own too, so that it can be ended.
    """

    n_places: int
    always_apart: bool = False
    shares_disk: bool = True

    def results(
        self, work: Callable[[Job], Result], jobs: Iterable[Job], retries: int = 1
    ) -> Iterator[tuple[Job, Result | Lost]]:
        """Yield each job with its result; see :class:`Engine`."""
        if self.n_places == 1 and not self.always_apart:
            for job in jobs:
                yield job, work(job)
            return
        queue = _Queue(iter(jobs), retries)
        while True:
            try:
                for number, result in self._in_processes(work, queue):
                    yield queue.end(number), result
            except BrokenProcessPool as error:
                for job in queue.lose():
                    yield job, Lost(str(error))
            else:
                return

    def _in_processes(
        self, work: Callable[[Job], Result], queue: _Queue[Job]
    ) -> Iterator[tuple[int, Result]]:
        # With a single process, joblib would not start one.
        n_processes = max(2, self.n_places)
        with parallel_config(
            backend="loky", n_jobs=n_processes, inner_max_num_threads=1
        ):
            pool = Parallel(
                return_as="generator_unordered",
                pre_dispatch=self.n_places,
                batch_size=1,
                mmap_mode="c",  # shared arrays count as writable; torch warns otherwise
            )
            call, folder = delayed(_numbered), os.getcwd()
            yield from pool(call(work, number, job, folder) for number, job in queue)


def _numbered(
    work: Callable[[Job], Result], number: int, job: Job, folder: str
) -> tuple[int, Result]:
    # A process that has worked before is still where its parent was then.
    os.chdir(folder)
    return number, work(job)


class _Queue(Generic[Job]):
    """Jobs with numbers; those that have begun are known until they end.

    When the pool breaks, nobody knows whose process has died: all that have begun go back into
    the queue, as often as they may.
    """

    def __init__(self, waiting: Iterator[Job], retries: int) -> None:
        self._waiting = waiting
        self._retries = retries
        self._again: list[tuple[int, Job]] = []
        self._begun: dict[int, Job] = {}
        self._times_lost: dict[int, int] = {}
        self._n_taken = 0

    def __iter__(self) -> Iterator[tuple[int, Job]]:
        """Return this queue."""
        return self

    def __next__(self) -> tuple[int, Job]:
        """Return the next job with its number."""
        if self._again:
            number, job = self._again.pop(0)
        else:
            job = next(self._waiting)
            number = self._n_taken
            self._n_taken += 1
        self._begun[number] = job
        return number, job

    def end(self, number: int) -> Job:
        """Return the job of that number, which has a result."""
        return self._begun.pop(number)

    def lose(self) -> list[Job]:
        """Return what has begun and may not begin again; the rest waits once more."""
        lost = []
        for number, job in sorted(self._begun.items()):
            times = self._times_lost.get(number, 0) + 1
            self._times_lost[number] = times
            if times > self._retries:
                lost.append(job)
            else:
                self._again.append((number, job))
        self._begun = {}
        return lost
