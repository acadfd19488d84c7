"""A search whose trials are trained elsewhere: this process takes them and writes the results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from multitide._estimator import MultiTaskEstimator
from multitide._interrupts import interrupts_end_all
from multitide.engines._engine import Engine, Lost
from multitide.tuning._search import Search
from multitide.tuning._trials import Data, Limits, Trial, run_trial


@dataclass(frozen=True)
class _Job:
    """A trial that begins.

    Attributes
    ----------
    trial : Trial
        As it was taken.
    estimator : MultiTaskEstimator
        With its settings.
    limits : Limits
        When it ends early.
    """

    trial: Trial
    estimator: MultiTaskEstimator
    limits: Limits


def search_on_engine(search: Search, engine: Engine) -> Iterator[None]:
    """Do the trials of a search, and yield whenever one is finished."""
    train = partial(_train, data=search.plan.data)
    with search.joined():
        for job, result in engine.results(train, _jobs(search)):
            if isinstance(result, Lost):
                reason = f"its process died ({result.reason}); perhaps memory ran out"
                result = replace(job.trial, state="failed", reason=reason)
            search.end(job.trial, result)
            yield


def _jobs(search: Search) -> Iterator[_Job]:
    """Yield the trials of a search as it proposes them."""
    while (trial := search.take()) is not None:
        yield _Job(trial, *search.prepared(trial))


def _train(job: _Job, data: Data) -> Trial | None:
    with interrupts_end_all():
        return run_trial(job.trial, job.estimator, data, job.limits)
