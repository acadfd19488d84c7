"""The study as a whole, on real networks: the same bits after any interruption."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import pandas as pd
import pytest

from fakes import RANDOM, Quick, make_study_samples
from makers import make_samples
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import LSTMFCN
from multitide.errors import ParameterError, StoreError
from multitide.study import Comparison, Progress, compare
from multitide.study.runs import _timing as cost
from refusals import refused

SMALL = LSTMFCN(hidden_size=4, filters=(4, 4, 4), kernel_sizes=(3, 3, 3))
TESTS = Path(__file__).parents[1]


def real(folder: Path | None = None, **options: Any) -> Comparison:
    """A study of tiny networks."""
    estimator = MultiTaskEstimator(
        backbone=SMALL, max_epochs=2, batch_size=16, lr=0.01, device="cpu"
    )
    defaults: dict[str, Any] = {
        "arms": ["hard", "boosting"],
        "n_seeds": 2,
        "split": RANDOM,
        "n_jobs": 1,
        "verbose": 0,
    }
    return compare(
        make_samples(90), estimator=estimator, folder=folder, **(defaults | options)
    )


def quick(folder: Path | None = None, **options: Any) -> Comparison:
    defaults: dict[str, Any] = {
        "n_seeds": 2,
        "split": RANDOM,
        "n_jobs": 1,
        "verbose": 0,
        "estimator": Quick(),
    }
    return compare(make_study_samples(120), folder=folder, **(defaults | options))


def assert_equal(one: Comparison, other: Comparison) -> None:
    """The same bits in every answer, so in every table."""
    assert one.evidence.fits.keys() == other.evidence.fits.keys()
    for key, fit in one.evidence.fits.items():
        for task, values in fit.answers.items():
            assert (values == other.evidence.fits[key].answers[task]).all()
    for name in ("gains", "mean_gains", "figures", "scores"):
        pd.testing.assert_frame_equal(
            getattr(one, name), getattr(other, name), check_exact=True
        )


@pytest.mark.slow
def test_the_number_of_processes_changes_no_bit(tmp_path: Path) -> None:
    one, two = real(), real(tmp_path, n_jobs=2)
    assert_equal(one, two)
    assert set(two.runs["status"]) == {"done"}
    assert_equal(Comparison.load(tmp_path), two)


def test_finished_runs_are_found_and_not_repeated(tmp_path: Path) -> None:
    told: list[Progress] = []
    first = quick(tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*")}
    again = quick(tmp_path, progress=told.append)
    assert [(state.done, state.left) for state in told] == [(6, 0)]
    assert {
        path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*")
    } == stamps
    assert_equal(first, again)


def test_more_seeds_and_arms_do_only_what_is_new(tmp_path: Path) -> None:
    told: list[Progress] = []
    quick(tmp_path)
    more = quick(tmp_path, n_seeds=3, arms=["hard", "constant"], progress=told.append)
    assert (told[0].done, told[0].running + told[0].left) == (6, 3 + 2)
    assert_equal(more, quick(n_seeds=3, arms=["hard", "constant"]))


@pytest.mark.slow
def test_other_data_or_settings_in_the_same_folder_do_not_mix(tmp_path: Path) -> None:
    quick(tmp_path)
    changed = quick(tmp_path, estimator=Quick(lr=0.5))
    assert_equal(changed, quick(estimator=Quick(lr=0.5)))
    assert len(list((tmp_path / "runs").iterdir())) == 12


def test_a_failed_fit_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Quick, "predict", lambda *_: 1 / 0)
        assert (quick(tmp_path).gains["verdict"] == "failed").all()
    assert_equal(quick(tmp_path), quick())


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from study.test_compare import real
real(Path({folder!r}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_killed_in_the_middle_and_started_again_it_ends_as_if_undisturbed(
    tmp_path: Path, n_jobs: int
) -> None:
    script = SCRIPT.replace("Path({folder!r})", f"Path({{folder!r}}), n_jobs={n_jobs}")
    code = script.format(tests=str(TESTS), folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code])
    while process.poll() is None and len(list(tmp_path.glob("runs/*/run.json"))) < 2:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    n_kept = len(list(tmp_path.glob("runs/*/run.json")))
    assert not (tmp_path / "study.json").exists(), "killed too late to test anything"
    told: list[Progress] = []
    resumed = real(tmp_path, progress=told.append)
    assert told[0].done >= n_kept >= 2
    assert_equal(resumed, real())
    assert_equal(Comparison.load(tmp_path), resumed)


# -- budgets and messages --------------------------------------------------------------------------


def test_before_it_starts_it_says_what_it_will_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, logger="multitide"):
        quick(arms=["hard", "constant"], verbose=1)
    assert "6 runs, 8 fits on one process, 0 of them already done" in caplog.text
    assert "unknown time" not in caplog.text


class Slow(Quick):
    """Takes ten seconds of a clock that stands still otherwise."""

    now = 1000.0

    def fit(
        self, X: Any, y: Any = None, *, callbacks: Any = (), **options: Any
    ) -> Self:
        if not any(isinstance(callback, cost._Stopwatch) for callback in callbacks):
            Slow.now += 10.0
        return super().fit(X, y, callbacks=callbacks, **options)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: Slow.now)


@pytest.mark.parametrize(("budget", "n_seeds"), [(30, 1), (89, 2), (90, 3), (1000, 5)])
@pytest.mark.slow
def test_a_budget_leaves_seeds_out_and_says_so(
    clock: None, tmp_path: Path, budget: int, n_seeds: int
) -> None:
    started = Slow.now
    found = quick(tmp_path, n_seeds=5, budget=budget, estimator=Slow(), robust=False)
    assert found.gains["n_seeds"].unique() == [n_seeds]
    assert Slow.now - started == 30 * n_seeds
    assert_equal(found, quick(n_seeds=n_seeds, estimator=Slow()))
    said = (
        ""
        if n_seeds == 5
        else f"The budget left out {5 - n_seeds} of 5 seeds: {15 - 3 * n_seeds} of 15 fits, about"
    )
    assert found.left_out.startswith(said) and bool(found.left_out) == bool(said)
    assert Comparison.load(tmp_path).left_out == found.left_out
    assert found.left_out in str(found)
    resumed = quick(tmp_path, n_seeds=5, estimator=Slow())
    assert resumed.left_out == ""
    assert (
        Slow.now - started == 150 + 30 * n_seeds
    )  # the others, and those of the other study
    assert resumed.gains["n_seeds"].unique() == [5]


def test_a_budget_for_part_of_a_seed_leaves_arms_out(clock: None) -> None:
    arms = {"hard": "hard", "fast": {"lr": 0.1}}
    found = quick(arms=arms, n_seeds=2, budget=35, estimator=Slow())
    assert found.arms == ["alone", "hard"]
    assert found.left_out.startswith(
        "The budget left out 1 of 2 seeds and the arm fast: 5 of 8 fits, about 50 s."
    )


@pytest.mark.slow
def test_groups_are_sought_within_the_budget(clock: None, tmp_path: Path) -> None:
    started = Slow.now
    grouped = {"arms": ["hard", "grouped"], "n_seeds": 2, "estimator": Slow()}
    found = quick(
        tmp_path, budget=59, **grouped
    )  # half of it is too short for the three fits that show the groups
    assert found.arms == ["alone", "hard"]
    assert "the arm grouped" in found.left_out
    assert Slow.now - started <= 59
    assert quick(tmp_path, **grouped).arms == ["alone", "hard", "grouped"]


def test_a_budget_too_small_for_a_comparison_is_refused_and_keeps_what_is_finished(
    clock: None, tmp_path: Path
) -> None:
    started = Slow.now
    with refused("`budget`", "one seed of 'alone'", "2 of 15", error=ParameterError):
        quick(tmp_path, n_seeds=5, budget=20, estimator=Slow())
    assert Slow.now - started == 20
    assert quick(tmp_path, n_seeds=1, budget=20, estimator=Slow()).arms == [
        "alone",
        "hard",
    ]


def test_a_budget_that_is_enough_changes_nothing() -> None:
    assert_equal(quick(budget="1h"), quick())


# -- arguments -------------------------------------------------------------------------------------


def test_tasks_come_from_the_call_the_estimator_or_the_labels() -> None:
    assert [task.name for task in quick().tasks] == ["state", "load"]
    assert [task.name for task in quick(estimator=Quick(tasks=["load"])).tasks] == [
        "load"
    ]
    assert [
        task.name
        for task in quick(tasks=["state"], estimator=Quick(tasks=["load"])).tasks
    ] == ["state"]


def test_the_estimator_is_not_touched() -> None:
    estimator = Quick(lr=0.1)
    before = dict(estimator.get_params(deep=False))
    quick(estimator=estimator)
    assert estimator.get_params(deep=False) == before
    assert not hasattr(estimator, "model_")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"n_seeds": 0}, ["`n_seeds`", "positive int", 0]),
        ({"n_jobs": 0}, ["`n_jobs`", "positive int", 0]),
        ({"margin": 2}, ["`margin`", "between 0 and 1", 2]),
        ({"confidence": 95}, ["`confidence`", "between 0 and 1", 95]),
        ({"budget": "soon"}, ["`budget`", "'soon'"]),
        ({"arms": ["hrad"]}, ["`arms.hrad`", "Did you mean 'hard'"]),
        ({"tasks": ["lod"]}, ["`tasks`", "`y`", "Did you mean 'load'"]),
        ({"estimator": Quick(lr=-1.0)}, ["`lr`", "greater than 0"]),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_done(
    tmp_path: Path, options: dict[str, Any], parts: list[object]
) -> None:
    with refused(*parts, error=ParameterError):
        quick(tmp_path / "study", **options)
    assert not (tmp_path / "study").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_done(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with refused("`folder`", "written", tmp_path / "file", error=StoreError):
        quick(tmp_path / "file" / "study")
