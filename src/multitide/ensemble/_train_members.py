"""Training an ensemble's fits: one process per core, finished ones kept, and in time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool

from multitide._estimator import MultiTaskEstimator
from multitide._quiet import quiet
from multitide._result_folder import replaced_folder
from multitide._threads import single_thread
from multitide._train import train
from multitide.ensemble._plan import MemberFit
from multitide.ensemble._process_deadline import process_ends_after
from multitide.errors import DataError, MultitideError, StoreError
from multitide.model._history import HISTORY, PRETRAINING, write_history
from multitide.model._store import read_model_record, write_model
from multitide.training._deadline import Deadline

logger = logging.getLogger("multitide")
# Of the time that is left for a fit; the rest is for its evaluation and for writing the model.
SHARE_OF_TRAINING = 0.97
# Called after each fit with its name, and its seconds; NaN for one that was there already.
Listener = Callable[[str, float], None]


@dataclass(frozen=True)
class Finished:
    """What is known about a fit that has ended.

    Attributes
    ----------
    fit : MemberFit
        The fit.
    folder : Path
        Of its model.
    reason : str
        Why it failed; empty if it did not.
    """

    fit: MemberFit
    folder: Path
    reason: str = ""


class Clock:
    """The time that is left, and how long the fits of each member take.

    A member that was not fitted yet is expected to take as long as the slowest of the others.

    Parameters
    ----------
    seconds : float
        From now on; infinite for no limit.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds
        self._slowest: dict[str, float] = {}

    @property
    def left(self) -> float:
        """Seconds until the end; at least 0."""
        return max(0.0, self._end - time.perf_counter())

    def record(self, member: str, seconds: float) -> None:
        """Note how long a fit of a member took."""
        self._slowest[member] = max(seconds, self._slowest.get(member, 0.0))

    def in_time(self, fits: Iterable[MemberFit]) -> Iterator[MemberFit]:
        """Yield the fits that are expected to end in time; the very first one in any case."""
        is_first = True
        for fit in fits:
            if is_first or self.left > self._expected(fit.member):
                yield fit
            is_first = False

    def _expected(self, member: str) -> float:
        slowest = max(self._slowest.values(), default=0.0)
        return self._slowest.get(member, slowest)


def train_members(
    fits: Iterable[MemberFit],
    folder: Path,
    *,
    n_jobs: int,
    seconds: float = math.inf,
    listener: Listener | None = None,
) -> list[Finished]:
    """Train the fits, and write the model of each into a folder of its own.

    Parameters
    ----------
    fits : iterable of MemberFit
        In the order in which they are trained.
    folder : path
        An existing folder. A fit whose model is in it already, with the same parameters and data,
        is not trained again.
    n_jobs : int
        Number of fits at a time, each in a process of its own with one thread.
    seconds : float
        No fit begins that is not expected to end within this time. Networks stop early, and a
        process that takes longer is ended, unless no fit is finished yet.
    listener : callable, optional
        Called after every fit.

    Returns
    -------
    list of Finished
        In the order in which they ended, without those for which no time was left.

    Raises
    ------
    DataError
        If no fit succeeded, with the reason of the first.
    """
    clock = Clock(seconds)
    finished: list[Finished] = []
    begun: list[MemberFit] = []
    waiting = _not_done(clock.in_time(fits), folder, finished, listener)
    try:
        jobs = _jobs(waiting, begun, finished, folder)
        for done, taken in _results(jobs, clock, n_jobs):
            clock.record(done.fit.member, taken)
            finished.append(done)
            if done.reason:
                logger.warning("A fit of %r failed: %s", done.fit.member, done.reason)
            if listener is not None:
                listener(f"{done.fit.member}, seed {done.fit.number}", taken)
    except BrokenProcessPool as error:
        if clock.left > 0:
            logger.warning(
                "A process died (%s), perhaps because memory ran out; use fewer processes "
                "(`n_jobs`). The ensemble has the fits that are finished.",
                error,
            )
        finished += _written(begun, finished, folder, listener)
    succeeded = []
    for done in finished:
        if not done.reason:
            succeeded.append(done)
    if not succeeded:
        reasons = [done.reason for done in finished] or ["the process died"]
        raise DataError(f"No member of the ensemble could be fitted: {reasons[0]}")
    return succeeded


def _not_done(
    fits: Iterable[MemberFit],
    folder: Path,
    finished: list[Finished],
    listener: Listener | None,
) -> Iterator[MemberFit]:
    """Yield the fits that are yet to be trained, and add the others to `finished`."""
    for fit in fits:
        place = folder / fit.key
        if not _is_done(place):
            yield fit
            continue
        finished.append(Finished(fit, place))
        if listener is not None:
            listener(f"{fit.member}, seed {fit.number}", math.nan)


@dataclass(frozen=True)
class _Job:
    """A fit that begins.

    Attributes
    ----------
    fit : MemberFit
        The fit.
    folder : Path
        Of all fits.
    is_first : bool
        Whether no other fit has succeeded before it begins.
    """

    fit: MemberFit
    folder: Path
    is_first: bool


def _jobs(
    fits: Iterable[MemberFit],
    begun: list[MemberFit],
    finished: Sequence[Finished],
    folder: Path,
) -> Iterator[_Job]:
    """Yield a job per fit, and add the fit to `begun`."""
    for fit in fits:
        begun.append(fit)
        succeeded = [done for done in finished if not done.reason]
        yield _Job(fit, folder, is_first=not succeeded)


def _written(
    begun: Sequence[MemberFit],
    finished: Sequence[Finished],
    folder: Path,
    listener: Listener | None,
) -> list[Finished]:
    """Return the fits whose model was written, but whose process ended before it said so."""
    known = {done.fit.key for done in finished}
    unknown = [fit for fit in begun if fit.key not in known]
    written: list[Finished] = []
    for fit in unknown:
        still_missing = list(_not_done([fit], folder, written, listener))
        for lost in still_missing:
            logger.info("No time was left for %s, seed %d.", lost.member, lost.number)
    return written


def _is_done(folder: Path) -> bool:
    """Return whether a folder holds a whole model."""
    try:
        read_model_record(folder)
    except StoreError:
        return False
    return True


def _results(
    jobs: Iterator[_Job], clock: Clock, n_jobs: int
) -> Iterator[tuple[Finished, float]]:
    if n_jobs == 1 and math.isinf(clock.left):
        for job in jobs:
            yield _train_one(job, math.inf)
        return
    # With a single job, joblib would not start a process, and none could be ended.
    n_processes = max(2, n_jobs)
    with parallel_config(backend="loky", n_jobs=n_processes, inner_max_num_threads=1):
        pool = Parallel(
            return_as="generator_unordered",
            pre_dispatch=n_jobs,
            batch_size=1,
            mmap_mode="c",  # shared arrays count as writable; torch warns otherwise
        )
        yield from pool(
            delayed(_train_in_time)(job, time.time() + clock.left) for job in jobs
        )


def _train_in_time(job: _Job, end: float) -> tuple[Finished, float]:
    """Train one fit in this process, which ends with the time for all fits.

    It does not end before some fit has succeeded: the ensemble needs one.

    Parameters
    ----------
    job : _Job
        The fit.
    end : float
        Seconds since the epoch; a new process starts some seconds after it was asked for.
    """
    begun_at = time.time()
    seconds = max(0.0, end - begun_at)

    def another_is_done() -> bool:
        if not job.is_first:
            return True
        for place in job.folder.iterdir():
            with suppress(OSError):  # drafts of other processes come and go
                if place.stat().st_mtime >= begun_at and _is_done(place):
                    return True
        return False

    with process_ends_after(seconds, another_is_done):
        return _train_one(job, seconds * SHARE_OF_TRAINING)


def _train_one(job: _Job, seconds: float) -> tuple[Finished, float]:
    """Train one fit with one thread, and write its model."""
    fit, folder = job.fit, job.folder / job.fit.key
    started = time.perf_counter()
    reason = ""
    try:
        with single_thread(), quiet():
            estimator = train(fit.estimator, fit.data, [Deadline(seconds)])
        with replaced_folder(folder) as draft:
            _write(estimator, draft)
    except MultitideError as error:
        reason = str(error)
    return Finished(fit, folder, reason), time.perf_counter() - started


def _write(estimator: MultiTaskEstimator, folder: Path) -> None:
    write_model(estimator.stored_, folder)
    write_history(estimator.history_, folder / HISTORY)
    write_history(estimator.pretrain_history_, folder / PRETRAINING)
