"""A search as it stands: what is finished, what runs, and what comes next."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from typing import cast

from multitide._estimator import MultiTaskEstimator
from multitide.errors import MultitideError
from multitide.fitting._recipe import make_part
from multitide.training._settings import Training
from multitide.tuning._execution import AT_ONCE
from multitide.tuning._progress_bar import Progress
from multitide.tuning._sampler import propose
from multitide.tuning._settings import params_of, problems_of, settings_of, with_settings
from multitide.tuning._space import Params, Space
from multitide.tuning._trials import Data, Order, Trial, ceiling

logger = logging.getLogger("multitide")


class Search:
    """Hands out trials and takes in their results.

    Parameters
    ----------
    space : Space
    start : MultiTaskEstimator
        Trial 0.
    data : Data
    n_tasks : int
    found : dict of int to Trial
        What was finished in earlier sessions, by number.
    seed : int
    n_trials : int
        The most in all.
    seconds : float
        The most in all, those of earlier sessions included.

    Attributes
    ----------
    trials : dict of int to Trial
        Finished ones by number.
    ended : bool
        Whether nothing runs any more.
    """

    def __init__(
        self,
        space: Space,
        start: MultiTaskEstimator,
        data: Data,
        n_tasks: int,
        found: dict[int, Trial],
        seed: int,
        n_trials: int,
        seconds: float,
    ) -> None:
        self._space, self._start, self._data, self._n_tasks = space, start, data, n_tasks
        self._seed, self._n_trials, self._seconds = seed, n_trials, seconds
        self.trials = {number: trial for number, trial in found.items() if number < n_trials}
        self._params: dict[int, Params] = {number: trial.params for number, trial in found.items()}
        self._running: set[int] = set()
        self._next = 0
        self._started = time.time() - max(
            (trial.elapsed for trial in self.trials.values()), default=0.0
        )
        self.ended = False

    @property
    def elapsed(self) -> float:
        """Seconds that the search took, in all its sessions."""
        return time.time() - self._started

    def in_order(self) -> list[Trial]:
        """Return the finished trials by their numbers; one that ran out of time is missing."""
        return [self.trials[number] for number in sorted(self.trials)]

    def next_order(self) -> Order | None:
        """Return the next trial; None if it has to wait for others, or if there is none left."""
        while self._next in self.trials:
            self._next += 1
        number = self._next
        if (
            number >= self._n_trials
            or (number and time.time() > self._deadline())
            or not self._can_propose(number)
        ):
            return None
        params = self._propose(number)
        if params is None:
            logger.info("Nothing is left to try after %d trials: the space is small.", number)
            self._n_trials = number
            return None
        settings = settings_of(params, self._start)
        estimator = with_settings(self._start, settings)
        estimator.set_params(
            training__refit=False
        )  # no validation part is left that would judge it
        self._params[number] = params
        self._running.add(number)
        self._next += 1
        limit = ceiling(self._known(number), estimator.max_epochs)
        if not number:
            return Order(number, params, settings, estimator, limit)
        return Order(
            number, params, settings, estimator, limit, self._deadline(), self._end(), self._again
        )

    def finished(self, trial: Trial) -> Trial:
        """Take in a trial.

        Raises
        ------
        MultitideError
            If it is the start itself that failed.
        """
        trial = dataclasses.replace(trial, elapsed=self.elapsed)
        if trial.state == "failed" and not trial.number:
            raise MultitideError(
                f"The configuration that the search starts from must train; it failed. {trial.reason}"
            )
        self._running.discard(trial.number)
        self.trials[trial.number] = trial
        return trial

    def progress(self) -> Progress:
        """Return how far the search is."""
        states = [trial.state for trial in self.trials.values()]
        done = [trial.loss for trial in self.trials.values() if trial.state == "done"]
        left = self._deadline() - time.time() if math.isfinite(self._seconds) else math.nan
        share = max(len(states) / self._n_trials, min(1.0, self.elapsed / self._seconds))
        return Progress(
            done=states.count("done"),
            pruned=states.count("pruned"),
            failed=states.count("failed"),
            running=0 if self.ended else max(1, len(self._running)),
            start=self.trials[0].loss if 0 in self.trials else math.nan,
            best=min(done, default=math.nan),
            share=1.0 if self.ended else share,
            seconds_left=left,
        )

    def _can_propose(self, number: int) -> bool:
        return all(earlier in self.trials for earlier in range(number - AT_ONCE + 1))

    def _known(self, number: int) -> list[Trial]:
        """Return the trials that a trial may learn from: those that are finished before it can begin."""
        return [self.trials[earlier] for earlier in range(number - AT_ONCE + 1)]

    def _propose(self, number: int) -> Params | None:
        if not number:
            return params_of(self._start, self._space)
        tried = [self._params[earlier] for earlier in range(number)]
        waiting = tried[max(0, number - AT_ONCE + 1) :]

        def worth_it(params: Params) -> bool:
            if params in tried:
                return False
            estimator = with_settings(self._start, settings_of(params, self._start))
            return not problems_of(estimator, self._data.samples, self._n_tasks)

        return propose(self._space, self._known(number), waiting, worth_it, self._seed, number)

    def _deadline(self) -> float:
        """Return when trials end, by ``time.time()``: time is kept for measuring the start and the best."""
        done = [trial for trial in self.trials.values() if trial.state == "done"]
        best = min(done, key=lambda trial: trial.loss, default=None)
        return self._end() - (
            0.0 if best is None or not best.number else self._again * best.seconds
        )

    def _end(self) -> float:
        """Return when the best trial must be measured, so that time is left for measuring the start."""
        start = self.trials.get(0)
        return (
            self._started + self._seconds - (0.0 if start is None else self._again * start.seconds)
        )

    @property
    def _again(self) -> float:
        """What measuring a trial takes, in units of the trial: one that is refitted is trained twice."""
        training = cast(Training, make_part("training", self._start.training))
        return 2.0 if training.refit else 1.0
