"""Running a plan: find the fits that are done, and run the others within the budget."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from multitide._budget import in_words
from multitide._checks import as_path
from multitide._one_process import one_process
from multitide.data._data_sets import DataSets
from multitide.engines._engine import Engine
from multitide.engines._local_engine import LocalEngine
from multitide.study.design._protocol import Protocol
from multitide.study.runs._fit_store import read_fit, runs_folder
from multitide.study.runs._fits import Fit
from multitide.study.runs._jobs import Job
from multitide.study.runs._plan import Plan
from multitide.study.runs._progress_bar import StudyBar
from multitide.study.runs._timing import Pace, probe
from multitide.study.runs._workers import Listener, Progress, execute

logger = logging.getLogger("multitide")


@dataclass(frozen=True)
class RunResources:
    """What fits are run with, and where they are kept.

    Attributes
    ----------
    engine : Engine
        Computes the fits.
    runs : path or None
        The folder of the fits.
    listeners : sequence of Listener
        They are called with the progress.
    """

    engine: Engine
    runs: Path | None
    listeners: Sequence[Listener]


@contextmanager
def run_resources(
    engine: Engine,
    folder: str | Path | None,
    progress: Listener | None,
    verbose: int,
) -> Iterator[RunResources]:
    """Check these arguments of :func:`multitide.compare`, and make the folder of the fits.

    Until the block ends, no other process works on the folder: the study that the block writes
    would be a mixture of both.
    """
    listeners: list[Listener] = []
    if progress is not None:
        listeners.append(progress)
    if verbose:
        listeners.append(StudyBar())
    if folder is None:
        yield RunResources(engine, None, listeners)
        return
    place = as_path("folder", folder)
    runs = runs_folder(place)
    with one_process(place):
        yield RunResources(engine, runs, listeners)


def run_plan(
    plan: Plan,
    protocol: Protocol,
    data_sets: DataSets,
    resources: RunResources,
    budget: float = math.inf,
    known: Mapping[str, Fit] | None = None,
) -> tuple[Plan, dict[str, Fit]]:
    """Run the fits that are not done yet, as far as the budget allows.

    Parameters
    ----------
    plan : Plan
    protocol : Protocol
    data_sets : DataSets
    resources : RunResources
    budget : float
        Time in seconds. A fit that has begun is finished.
    known : dict of str to Fit, optional
        Fits that were run before, by key.

    Returns
    -------
    plan : Plan
        The part of the plan that is complete.
    fits : dict of str to Fit
        All fits by key.
    """
    started = time.perf_counter()
    done = _find_fits(plan, resources.runs, known or {})
    missing = {}
    for key, job in plan.jobs.items():
        if key not in done:
            missing[key] = job
    pace = Pace()
    if missing and (resources.listeners or math.isfinite(budget)):
        pace = Pace(probe(missing.values(), protocol, data_sets, budget))
    for key, fit in done.items():
        pace.record(plan.jobs[key], fit)
    left = budget - (time.perf_counter() - started)
    _announce(plan, list(missing.values()), pace, resources.engine.n_places, left)
    made = execute(
        missing,
        protocol,
        data_sets,
        engine=_for(resources.engine, len(missing)),
        runs=resources.runs,
        n_found=len(done),
        pace=pace,
        listener=_call_all(resources.listeners),
        seconds=left,
    )
    fits = done | made
    return plan.complete_part(fits), fits


def _for(engine: Engine, n_fits: int) -> Engine:
    """Return the engine, without processes if there is a single fit."""
    if isinstance(engine, LocalEngine):
        return LocalEngine(min(engine.n_places, max(1, n_fits)))
    return engine


def _find_fits(
    plan: Plan, runs: Path | None, known: Mapping[str, Fit]
) -> dict[str, Fit]:
    """Return the fits of a plan that are done, by key; stored ones come last."""
    done = {}
    for key, fit in known.items():
        if key in plan.jobs and fit.done:
            done[key] = fit
    if runs is None:
        return done
    for key in plan.jobs:
        stored = read_fit(runs, key)
        if stored is not None:
            done[key] = stored
    return done


def _announce(
    plan: Plan, missing: Sequence[Job], pace: Pace, n_jobs: int, budget: float
) -> None:
    seconds = pace.total(missing, n_jobs)
    expected = ""
    if missing and not math.isnan(seconds):
        expected = f", the others take about {in_words(seconds)}"
    logger.info(
        "%d runs, %d fits on %s, %d of them already done%s.",
        len(plan.runs),
        len(plan.jobs),
        "one process" if n_jobs == 1 else f"{n_jobs} processes",
        len(plan.jobs) - len(missing),
        expected,
    )
    if seconds > budget:
        logger.warning(
            "`budget` leaves %s; fits that are not expected to end in time are skipped.",
            in_words(max(0.0, budget)),
        )


def _call_all(listeners: Sequence[Listener]) -> Listener | None:
    if not listeners:
        return None

    def call(progress: Progress) -> None:
        for listener in listeners:
            listener(progress)

    return call
