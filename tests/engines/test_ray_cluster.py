"""A study on a Ray cluster of two nodes equals one on this machine, also if a node is killed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import multitide as mt
from multitide.study.runs._workers import Progress

pytestmark = pytest.mark.slow

ray = pytest.importorskip("ray")

WHAT_TAKES_TIME = ("seconds", "versions")


@pytest.fixture
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def samples() -> mt.Samples:
    return mt.simulate_rig(n_runs=60, n_machines=12, random_state=0)


def estimator() -> mt.MultiTaskEstimator:
    return mt.MultiTaskEstimator(
        backbone="fcn", max_epochs=2, device="cpu", random_state=0, verbose=0
    )


def study(engine: str, folder: Path, **options: Any) -> mt.Comparison:
    return mt.compare(
        samples(),
        ["fault", "severity"],
        estimator=estimator(),
        n_seeds=3,
        engine=engine,
        folder=folder,
        verbose=0,
        **options,
    )


def assert_equal_fits(one: mt.Comparison, other: mt.Comparison) -> None:
    assert one.evidence.fits.keys() == other.evidence.fits.keys()
    for key, fit in one.evidence.fits.items():
        theirs = other.evidence.fits[key]
        assert fit.facts["status"] == theirs.facts["status"] == "done"
        assert fit.facts["warnings"] == theirs.facts["warnings"]
        for question, answers in fit.answers.items():
            assert (answers == theirs.answers[question]).all()
    pd.testing.assert_frame_equal(one.gains, other.gains)


def test_a_cluster_gives_the_bits_of_this_machine(cluster: Any, tmp_path: Path) -> None:
    here = study("local", tmp_path / "local", n_jobs=1)
    there = study("ray", tmp_path / "ray")

    assert_equal_fits(here, there)
    written = {path.name for path in (tmp_path / "ray" / "runs").iterdir()}
    assert written == {path.name for path in (tmp_path / "local" / "runs").iterdir()}


def test_a_killed_node_costs_time_only(cluster: Any, tmp_path: Path) -> None:
    here = study("local", tmp_path / "local", n_jobs=1)
    done: list[int] = []
    killer: list[threading.Thread] = []

    def kill_a_node(progress: Progress) -> None:
        done.append(progress.done)
        if progress.done == 1 and not killer:
            node = next(iter(cluster.worker_nodes))
            thread = threading.Thread(
                target=cluster.remove_node,
                args=(node,),
                kwargs={"allow_graceful": False},
            )
            killer.append(thread)
            thread.start()

    there = study("ray", tmp_path / "ray", progress=kill_a_node)
    killer[0].join()

    assert_equal_fits(here, there)


def test_an_ensemble_of_a_cluster_is_that_of_this_machine(cluster: Any) -> None:
    data = samples()
    predictions = []
    for engine in ("local", "ray"):
        ensemble = mt.Ensemble(
            estimator(), n_seeds=2, engine=engine, random_state=0, verbose=0
        )
        predictions.append(ensemble.fit(data).predict(data))

    pd.testing.assert_frame_equal(*predictions)


def test_a_search_of_a_cluster_has_its_trials_here(
    cluster: Any, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    tuning = mt.tune(
        samples(),
        estimator=estimator(),
        space={"lr": [0.001, 0.002, 0.004]},
        n_trials=3,
        engine="ray",
        folder=tmp_path / "search",
        verbose=0,
    )

    assert [trial.state for trial in tuning.trials] == ["done"] * 3
    here = mt.tune(
        samples(),
        estimator=estimator(),
        space={"lr": [0.001, 0.002, 0.004]},
        n_trials=3,
        n_jobs=1,
        verbose=0,
    )
    assert tuning.trials[0].loss == here.trials[0].loss
