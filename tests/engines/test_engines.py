"""Every engine keeps the contract: lazily taken jobs, results as they end, and lost processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multitide.engines._engine import Engine, Lost
from multitide.engines._large_arrays import (
    LARGE,
    dump_without_arrays,
    load_with_arrays,
)
from multitide.engines._local_engine import LocalEngine
from multitide.engines._make_engine import make_engine
from multitide.engines._ray_engine import RayEngine, _check_reachable
from multitide.errors import MissingDependencyError
from refusals import refused


def double(job: int) -> int:
    return 2 * job


def wait(job: int) -> int:
    time.sleep(0.05)
    return job


def die_once(job: int, folder: Path, doomed: int) -> int:
    """Kill the process of one job: at its first try, or always if there is no folder."""
    mark = folder / str(job)
    if job == doomed and not (mark.exists() and folder.name == "once"):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job


def working_folder(job: int) -> str:
    return os.getcwd()


def refuse(job: int) -> int:
    raise ValueError(f"job {job}")


def mean_of(job: int, array: np.ndarray) -> tuple[float, bool]:
    return float(array.mean()) + job, array.flags.writeable


def in_order_taken(n: int, taken: list[int]) -> Iterator[int]:
    for number in range(n):
        taken.append(number)
        yield number


@pytest.fixture(
    params=["here", "local", pytest.param("ray", marks=pytest.mark.slow)],
    scope="module",
)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "here":
        yield LocalEngine(1)
    elif request.param == "local":
        yield LocalEngine(2)
    else:
        ray = pytest.importorskip("ray")
        with pytest.MonkeyPatch.context() as patch:
            # Its processes import this file, and what it imports.
            patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
            ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield RayEngine()
        ray.shutdown()


def test_every_job_has_its_result(engine: Engine) -> None:
    assert dict(engine.results(double, range(5))) == {0: 0, 1: 2, 2: 4, 3: 6, 4: 8}


def test_jobs_are_taken_when_there_is_a_place(engine: Engine) -> None:
    taken: list[int] = []
    results = engine.results(wait, in_order_taken(30, taken))
    next(results)
    assert len(taken) < 30
    assert len(list(results)) == 29
    assert taken == list(range(30))


def test_an_error_of_the_work_is_raised(engine: Engine) -> None:
    with pytest.raises(ValueError, match="job 7"):
        list(engine.results(refuse, [7]))


@pytest.mark.slow
def test_large_arrays_arrive_and_can_be_written(engine: Engine) -> None:
    array = np.full(LARGE // 4, 3.0)
    results = dict(engine.results(partial(mean_of, array=array), [1, 2]))
    assert results == {1: (4.0, True), 2: (5.0, True)}


@pytest.mark.parametrize(
    "folder", [pytest.param("once", marks=pytest.mark.slow), "always"]
)
@pytest.mark.slow
def test_a_killed_process_costs_at_most_its_job(
    engine: Engine, tmp_path: Path, folder: str
) -> None:
    if engine.n_places == 1:
        pytest.skip("it would kill this process")
    place = tmp_path / folder
    place.mkdir()
    work = partial(die_once, folder=place, doomed=3)
    results = dict(engine.results(work, range(8), retries=1))
    lost = {job for job, result in results.items() if isinstance(result, Lost)}
    assert results.keys() == set(range(8))
    if folder == "once":
        assert lost == set()
    else:
        # Those that were begun twice with it may be lost with it.
        assert 3 in lost
        assert len(lost) <= 2 * engine.n_places
    for job in results.keys() - lost:
        assert results[job] == job


def test_a_pickle_keeps_each_large_array_outside_and_once() -> None:
    large, small = np.arange(LARGE), np.arange(3)
    kept: list[np.ndarray] = []

    def keep(array: np.ndarray) -> int:
        kept.append(array)
        return len(kept) - 1

    value: Any = {"large": large, "small": small, "work": lambda x: x + 1}
    text = dump_without_arrays(value, keep)
    loaded: Any = load_with_arrays(text, kept.__getitem__)

    assert len(text) < 10_000
    assert [array is large for array in kept] == [True]
    assert loaded["large"] is large
    assert loaded["small"].tolist() == [0, 1, 2]
    assert loaded["work"](1) == 2


def test_only_known_engines_are_made() -> None:
    with refused("`engine`", "'dask'", "'ray'"):
        make_engine("dask", None, ["cpu"])
    with refused("`n_jobs`", "0"):
        make_engine("local", 0, ["cpu"])
    assert make_engine("local", None, ["cpu", "cuda:0"]).n_places == 1


def test_an_address_where_nothing_answers_is_named() -> None:
    with refused("`RAY_ADDRESS`", "'127.0.0.1:1'", "ray start --head"):
        _check_reachable("127.0.0.1:1")
    _check_reachable("auto")
    _check_reachable("")


def test_a_missing_ray_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install .multitide\[ray\]"):
        make_engine("ray", 1, ["cpu"])


def test_processes_work_in_the_folder_of_their_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that began in another one, for which relative paths would mean other files."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found = dict(LocalEngine(2).results(working_folder, range(3)))
        assert set(found.values()) == {str(tmp_path / name)}
