"""A search on disk: its record, and an Optuna study whose journal survives kills and full disks.

Optuna appends a line to the journal per change. A process that is killed, or a disk that is full,
can leave a part of a line; anything appended to it would make the file unreadable. So each append
first cuts such a part off. A killed process also leaves trials that run forever. So each process
holds a lock on a file of its own for as long as it takes part, and trials whose owner holds no lock
are tried again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState, create_trial
from pydantic import TypeAdapter

from multitide._claim_folder import claim_folder
from multitide._estimator import MultiTaskEstimator
from multitide._folder_kinds import SEARCH_FORMAT
from multitide._result_folder import read_record, shortened, writable, write_file
from multitide.errors import MultitideError, StoreError
from multitide.tuning._journal_file import JournalFile, JournalLock
from multitide.tuning._marks_of import check_stored, marks_of
from multitide.tuning._sampler import decode, encode, quiet_optuna
from multitide.tuning._settings import params_of, settings_of
from multitide.tuning._space import Params, Space
from multitide.tuning._trials import Trial

SCHEMA = 2
RECORD, JOURNAL, LOCK, PROCESSES = "search.json", "journal.jsonl", ".lock", ".processes"
STUDY = "search"
# User attributes of Optuna's trials.
NUMBER, ATTEMPT, OWNER, RESULT = "number", "attempt", "owner", "result"
RESULT_FIELDS = (
    "state",
    "loss",
    "losses",
    "curve",
    "n_epochs",
    "n_parameters",
    "seconds",
    "elapsed",
    "reason",
)
MAX_ATTEMPTS = 3

_TRIAL = TypeAdapter(Trial)
_TOLD = {
    "done": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}


def open_folder(folder: Path, identity: Mapping[str, object]) -> None:
    """Make the folder of a search, or check that it holds this search.

    Parameters
    ----------
    folder : path
    identity : dict
        Everything that decides the trials: data, split, tasks, start, space, seed, versions.

    Raises
    ------
    StoreError
        If the folder holds another search or anything else, or cannot be written.
    """
    identity = json.loads(json.dumps(identity, default=repr))
    path = folder / RECORD
    claim_folder(folder, SEARCH_FORMAT)
    with writable(folder), FileLock(folder / LOCK):
        if not path.is_file():
            record = {
                "format": SEARCH_FORMAT,
                "schema_version": SCHEMA,
                "identity": identity,
            }
            write_file(path, json.dumps(record, indent=1, ensure_ascii=False))
    remedy = "Run `multitide tune` again, with a new folder as `--output`."
    stored = read_record(path, SEARCH_FORMAT, [SCHEMA], remedy).get("identity")
    if not isinstance(stored, dict):
        raise StoreError(
            f"{str(path)!r} must hold the identity of a search; it is damaged."
        )
    other = []
    for name in identity:
        if stored.get(name) != identity[name]:
            other.append(name)
    if other:
        raise StoreError(
            "`folder` must be new or hold the same search; "
            f"that in {str(folder)!r} differs in {', '.join(other)}."
        )


class Journal:
    """The trials of a search, shared by all processes that work in its folder.

    Parameters
    ----------
    folder : path
        See :func:`open_folder`.
    space : Space
    start : MultiTaskEstimator
        The configuration that the search starts from.

    Raises
    ------
    StoreError
        If the journal is damaged, or cannot be written.
    """

    def __init__(self, folder: Path, space: Space, start: MultiTaskEstimator) -> None:
        self._folder, self._space, self._start = folder, space, start
        self._start_params = params_of(start, space)
        self._lock = JournalLock(folder / LOCK)
        self._owner = f"{os.getpid()}-{time.time_ns()}"
        self._running: dict[int, optuna.Trial] = {}
        self._read: dict[int, Trial] = {}
        with self.locked(), self._checking(), quiet_optuna():
            backend = JournalFile(folder / JOURNAL, self._lock)
            storage = optuna.storages.JournalStorage(backend)
            try:
                self._study = optuna.load_study(study_name=STUDY, storage=storage)
            except KeyError:
                self._study = optuna.create_study(study_name=STUDY, storage=storage)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other processes from the journal."""
        with writable(self._folder):
            self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Let the other processes know that this one is alive, until the block ends."""
        lock = FileLock(self._owner_file(self._owner))
        with writable(self._folder):
            (self._folder / PROCESSES).mkdir(exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            self._owner_file(self._owner).unlink(missing_ok=True)
            lock.release()

    def trials(self) -> dict[int, Trial]:
        """Return the trials by number, each as it stands."""
        with self._checking():
            stored = self._study.get_trials(deepcopy=False)
            # A trial that is tried again has the number of the one before, and replaces it.
            trials = {}
            for frozen in stored:
                trials[_number(frozen)] = self._trial(frozen)
        return dict(sorted(trials.items()))

    def known(self) -> list[FrozenTrial]:
        """Return the trials that a sampler learns from, by number: finished and running ones."""
        states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
        with self._checking():
            known = self._study.get_trials(deepcopy=False, states=states)
            for frozen in known:
                self._trial(frozen)
            return sorted(known, key=_number)

    def next_waiting(self) -> int | None:
        """Return the number of the trial that :meth:`take` takes; None if none is waiting."""
        states = (TrialState.WAITING,)
        with self._checking():
            waiting = self._study.get_trials(deepcopy=False, states=states)
            if waiting:
                return _number(waiting[0])
            return None

    def add(self, number: int, params: Params, attempt: int = 0) -> None:
        """Add a trial that waits for a process."""
        values, distributions = encode(self._space, params)
        attributes = {NUMBER: number, ATTEMPT: attempt}
        self._add(TrialState.WAITING, attributes, values, distributions)

    def take(self) -> Trial:
        """Take the next waiting trial; it runs in this process."""
        with self.locked(), self._checking():
            asked = self._study.ask()
            asked.set_user_attr(OWNER, self._owner)
        number = int(asked.user_attrs[NUMBER])
        self._running[number] = asked
        return self.trials()[number]

    def finish(self, trial: Trial) -> None:
        """Write the result of a trial of this process."""
        asked = self._running[trial.number]
        with self.locked():
            if trial.state == "pruned":
                asked.report(trial.loss, trial.n_epochs)
            asked.set_user_attr(RESULT, _result_of(trial))
            if trial.state == "done":
                value = trial.loss
            else:
                value = None
            self._study.tell(asked, value, _TOLD[trial.state])

    def stop(self, trial: Trial) -> None:
        """Write that a trial of this process has ended without a result."""
        self._study.tell(self._running[trial.number], state=TrialState.FAIL)

    def requeue_stopped(self) -> None:
        """Let trials that were stopped in earlier sessions wait again, and a start that failed."""
        with self.locked(), self._checking():
            trials = self.trials()
            for number, trial in trials.items():
                if trial.state == "stopped" or (trial.state == "failed" and not number):
                    self.add(number, trial.params)
            if 0 not in trials:
                self.add(0, self._start_params)

    def requeue_dead(self) -> None:
        """Let trials whose process is gone wait again; after a few attempts they have failed."""
        with self.locked(), self._checking():
            for frozen in self._study.get_trials(
                deepcopy=False, states=(TrialState.RUNNING,)
            ):
                if self._is_alive(marks_of(frozen).owner):
                    continue
                # The copy comes first: a kill between the two steps must not lose the trial.
                if not self._has_copy(frozen):
                    self._try_again(frozen)
                self._study.tell(frozen.number, state=TrialState.FAIL)

    def _try_again(self, frozen: FrozenTrial) -> None:
        attempt = marks_of(frozen).attempt + 1
        attributes: dict[str, Any] = {NUMBER: _number(frozen), ATTEMPT: attempt}
        if attempt < MAX_ATTEMPTS:
            self._add(
                TrialState.WAITING, attributes, frozen.params, frozen.distributions
            )
            return
        reason = (
            f"its process died in each of {attempt} attempts; perhaps memory ran out"
        )
        failed = Trial(_number(frozen), {}, {}, "failed", reason=reason)
        attributes[RESULT] = _result_of(failed)
        self._add(TrialState.FAIL, attributes, frozen.params, frozen.distributions)

    def _add(
        self,
        state: TrialState,
        attributes: Mapping[str, object],
        values: Mapping[str, object],
        distributions: Mapping[str, optuna.distributions.BaseDistribution],
    ) -> None:
        self._study.add_trial(
            create_trial(
                state=state,
                params=dict(values),
                distributions=dict(distributions),
                user_attrs=dict(attributes),
            )
        )

    def _has_copy(self, frozen: FrozenTrial) -> bool:
        later = self._study.get_trials(deepcopy=False)[frozen.number + 1 :]
        return any(_number(other) == _number(frozen) for other in later)

    def _owner_file(self, owner: str) -> Path:
        return self._folder / PROCESSES / f"{owner}.lock"

    def _is_alive(self, owner: str | None) -> bool:
        if owner == self._owner:
            return True
        if owner is None:
            return False
        path = self._owner_file(owner)
        if not path.exists():
            return False
        lock = FileLock(path)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        path.unlink(missing_ok=True)
        lock.release()
        return False

    def _trial(self, frozen: FrozenTrial) -> Trial:
        """Return a trial that was read back, checked."""
        if frozen.number in self._read:
            return self._read[frozen.number]
        number = _number(frozen)
        params = decode(self._space, frozen.params)
        if encode(self._space, params) != (frozen.params, frozen.distributions):
            raise ValueError(f"trial {number} has values outside the space")
        check_stored(frozen)
        if number == 0:
            params = self._start_params
        settings = settings_of(params, self._start)
        result = _stored_result(frozen, number)
        known = {"number": number, "params": params, "settings": settings}
        trial = _TRIAL.validate_python({**result, **known})
        if frozen.state == TrialState.COMPLETE and frozen.value != trial.loss:
            raise ValueError(f"trial {number} has two losses")
        if frozen.state.is_finished():
            self._read[frozen.number] = trial
        return trial

    @contextmanager
    def _checking(self) -> Iterator[None]:
        """Turn what a damaged journal raises into one error."""
        try:
            yield
        except MultitideError:
            raise
        except Exception as error:  # Optuna has errors of many types
            path = str(self._folder / JOURNAL)
            raise StoreError(
                f"{path!r} must be the journal of a search; "
                f"it is damaged ({shortened(repr(error))}). "
                "Run `multitide tune` again, "
                "with a new folder as `--output`."
            ) from error


def _result_of(trial: Trial) -> dict[str, object]:
    return {name: getattr(trial, name) for name in RESULT_FIELDS}


def _stored_result(frozen: FrozenTrial, number: int) -> dict[str, object]:
    """Return the state of a trial and, once it has ended, its result."""
    if frozen.state in (TrialState.WAITING, TrialState.RUNNING):
        return {"state": frozen.state.name.lower()}
    if RESULT in frozen.user_attrs:
        result = dict(frozen.user_attrs[RESULT])
        told = _TOLD.get(str(result.get("state")))
        # One whose process was killed before it told the end has failed, whatever its result.
        if frozen.state not in (told, TrialState.FAIL):
            raise ValueError(f"trial {number} has the result of another state")
        return result
    if frozen.state == TrialState.FAIL:
        return {"state": "stopped"}
    raise ValueError(f"trial {number} has no result")


def _number(frozen: FrozenTrial) -> int:
    return marks_of(frozen).number
