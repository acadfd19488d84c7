"""Running the fits: all of them, also if some fail, and each is reported when it is done."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fakes import Quick, make_small_protocol
from multitide.data._data_sets import DataSets
from multitide.engines._default_n_jobs import default_n_jobs
from multitide.engines._engine import Lost
from multitide.engines._local_engine import LocalEngine
from multitide.study.design._protocol import Protocol
from multitide.study.design._resolve_arms import resolve_arms
from multitide.study.runs import _workers as execution
from multitide.study.runs._fits import Fit
from multitide.study.runs._jobs import Job
from multitide.study.runs._plan import make_plan
from multitide.study.runs._progress_bar import StudyBar, progress_in_words
from multitide.study.runs._timing import Pace, signature
from multitide.study.runs._workers import Progress, execute


def work(
    arms: Any = ("alone", "hard"), n_seeds: int = 2
) -> tuple[dict[str, Job], Protocol, DataSets]:
    protocol, samples = make_small_protocol(n_seeds=n_seeds)
    return (
        make_plan(resolve_arms(arms, Quick(), protocol.names), protocol).jobs,
        protocol,
        samples,
    )


def test_every_job_becomes_a_fit_and_every_fit_is_reported() -> None:
    jobs, protocol, samples = work()
    told: list[Progress] = []
    fits = execute(
        jobs, protocol, samples, engine=LocalEngine(1), n_found=3, listener=told.append
    )
    assert fits.keys() == jobs.keys()
    assert all(fit.done for fit in fits.values())
    assert [state.done for state in told] == [3, 4, 5, 6, 7, 8, 9]
    assert [state.running + state.left for state in told] == [6, 5, 4, 3, 2, 1, 0]
    assert [state.running for state in told] == [1] * 6 + [0]
    assert math.isnan(told[0].seconds_left)
    assert told[1].seconds_left > 0
    assert told[-1].seconds_left == 0
    assert told[1].latest == "state, seed 0"
    assert told[-1].seconds >= told[0].seconds


def test_a_failed_fit_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    jobs, protocol, samples = work({"hard": "hard", "broken": {"lr": 13.0}})
    told: list[Progress] = []
    with caplog.at_level(logging.WARNING, logger="multitide"):
        fits = execute(
            jobs, protocol, samples, engine=LocalEngine(1), listener=told.append
        )
    assert len(fits) == len(jobs) == 8
    assert sum(not fit.done for fit in fits.values()) == told[-1].failed == 2
    assert (
        "A fit of state, load failed: RuntimeError: the network caught fire"
        in caplog.text
    )


def test_done_fits_are_written_at_once_and_failed_ones_are_not(tmp_path: Path) -> None:
    jobs, protocol, samples = work({"broken": {"lr": 13.0}}, n_seeds=1)
    there: list[int] = []
    execute(
        jobs,
        protocol,
        samples,
        engine=LocalEngine(1),
        runs=tmp_path,
        listener=lambda _: there.append(len(list(tmp_path.iterdir()))),
    )
    assert there == [0, 1, 2, 2]


class Clock:
    """A clock that stands still but for fits: each moves it by what it takes."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, seconds: Callable[[Job], float]
    ) -> None:
        self.now = 1000.0
        monkeypatch.setattr(execution.time, "perf_counter", lambda: self.now)

        def work(job: Job, **_: Any) -> Fit:
            self.now += seconds(job)
            answers = {task: np.zeros(1) for task in job.names}
            return Fit(job.key, {"status": "done", "seconds": seconds(job)}, answers)

        monkeypatch.setattr(execution, "_run_and_store", work)


def begun(jobs: dict[str, Job], fits: dict[str, Fit]) -> list[tuple[int, int]]:
    return [(jobs[key].seed, len(jobs[key].names)) for key in fits]


def test_no_fit_is_begun_that_is_not_expected_to_end_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs, protocol, samples = work(n_seeds=3)
    clock = Clock(monkeypatch, lambda _: 10.0)
    budgets = {0: 0, 1: 1, 15: 1, 20: 2, 30: 3, 59: 3, 60: 6, 89: 6, 90: 9, math.inf: 9}
    for seconds, wanted in budgets.items():
        started = clock.now
        fits = execute(jobs, protocol, samples, engine=LocalEngine(1), seconds=seconds)
        assert len(fits) == wanted
        assert clock.now - started <= max(
            10, seconds
        )  # the very first fit is begun as long as there is time
    assert begun(jobs, fits)[:4] == [(0, 1), (0, 1), (0, 2), (1, 1)]


def test_probes_are_corrected_by_what_fits_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs, protocol, samples = work(n_seeds=1)
    for really, wanted in ((5.0, 3), (40.0, 1)):
        Clock(monkeypatch, lambda _, really=really: really)  # type: ignore[misc]
        pace = Pace(dict.fromkeys(map(signature, jobs.values()), 20.0))
        assert (
            len(
                execute(
                    jobs,
                    protocol,
                    samples,
                    engine=LocalEngine(1),
                    pace=pace,
                    seconds=30,
                )
            )
            == wanted
        )


def test_the_listener_hears_that_what_waits_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs, protocol, samples = work()
    Clock(monkeypatch, lambda _: 10.0)
    told: list[Progress] = []
    execute(
        jobs, protocol, samples, engine=LocalEngine(1), seconds=35, listener=told.append
    )
    assert (told[-1].done, told[-1].running, told[-1].left) == (3, 0, 0)


class Dying:
    """An engine whose second job kills its process."""

    n_places = 2
    shares_disk = True

    def results(
        self, work: Callable[[Job], Fit], jobs: Iterable[Job], retries: int = 1
    ) -> Iterator[tuple[Job, Fit | Lost]]:
        for number, job in enumerate(jobs):
            if number == 1:
                yield job, Lost("killed by signal 9")
            else:
                yield job, work(job)


def test_a_process_that_dies_costs_its_fit_and_leaves_a_reason() -> None:
    jobs, protocol, samples = work()
    fits = execute(jobs, protocol, samples, engine=Dying())
    assert fits.keys() == jobs.keys()
    failed = [fit for fit in fits.values() if not fit.done]
    assert len(failed) == 1
    assert "a process died (killed by signal 9)" in failed[0].facts["reason"]


class Elsewhere:
    """An engine that must not write."""

    n_places = 1
    shares_disk = False

    def results(
        self, work: Callable[[Job], Fit], jobs: Iterable[Job], retries: int = 1
    ) -> Iterator[tuple[Job, Fit | Lost]]:
        assert work.keywords["runs"] is None  # type: ignore[attr-defined]
        for job in jobs:
            yield job, work(job)


def test_fits_of_other_machines_are_written_here(tmp_path: Path) -> None:
    jobs, protocol, samples = work()
    fits = execute(jobs, protocol, samples, engine=Elsewhere(), runs=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == fits.keys()


def test_one_process_a_core_and_a_single_one_on_a_gpu() -> None:
    assert default_n_jobs("cpu") >= 1
    assert default_n_jobs("cuda:1") == 1


def test_the_bar_draws_on_a_terminal_only() -> None:
    states = [
        Progress(0, 2, 4, 0, 0.0, 600.0),
        Progress(5, 1, 0, 1, 50.0, 10.0),
        Progress(6, 0, 0, 1, 60.0, 0.0),
    ]
    for terminal in (True, False):
        console = Console(
            force_terminal=terminal, width=100, file=StringIO(), record=True
        )
        bar = StudyBar(console)
        for state in states:
            bar(state)
        text = console.export_text()
        if terminal:
            assert "6/6" in text
        else:
            assert text.splitlines() == [
                "study: 5 of 6 fits done, 1 running, 0 left, 1 failed, about 10 s to go",
                "study: 6 of 6 fits done, finished, 1 failed",
            ]
        console.file.close()


def test_words_say_where_things_stand() -> None:
    assert (
        progress_in_words(Progress(3, 2, 5, 1, 9.0, 600.0))
        == "2 running, 5 left, 1 failed, about 10 min to go"
    )
    assert progress_in_words(Progress(3, 0, 0, 0, 9.0, 0.0)) == "finished"
