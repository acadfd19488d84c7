"""How long a study will take: a short probe before it, the measured times during it."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterable
from typing import cast

from multitide._estimator import MultiTaskEstimator
from multitide.errors import ParameterError
from multitide.study.design._protocol import Given, Protocol
from multitide.study.runs._fits import Fit, learn, quiet, sides, single_thread
from multitide.study.runs._jobs import Job, steps_an_epoch
from multitide.training._callbacks import Callback
from multitide.training._trainer import Trainer

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
PROBE_SECONDS = 1.5
SHARE_OF_PROBES = 0.1  # of a budget, at most
WARM_UP_STEPS = 3


class _Enough(Exception):
    """The probe has seen enough."""


class _Stopwatch(Callback):
    """Times steps for a moment and then ends training."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.n_steps, self.started, self.seconds = 0, 0.0, 0.0

    def on_step_end(self, trainer: Trainer) -> None:
        """Start the watch after the first steps, which are slow, and stop when time is up."""
        self.n_steps += 1
        now = time.perf_counter()
        if self.n_steps <= WARM_UP_STEPS:
            self.started = now
        else:
            self.seconds = now - self.started
            if self.seconds > self._limit:
                raise _Enough

    @property
    def seconds_a_step(self) -> float:
        """Mean time of a step; NaN if there were too few."""
        timed = self.n_steps - WARM_UP_STEPS
        return self.seconds / timed if timed > 0 else math.nan


class Pace:
    """What each job is expected to take: what the like of it took, else what the probe of its arm says.

    A probe counts all epochs, on a processor that it has for itself. Once fits are done, probes are
    corrected by what the probes of those fits were wrong by.

    Parameters
    ----------
    expected : dict of str to float
        Seconds by signature; see :func:`signature`.
    """

    def __init__(self, expected: dict[str, float] | None = None) -> None:
        self._expected = dict(expected or {})
        self._measured: dict[str, list[float]] = {}

    def record(self, job: Job, fit: Fit) -> None:
        """Take note of a finished fit."""
        self._measured.setdefault(signature(job), []).append(float(fit.facts["seconds"]))

    def seconds(self, job: Job) -> float:
        """Return what a job is expected to take: what is unknown counts as the mean of what is done, else as NaN."""
        measured = self._measured.get(signature(job))
        if measured:
            return sum(measured) / len(measured)
        if signature(job) in self._expected:
            return self._expected[signature(job)] * self._correction()
        others = [seconds for of_kind in list(self._measured.values()) for seconds in of_kind]
        return sum(others) / len(others) if others else math.nan

    @property
    def is_measured(self) -> bool:
        """Whether any fit is done; before that there are probes only."""
        return bool(self._measured)

    def _correction(self) -> float:
        """Return what finished fits took, in units of what their probes said."""
        both = [name for name in list(self._measured) if name in self._expected]
        expected = sum(self._expected[name] * len(self._measured[name]) for name in both)
        return sum(sum(self._measured[name]) for name in both) / expected if expected else 1.0

    def total(self, jobs: Iterable[Job], n_jobs: int) -> float:
        """Return what these jobs will take on so many processes; unknown ones count as the mean of the others."""
        jobs = list(jobs)
        known = [seconds for seconds in map(self.seconds, jobs) if not math.isnan(seconds)]
        if not jobs or not known:
            return 0.0 if not jobs else math.nan
        return sum(known) / len(known) * len(jobs) / min(n_jobs, len(jobs))


def signature(job: Job) -> str:
    """Name what jobs that differ only in seed and fold have in common."""
    return json.dumps([job.settings, list(job.names)], sort_keys=True, default=repr)


def probe(
    jobs: Iterable[Job], protocol: Protocol, samples: Given, budget: float = math.inf
) -> dict[str, float]:
    """Time a few steps of one job of every kind; return the seconds of whole fits by signature.

    It is the time of all epochs: early stopping makes it less. Of a budget, probes take a tenth at
    most, beside what it takes to begin them.
    """
    expected: dict[str, float] = {}
    by_settings: dict[str, float] = {}
    asked = [job for job in jobs if isinstance(job.learner, MultiTaskEstimator)]
    n_kinds = len({_kind(job, protocol) for job in asked})
    limit = min(PROBE_SECONDS, SHARE_OF_PROBES * max(0.0, budget) / max(1, n_kinds))
    for job in asked:
        if not isinstance(job.learner, MultiTaskEstimator) or signature(job) in expected:
            continue
        kind = _kind(job, protocol)
        if kind not in by_settings:
            by_settings[kind] = _seconds_a_step(job, protocol, samples, limit)
        n_steps = (
            steps_an_epoch(job.learner, protocol, job.names, job.seed, job.fold)
            * job.learner.max_epochs
        )
        expected[signature(job)] = by_settings[kind] * n_steps
    return {name: seconds for name, seconds in expected.items() if not math.isnan(seconds)}


def _kind(job: Job, protocol: Protocol) -> str:
    data = [data.name for data, _ in protocol.by_data(job.names)]
    return json.dumps([job.settings, data], sort_keys=True, default=repr)


def parse_budget(budget: str | float | None) -> float:
    """Return a budget in seconds.

    Parameters
    ----------
    budget : str, number or None
        ``"30m"``, ``"90s"``, ``"1.5h"``, or seconds; None is no limit.

    Raises
    ------
    ParameterError
        If it is none of these.
    """
    if budget is None:
        return math.inf
    if isinstance(budget, (int, float)) and not isinstance(budget, bool) and budget > 0:
        return float(budget)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh])\s*", str(budget))
    if found is None or isinstance(budget, bool) or float(found[1]) <= 0:
        raise ParameterError(
            f'`budget` must be a time such as "90s", "30m" or "2h"; got {budget!r}.'
        )
    return float(found[1]) * UNITS[found[2]]


def in_words(seconds: float) -> str:
    """Write a time for people."""
    if math.isnan(seconds):
        return "an unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _seconds_a_step(job: Job, protocol: Protocol, samples: Given, limit: float) -> float:
    """Return the time of an optimiser step; an error is left for the fit itself to report."""
    watch = _Stopwatch(limit)
    try:
        with single_thread(), quiet():
            learn(cast(MultiTaskEstimator, job.learner), sides(job, protocol, samples), [watch])
    except _Enough:
        pass
    except Exception:  # whatever it is, the fit fails with it too, and says so
        return math.nan
    return watch.seconds_a_step
