"""How long a study will take: a short probe before it, and measured times while it runs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping

from multitide._estimator import MultiTaskEstimator
from multitide._forgotten_fits import forgotten
from multitide._quiet import quiet
from multitide._threads import single_thread
from multitide._train import train
from multitide.data._data_sets import DataSets
from multitide.study.design._protocol import Protocol
from multitide.study.runs._fits import Fit
from multitide.study.runs._jobs import Job, steps_per_epoch
from multitide.study.runs._training import job_data
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer

PROBE_SECONDS = 1.5
SHARE_OF_PROBES = 0.1  # the most of a budget that probes may take
WARM_UP_STEPS = 3


class Pace:
    """The expected time of each job.

    It is the mean time of finished jobs that differ only in seed and fold. Before there are any, it
    is the time from the probe of the job's kind. A probe assumes that all epochs are run, and has a
    processor to itself; so once jobs are finished, probes are corrected by the ratio of their time
    to that of their probes. One thread may record while another asks.

    Parameters
    ----------
    expected : dict of str to float, optional
        Seconds by signature; see :func:`signature`.
    """

    def __init__(self, expected: Mapping[str, float] | None = None) -> None:
        self._expected = dict(expected or {})
        self._measured: dict[str, list[float]] = {}

    @property
    def is_measured(self) -> bool:
        """Whether any job is finished."""
        return bool(self._measured)

    def record(self, job: Job, fit: Fit) -> None:
        """Add the time of a finished job."""
        self._measured.setdefault(signature(job), []).append(fit.facts["seconds"])

    def seconds(self, job: Job) -> float:
        """Return the expected time of a job.

        For an unknown kind it is the mean of all finished jobs; NaN if there are none.
        """
        name = signature(job)
        measured = self._measured.get(name)
        if measured:
            return _mean(measured)
        if name in self._expected:
            return self._expected[name] * self._correction()
        every = []
        for seconds in list(self._measured.values()):
            every += seconds
        return _mean(every)

    def total(self, jobs: Iterable[Job], n_jobs: int) -> float:
        """Return the expected time of these jobs on `n_jobs` processes.

        Jobs of unknown time count as the mean of the others; NaN if all are unknown.
        """
        times = []
        for job in jobs:
            times.append(self.seconds(job))
        if not times:
            return 0.0
        known = []
        for seconds in times:
            if not math.isnan(seconds):
                known.append(seconds)
        return _mean(known) * len(times) / min(n_jobs, len(times))

    def _correction(self) -> float:
        """Return the time of finished jobs / the time that their probes predicted."""
        measured = 0.0
        expected = 0.0
        for name, seconds in list(self._measured.items()):
            if name in self._expected:
                measured += sum(seconds)
                expected += self._expected[name] * len(seconds)
        if expected:
            return measured / expected
        return 1.0


def signature(job: Job) -> str:
    """Return a text that is equal for jobs that differ only in seed and fold."""
    return json.dumps([job.settings, list(job.names)], sort_keys=True, default=repr)


def probe(
    jobs: Iterable[Job],
    protocol: Protocol,
    data_sets: DataSets,
    budget: float = math.inf,
) -> dict[str, float]:
    """Time a few steps of one job of every kind.

    Parameters
    ----------
    jobs : iterable of Job
    protocol : Protocol
    data_sets : DataSets
    budget : float
        Time of the study in seconds. Probes take at most a tenth of it, plus the time to start.

    Returns
    -------
    dict of str to float
        Expected seconds of the jobs by signature, for all epochs; early stopping makes it less.
    """
    networks = []
    for job in jobs:
        if isinstance(job.learner, MultiTaskEstimator):
            networks.append(job)
    kinds = set()
    for job in networks:
        kinds.add(_kind(job, protocol))
    limit = min(PROBE_SECONDS, SHARE_OF_PROBES * max(0.0, budget) / max(1, len(kinds)))
    step_seconds: dict[str, float] = {}
    expected: dict[str, float] = {}
    for job in networks:
        name = signature(job)
        if name in expected or not isinstance(job.learner, MultiTaskEstimator):
            continue
        kind = _kind(job, protocol)
        if kind not in step_seconds:
            step_seconds[kind] = _time_a_step(
                job, job.learner, protocol, data_sets, limit
            )
        steps = steps_per_epoch(job.learner, protocol, job.names, job.seed, job.fold)
        expected[name] = step_seconds[kind] * steps * int(job.learner.max_epochs)
    known = {}
    for name, seconds in expected.items():
        if not math.isnan(seconds):
            known[name] = seconds
    return known


class _ProbeDone(Exception):
    """Ends the training of a probe."""


class _Stopwatch(Callback):
    """Times steps up to a limit in seconds, and then ends training."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._n_steps = 0
        self._started = 0.0
        self._seconds = 0.0

    def on_step_end(self, trainer: Trainer) -> None:
        """Start after the first steps, which are slow, and end when time is up."""
        self._n_steps += 1
        now = time.perf_counter()
        if self._n_steps <= WARM_UP_STEPS:
            self._started = now
            return
        self._seconds = now - self._started
        if self._seconds > self._limit:
            raise _ProbeDone

    @property
    def seconds_per_step(self) -> float:
        """Mean time of a step; NaN if there were too few steps."""
        timed = self._n_steps - WARM_UP_STEPS
        if timed > 0:
            return self._seconds / timed
        return math.nan


def _kind(job: Job, protocol: Protocol) -> str:
    """Return a text that is equal for jobs whose steps take the same time."""
    data = [data.name for data, _ in protocol.by_data(job.names)]
    return json.dumps([job.settings, data], sort_keys=True, default=repr)


def _time_a_step(
    job: Job,
    learner: MultiTaskEstimator,
    protocol: Protocol,
    data_sets: DataSets,
    limit: float,
) -> float:
    """Return the time of an optimiser step; NaN after an error, which the fit itself reports."""
    watch = _Stopwatch(limit)
    try:
        with forgotten(), single_thread(), quiet():
            train(learner, job_data(job, protocol, data_sets), [watch])
    except _ProbeDone:
        pass
    except Exception:
        return math.nan
    return watch.seconds_per_step


def _mean(values: list[float]) -> float:
    if values:
        return sum(values) / len(values)
    return math.nan
