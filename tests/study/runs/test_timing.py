"""What a study will take: probes, and times that are corrected as fits finish."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fakes import RANDOM, Quick, make_small_protocol
from makers import make_samples
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import LSTMFCN
from multitide.data._data_sets import DataSets
from multitide.study.design._protocol import make_protocol
from multitide.study.design._resolve_arms import resolve_arms
from multitide.study.runs import _timing as cost
from multitide.study.runs._fits import Fit
from multitide.study.runs._jobs import Job
from multitide.study.runs._plan import make_plan
from multitide.study.runs._timing import Pace, probe, signature
from multitide.tasks import resolve_tasks

SMALL = LSTMFCN(hidden_size=4, filters=(4, 4, 4), kernel_sizes=(3, 3, 3))


def jobs_of(n_seeds: int = 2, arms: Any = ("alone", "hard")) -> list[Job]:
    protocol, _ = make_small_protocol(n_seeds=n_seeds)
    return list(
        make_plan(resolve_arms(arms, Quick(), protocol.names), protocol).jobs.values()
    )


def took(job: Job, seconds: float) -> Fit:
    return Fit(job.key, {"status": "done", "seconds": seconds})


def test_seeds_of_one_kind_share_what_they_take() -> None:
    jobs = jobs_of()
    assert signature(jobs[0]) == signature(jobs[3])
    assert len({signature(job) for job in jobs}) == 3


def test_measured_times_replace_expected_ones() -> None:
    jobs = jobs_of()
    pace = Pace({signature(jobs[0]): 100.0})
    assert pace.seconds(jobs[0]) == 100
    assert math.isnan(pace.seconds(jobs[1]))
    pace.record(jobs[0], took(jobs[0], 2.0))
    pace.record(jobs[3], took(jobs[3], 4.0))
    assert pace.seconds(jobs[0]) == 3


def test_unknown_jobs_count_as_the_mean_of_the_others() -> None:
    jobs = jobs_of()
    pace = Pace({signature(jobs[0]): 10.0, signature(jobs[1]): 20.0})
    assert pace.total(jobs, 1) == pytest.approx(6 * 15)
    assert pace.total(jobs, 2) == pytest.approx(6 * 15 / 2)
    assert pace.total(jobs[:2], 8) == pytest.approx(15)
    assert pace.total([], 2) == 0
    assert math.isnan(Pace().total(jobs, 2))


def test_the_probe_times_steps_and_counts_all_epochs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cost, "PROBE_SECONDS", 0.02)
    samples = make_samples(300)
    protocol = make_protocol(
        DataSets(samples), resolve_tasks(None, samples.y), RANDOM, None, 1
    )
    totals = []
    for epochs in (50, 100):
        estimator = MultiTaskEstimator(
            backbone=SMALL, max_epochs=epochs, batch_size=8, device="cpu", verbose=0
        )
        arms = resolve_arms(["hard", "boosting"], estimator, protocol.names)
        jobs = list(make_plan(arms, protocol).jobs.values())
        expected = probe(jobs, protocol, DataSets(samples))
        assert set(expected) == {
            signature(job)
            for job in jobs
            if isinstance(job.learner, MultiTaskEstimator)
        }
        totals.append(sum(expected.values()))
    assert all(0.05 < total < 600 for total in totals)


def test_the_probe_leaves_errors_to_the_fit() -> None:
    protocol, samples = make_small_protocol()
    jobs = make_plan(
        resolve_arms(["hard"], Quick(lr=13), protocol.names), protocol
    ).jobs
    assert probe(jobs.values(), protocol, samples) == {}
