"""Training an ensemble's fits: one process per core, finished ones kept, and in time."""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from multitide._estimator import MultiTaskEstimator
from multitide._quiet import quiet
from multitide._result_folder import replaced_folder, write_file
from multitide._threads import single_thread
from multitide._train import train_member
from multitide.engines._engine import Engine, Lost
from multitide.engines._local_engine import LocalEngine
from multitide.ensemble._held_out_file import read_held_out, write_held_out
from multitide.ensemble._plan import MemberFit
from multitide.ensemble._process_deadline import process_ends_after
from multitide.errors import DataError, MultitideError, StoreError
from multitide.model._history import HISTORY, PRETRAINING, write_history
from multitide.model._store import read_model_record, write_model
from multitide.training._deadline import Deadline

logger = logging.getLogger("multitide")
# Of the time that is left for a fit; the rest is for its evaluation and for writing the model.
SHARE_OF_TRAINING = 0.97
LOST = (
    "The process of %s, seed %d, died (%s), perhaps because memory ran out; use fewer processes "
    "(`n_jobs`). The ensemble has the other fits."
)
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
    engine: Engine,
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
    engine : Engine
        Computes the fits, each with one thread.
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
    waiting = _not_done(clock.in_time(fits), folder, finished, listener)
    for job, result in _results(_jobs(waiting, finished, folder), clock, engine):
        if isinstance(result, Lost):
            if clock.left > 0:
                logger.warning(LOST, job.fit.member, job.fit.number, result.reason)
            finished += _written(job.fit, folder, listener)
            continue
        clock.record(job.fit.member, result.seconds)
        done = Finished(job.fit, folder / job.fit.key, result.reason)
        finished.append(done)
        if done.reason:
            logger.warning("A fit of %r failed: %s", done.fit.member, done.reason)
        if listener is not None:
            listener(f"{done.fit.member}, seed {done.fit.number}", result.seconds)
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
        if not _is_done(place, fit):
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
    fits: Iterable[MemberFit], finished: Sequence[Finished], folder: Path
) -> Iterator[_Job]:
    """Yield a job per fit."""
    for fit in fits:
        succeeded = [done for done in finished if not done.reason]
        yield _Job(fit, folder, is_first=not succeeded)


def _written(fit: MemberFit, folder: Path, listener: Listener | None) -> list[Finished]:
    """Return the fit if its model was written, before its process ended without saying so."""
    written: list[Finished] = []
    for lost in _not_done([fit], folder, written, listener):
        logger.info("No time was left for %s, seed %d.", lost.member, lost.number)
    return written


def _is_done(folder: Path, fit: MemberFit | None = None) -> bool:
    """Return whether a folder holds a whole model, and the predictions of this fit."""
    try:
        read_model_record(folder)
        if fit is not None:
            read_held_out(folder, fit.data)
    except StoreError:
        return False
    return True


@dataclass(frozen=True)
class _Trained:
    """What a process says of its fit.

    Attributes
    ----------
    seconds : float
        How long it took.
    reason : str
        Why it failed; empty if it did not.
    files : dict of str to bytes
        Those of its model by name, from a process that cannot write them here.
    """

    seconds: float
    reason: str
    files: dict[str, bytes] = field(default_factory=dict)


def _results(
    jobs: Iterator[_Job], clock: Clock, engine: Engine
) -> Iterator[tuple[_Job, _Trained | Lost]]:
    end = time.time() + clock.left
    if isinstance(engine, LocalEngine) and math.isfinite(end):
        engine = replace(engine, always_apart=True)  # none could be ended here
    if engine.shares_disk:
        yield from engine.results(partial(_train_in_time, end=end), jobs, retries=0)
        return
    work = partial(_train_elsewhere, end=end)
    for job, result in engine.results(work, jobs, retries=0):
        if isinstance(result, _Trained) and not result.reason:
            with replaced_folder(job.folder / job.fit.key) as draft:
                for name, content in result.files.items():
                    write_file(draft / name, content)
        yield job, result


def _train_elsewhere(job: _Job, end: float) -> _Trained:
    """Train one fit on a machine that does not share its disk, and return the model."""
    with tempfile.TemporaryDirectory() as name:
        trained = _train_in_time(replace(job, folder=Path(name)), end)
        files = {}
        for path in (Path(name) / job.fit.key).glob("*"):
            files[path.name] = path.read_bytes()
    return replace(trained, files=files)


def _train_in_time(job: _Job, end: float) -> _Trained:
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


def _train_one(job: _Job, seconds: float) -> _Trained:
    """Train one fit with one thread, and write its model."""
    fit, folder = job.fit, job.folder / job.fit.key
    started = time.perf_counter()
    reason = ""
    try:
        with single_thread(), quiet():
            deadline = Deadline(seconds)
            estimator, held_out = train_member(fit.estimator, fit.data, [deadline])
        with replaced_folder(folder) as draft:
            _write(estimator, draft)
            write_held_out(held_out, draft)
    except MultitideError as error:
        reason = str(error)
    return _Trained(time.perf_counter() - started, reason)


def _write(estimator: MultiTaskEstimator, folder: Path) -> None:
    write_model(estimator.stored_, folder)
    write_history(estimator.history_, folder / HISTORY)
    write_history(estimator.pretrain_history_, folder / PRETRAINING)
