"""A search under way: each process takes the next trial, trains it and writes the result."""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.process_executor import BrokenProcessPool

from multitide._estimator import MultiTaskEstimator
from multitide._interrupts import interrupts_end_all
from multitide.errors import MultitideError, StoreError
from multitide.fitting._recipe import make_part
from multitide.training._settings import Training
from multitide.tuning._journal import Journal
from multitide.tuning._progress_bar import Progress
from multitide.tuning._sampler import propose
from multitide.tuning._settings import problems_of, settings_of, with_settings
from multitide.tuning._space import Params, Space
from multitide.tuning._trials import Data, Limits, Trial, pruning_ceiling, run_trial

POLL_SECONDS = 0.5

logger = logging.getLogger("multitide")


@dataclass(frozen=True)
class Plan:
    """Everything that a process needs to know about a search.

    Attributes
    ----------
    folder : path
        See :func:`multitide.tuning._journal.open_folder`.
    space : Space
    start : MultiTaskEstimator
        The configuration of trial 0.
    data : Data
    n_tasks : int
    seed : int
    n_trials : int
        The maximum number of trials, over all sessions.
    seconds : float
        The budget, over all sessions.
    began : float
        When the search began, by ``time.time()``, without the time between its sessions.
    """

    folder: Path
    space: Space
    start: MultiTaskEstimator
    data: Data
    n_tasks: int
    seed: int
    n_trials: int
    seconds: float
    began: float = 0.0

    @property
    def cost_to_measure(self) -> float:
        """The time that measuring takes, in units of a trial; a refit doubles it."""
        training = cast(Training, make_part("training", self.start.training))
        if training.refit is True:
            return 2.0
        return 1.0


class Search:
    """A search as one process sees it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._journal = Journal(plan.folder, plan.space, plan.start)

    def resume(self) -> None:
        """Begin a session: continue the clock of earlier sessions, and their stopped trials."""
        self._journal.requeue_stopped()
        elapsed = []
        for trial in self.finished():
            elapsed.append(trial.elapsed)
        self.plan = replace(self.plan, began=time.time() - max(elapsed, default=0.0))

    @property
    def elapsed(self) -> float:
        """Seconds that the search has taken, over all sessions."""
        return time.time() - self.plan.began

    def finished(self) -> list[Trial]:
        """Return the finished trials by their numbers."""
        trials = self._trials().values()
        done = []
        for trial in trials:
            if trial.finished:
                done.append(trial)
        return done

    def work(self, parent: int | None = None) -> Iterator[Trial]:
        """Do trials until none is left or time is up, and yield each that is finished.

        Parameters
        ----------
        parent : int, optional
            The process whose end ends the work.

        Raises
        ------
        MultitideError
            If the start of the search fails.
        """
        with self._journal.joined():
            while (trial := self.take()) is not None:
                finished = self._run(trial, parent)
                if finished is not None:
                    yield finished
                if parent is not None and parent != os.getppid():
                    return

    def joined(self) -> AbstractContextManager[None]:
        """Let other processes know that this one works on the search, within a block."""
        return self._journal.joined()

    def progress(self, ended: bool = False) -> Progress:
        """Return how far the search is."""
        states = []
        for trial in self._trials().values():
            states.append(trial.state)
        finished = self.finished()
        done = []
        for trial in finished:
            if trial.state == "done":
                done.append(trial.loss)
        starts = []
        for trial in finished:
            if not trial.number:
                starts.append(trial.loss)
        used = max(len(finished) / self.plan.n_trials, self.elapsed / self.plan.seconds)
        seconds_left = math.nan
        if math.isfinite(self.plan.seconds):
            seconds_left = self._deadline(self._trials()) - time.time()
        return Progress(
            done=states.count("done"),
            pruned=states.count("pruned"),
            failed=states.count("failed"),
            running=0 if ended else max(1, states.count("running")),
            start=starts[0] if starts else math.nan,
            best=min(done, default=math.nan),
            share=1.0 if ended else min(1.0, used),
            seconds_left=seconds_left,
        )

    def _trials(self) -> dict[int, Trial]:
        trials = self._journal.trials()
        of_search = {}
        for number in trials:
            if number < self.plan.n_trials:
                of_search[number] = trials[number]
        return of_search

    def take(self) -> Trial | None:
        """Return the next trial; None if there is none, or no time for it."""
        with self._journal.locked():
            self._journal.requeue_dead()
            trials = self._trials()
            waiting = self._journal.next_waiting()
            if waiting is None:
                number = len(trials)
            else:
                number = waiting
            is_late = number > 0 and time.time() > self._deadline(trials)
            if number >= self.plan.n_trials or is_late:
                return None
            if waiting is None:
                params = self._propose(number, trials)
                if params is None:
                    logger.info(
                        "All settings of the space have been tried (%d trials).", number
                    )
                    return None
                self._journal.add(number, params)
            return self._journal.take()

    def _propose(self, number: int, trials: Mapping[int, Trial]) -> Params | None:
        tried = []
        for trial in trials.values():
            tried.append(trial.params)
        start, data, n_tasks = self.plan.start, self.plan.data, self.plan.n_tasks

        def accept(params: Params) -> bool:
            if params in tried:
                return False
            estimator = with_settings(start, settings_of(params, start))
            return not problems_of(estimator, data.samples, n_tasks)

        seed = int(
            np.random.SeedSequence([self.plan.seed, number]).generate_state(1)[0]
        )
        return propose(self.plan.space, self._journal.known(), accept, seed)

    def _run(self, trial: Trial, parent: int | None) -> Trial | None:
        """Train a trial and write its result; None if it was stopped."""
        estimator, limits = self.prepared(trial, parent)
        try:
            with interrupts_end_all():
                finished = run_trial(trial, estimator, self.plan.data, limits)
        except BaseException:
            with suppress(StoreError):  # the trial is found without its process later
                self._journal.stop(trial)
            raise
        return self.end(trial, finished)

    def prepared(
        self, trial: Trial, parent: int | None = None
    ) -> tuple[MultiTaskEstimator, Limits]:
        """Return what a trial trains, and when it ends early."""
        estimator = with_settings(self.plan.start, trial.settings)
        # A refit leaves no validation set to judge the trial on.
        estimator.set_params(training__refit=False)
        return estimator, self._limits(trial, int(estimator.max_epochs), parent)

    def end(self, trial: Trial, finished: Trial | None) -> Trial | None:
        """Write the result of a trial; None if it was stopped."""
        if finished is None:
            self._journal.stop(trial)
            return None
        finished = replace(finished, elapsed=self.elapsed)
        self._journal.finish(finished)
        if finished.state == "failed" and not finished.number:
            raise MultitideError(
                "The configuration that the "
                "search starts from must train; "
                f"it failed. {finished.reason}"
            )
        return finished

    def _limits(self, trial: Trial, max_epochs: int, parent: int | None) -> Limits:
        """Return the limits of a trial; the start always trains to its end."""
        if not trial.number:
            return Limits(parent=parent)
        trials = self._trials()
        return Limits(
            pruning_ceiling(list(trials.values()), max_epochs),
            self._deadline(trials),
            self._end(trials),
            self.plan.cost_to_measure,
            parent,
        )

    def _deadline(self, trials: Mapping[int, Trial]) -> float:
        """Return when trials must end, to leave time to measure the start and the best."""
        done = [trial for trial in trials.values() if trial.state == "done"]
        best = min(done, key=lambda trial: trial.loss, default=None)
        end = self._end(trials)
        if best is None or not best.number:
            return end
        return end - self.plan.cost_to_measure * best.seconds

    def _end(self, trials: Mapping[int, Trial]) -> float:
        """Return when the best trial must be measured, to leave time to measure the start."""
        end = self.plan.began + self.plan.seconds
        if 0 in trials:
            end -= self.plan.cost_to_measure * trials[0].seconds
        return end


def run_search(search: Search, n_jobs: int) -> Iterator[None]:
    """Do the trials of a search in `n_jobs` processes, and yield whenever some are finished."""
    n_jobs = min(n_jobs, search.plan.n_trials - len(search.finished()))
    if n_jobs <= 1:
        for _ in search.work():
            yield
        return
    with ExitStack() as pools:
        # One pool per process, so that the death of one leaves the others alone.
        running = set()
        for _ in range(n_jobs):
            running.add(_start_process(search.plan, pools))
        n_finished = len(search.finished())
        while running:
            ended, running = wait(running, POLL_SECONDS, FIRST_COMPLETED)
            for future in ended:
                try:
                    future.result()
                except BrokenProcessPool as error:
                    logger.warning(
                        "A process died (%s). If memory ran out, use fewer processes (`n_jobs`).",
                        error,
                    )
            if n_finished != (n_finished := len(search.finished())):
                yield


def _start_process(plan: Plan, pools: ExitStack) -> Future[None]:
    pool = ProcessPoolExecutor(1, env={"OMP_NUM_THREADS": "1"})
    pools.callback(pool.shutdown, kill_workers=True)
    future: Future[None] = pool.submit(_work, plan, os.getpid())
    return future


def _work(plan: Plan, parent: int) -> None:
    for _ in Search(plan).work(parent):
        pass
