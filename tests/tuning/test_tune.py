"""A search never reads the test set, never ends worse than its start, and can be resumed."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from makers import make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import FCN
from multitide.data._samples import Samples
from multitide.data._split import Split
from multitide.data._splitter import Splitter
from multitide.errors import (
    DataError,
    MissingDependencyError,
    MultitideError,
    ParameterError,
    StoreError,
)
from multitide.reports import write_tuning_report
from multitide.training._settings import Training
from multitide.tuning import Trial, Tuning, tune
from multitide.tuning import _search as searching
from multitide.tuning._journal import JOURNAL, open_folder
from multitide.tuning._make_space import make_space
from multitide.tuning._progress_bar import Progress, words
from multitide.tuning._sampler import require_optuna
from multitide.tuning._search import Plan, Search
from multitide.tuning._settings import params_of
from multitide.tuning._trials import Data, Judge, Stopped, pruning_ceiling
from refusals import refused

N_TRIALS = 7
SPLIT = Splitter(by="random", test=0.3, validation=0.3)
SPACE = {
    "backbone": {"fcn": {"conv_dropout": [0.0, 0.1]}},
    "sharing": ["hard", "none"],
    "weighting": ["uniform", "uncertainty"],
    "aggregator": False,
    "batch_size": [16, 32],
}


def start(**params: Any) -> MultiTaskEstimator:
    return small(
        **(
            {
                "backbone": FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3)),
                "batch_size": "auto",
                "max_epochs": 3,
            }
            | params
        )
    )


def quick(samples: Samples | None = None, **options: Any) -> Tuning:
    samples = make_samples(120) if samples is None else samples
    defaults: dict[str, Any] = {
        "split": SPLIT,
        "space": SPACE,
        "n_trials": N_TRIALS,
        "n_jobs": 1,
        "budget": None,
    }
    return tune(
        samples,
        estimator=options.pop("estimator", start()),
        **(defaults | {"verbose": 0} | options),
    )


def same(one: Tuning, other: Tuning) -> None:
    timing = ["seconds", "elapsed"]
    pd.testing.assert_frame_equal(
        one.table.drop(columns=timing), other.table.drop(columns=timing)
    )
    pd.testing.assert_frame_equal(one.metrics, other.metrics)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tuning]:
    folder = tmp_path_factory.mktemp("tuning") / "search"
    return folder, quick(folder=folder)


def test_the_result_is_never_worse_than_the_start(found: tuple[Path, Tuning]) -> None:
    tuning = found[1]
    losses = tuning.table.loc[tuning.table["state"] == "done", "loss"]
    assert tuning.trials[0].number == 0
    assert tuning.best.loss == losses.min() <= tuning.trials[0].loss
    assert (
        len({json.dumps(trial.params) for trial in tuning.trials})
        == len(tuning.trials)
        == N_TRIALS
    )


def test_trial_0_is_the_configuration_itself(found: tuple[Path, Tuning]) -> None:
    samples = make_samples(120)
    cut = SPLIT.split(samples)
    fitted = start().fit(samples[cut.train], validation=samples[cut.validation])
    losses = (
        fitted.history_.query("side == 'validation'").groupby("epoch")["loss"].mean()
    )
    assert math.isclose(found[1].trials[0].loss, losses.min(), rel_tol=1e-6)


def test_the_best_settings_give_the_best_loss_again(found: tuple[Path, Tuning]) -> None:
    samples, tuning = make_samples(120), found[1]
    cut = SPLIT.split(samples)
    fitted = start(**tuning.settings).fit(
        samples[cut.train], validation=samples[cut.validation]
    )
    history = fitted.history_[fitted.history_["side"] == "validation"].set_index(
        ["task", "epoch"]
    )["loss"]
    losses = [history[task, epoch] for task, epoch in fitted.best_epoch_.items()]
    assert math.isclose(tuning.best.loss, float(np.mean(losses)), rel_tol=1e-6)
    wanted = fitted.evaluate(samples[cut.test])
    tuned = tuning.metrics[tuning.metrics["which"] == "tuned"].reset_index(drop=True)
    np.testing.assert_allclose(tuned["value"], wanted["value"], rtol=1e-5)


def test_the_test_set_is_not_read_before_the_end(found: tuple[Path, Tuning]) -> None:
    samples = make_samples(120)
    cut = SPLIT.split(samples)
    rng = np.random.default_rng(1)
    values, y = samples.values.copy(), samples.y.copy()
    for row in cut.test:
        values[samples.starts[row] : samples.starts[row] + samples.lengths[row]] = 1e6
    y.loc[cut.test, "load"] = rng.normal(size=len(cut.test)) * 1e6
    y.loc[cut.test, "state"] = "high"
    poisoned = quick(samples.replace(values=values, y=y), split=cut)
    timing = ["seconds", "elapsed"]
    pd.testing.assert_frame_equal(
        poisoned.table.drop(columns=timing), found[1].table.drop(columns=timing)
    )
    assert poisoned.test_losses() != found[1].test_losses()


@pytest.mark.slow
def test_a_resumed_search_has_the_trials_of_an_uninterrupted_one(
    found: tuple[Path, Tuning], tmp_path: Path
) -> None:
    folder = tmp_path / "search"
    quick(folder=folder, n_trials=4)
    before = (folder / JOURNAL).read_bytes()
    same(quick(folder=folder), found[1])
    assert (folder / JOURNAL).read_bytes().startswith(before)
    content = (folder / JOURNAL).read_bytes()
    same(quick(folder=folder), found[1])
    assert (folder / JOURNAL).read_bytes() == content


def test_a_smaller_number_of_trials_shows_the_first(found: tuple[Path, Tuning]) -> None:
    fewer = quick(folder=found[0], n_trials=4)
    assert [trial.number for trial in fewer.trials] == [0, 1, 2, 3]
    assert fewer.trials == found[1].trials[:4]
    quick(folder=found[0])  # other tests read the tables of all


@pytest.mark.slow
def test_an_interrupted_trial_is_tried_again(
    found: tuple[Path, Tuning], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def interrupt(self: Judge, trainer: Any) -> None:
        seen.append(1)
        if len(seen) == 30:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Judge, "on_step_end", interrupt)
        quick(folder=tmp_path / "search")
    same(quick(folder=tmp_path / "search"), found[1])


def start_search(folder: Path, **options: Any) -> subprocess.Popen[bytes]:
    paths = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
    code = (
        f"import sys\nsys.path[:0] = {paths!r}\n"
        "from pathlib import Path\nfrom test_tune import quick\n"
        f"quick(folder=Path({str(folder)!r}), **{options!r})\n"
    )
    return subprocess.Popen([sys.executable, "-c", code])


def finished(folder: Path) -> int:
    path = folder / JOURNAL
    return path.read_bytes().count(b'"result":') if path.exists() else 0


def wait_until(condition: Any, seconds: float = 600) -> None:
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline
        time.sleep(0.02)


def owners(folder: Path) -> set[int]:
    """The processes that work in a folder."""
    return {
        int(path.name.split("-")[0]) for path in (folder / ".processes").glob("*.lock")
    }


@pytest.mark.slow
def test_a_killed_process_loses_only_the_trial_it_ran(
    found: tuple[Path, Tuning], tmp_path: Path
) -> None:
    folder = tmp_path / "search"
    process = start_search(folder)
    wait_until(lambda: finished(folder) >= 3)
    process.kill()
    process.wait()
    assert 3 <= finished(folder) < N_TRIALS
    same(quick(folder=folder), found[1])


@pytest.mark.slow
def test_two_processes_find_as_many_trials() -> None:
    states: list[Progress] = []
    tuning = quick(n_jobs=2, progress=states.append)
    check_whole(tuning)
    assert states[0].done == 0 and states[-1].running == 0
    assert states[-1].done + states[-1].pruned + states[-1].failed == N_TRIALS


def check_whole(tuning: Tuning) -> None:
    assert [trial.number for trial in tuning.trials] == list(range(N_TRIALS))
    assert {trial.state for trial in tuning.trials} <= {"done", "pruned"}
    assert len({json.dumps(trial.params) for trial in tuning.trials}) == N_TRIALS
    assert tuning.best.loss <= tuning.trials[0].loss


@pytest.mark.slow
def test_the_others_do_the_trial_of_a_killed_worker(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "search"

    def kill_one() -> None:
        wait_until(lambda: finished(folder) >= 2 and len(owners(folder)) == 2)
        os.kill(min(owners(folder)), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    tuning = quick(folder=folder, n_jobs=2, verbose=1)
    killer.join()
    check_whole(tuning)
    assert "A process died" in caplog.text


@pytest.mark.slow
def test_two_searches_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    other = start_search(folder)
    wait_until(lambda: finished(folder) >= 1)
    tuning = quick(folder=folder)
    assert other.wait() == 0
    check_whole(quick(folder=folder))
    assert {trial.number for trial in tuning.trials} <= set(range(N_TRIALS))
    content = (folder / JOURNAL).read_bytes()
    assert content.count(b'"result":') == N_TRIALS


@pytest.mark.slow
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    process = start_search(folder, n_jobs=2, n_trials=500)
    wait_until(lambda: finished(folder) >= 2 and len(owners(folder)) == 2)
    process.kill()
    process.wait()
    wait_until(lambda: not owners(folder))
    check_whole(quick(folder=folder))


def test_a_folder_holds_one_search(found: tuple[Path, Tuning], tmp_path: Path) -> None:
    folder = found[0]
    with refused("`folder`", "differs in start", error=StoreError):
        quick(folder=folder, estimator=start(max_epochs=2))
    with refused("`folder`", "differs in space", error=StoreError):
        quick(folder=folder, space={**SPACE, "lr": False})
    with refused("`folder`", "differs in data", error=StoreError):
        quick(make_samples(120, seed=1), folder=folder)
    (tmp_path / "mine.txt").write_text("mine")
    with refused("`folder`", "not empty", error=StoreError):
        quick(folder=tmp_path)


def test_a_budget_ends_a_search_but_not_its_first_trial() -> None:
    tuning = quick(n_trials=None, budget=0.01)
    assert [trial.number for trial in tuning.trials] == [0]
    assert tuning.settings == {}
    assert "is kept" in tuning.in_words()
    assert set(tuning.metrics["which"]) == {"start"}


@pytest.mark.parametrize("refit", [False, True])
def test_a_trial_leaves_time_to_measure_the_start_and_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, refit: bool
) -> None:
    now = [1000.0]
    monkeypatch.setattr(searching.time, "time", lambda: now[0])
    began: list[float] = []

    def run(trial: Trial, estimator: Any, data: Any, limits: Any) -> Trial | None:
        if not trial.number:
            assert math.isinf(limits.end) and math.isinf(limits.deadline)
            now[0] += 10
            return replace(trial, state="done", loss=0.5, seconds=10.0)
        began.append(now[0])
        judge = Judge(limits)
        with pytest.raises(Stopped):
            while True:
                now[0] += 1
                judge.on_step_end(None)  # type: ignore[arg-type]
        return None

    monkeypatch.setattr(searching, "run_trial", run)
    begin, samples = start(training=Training(refit=refit)), make_samples(120)
    space = make_space(SPACE, 2)
    space = space.with_start(params_of(begin, space))
    data = Data(samples, np.arange(80), np.arange(80, 120))
    open_folder(tmp_path, {})
    search = Search(Plan(tmp_path, space, begin, data, 2, 0, 2, 110.0))
    search.resume()
    assert [trial.number for trial in search.work()] == [0]
    again = 2 if refit else 1
    took = now[0] - began[0]
    # The trial, measuring it, and measuring the start end with the budget.
    assert now[0] + again * took + again * 10 == pytest.approx(1110, abs=3)


@pytest.mark.slow
def test_settings_that_fail_stand_next_to_the_others() -> None:
    space: dict[str, Any] = {
        **SPACE,
        "lr": [1e-3, 1e30],
        "backbone": False,
        "sharing": False,
        "weighting": False,
    }
    tuning = quick(space=space, estimator=start(training={"clip_norm": None}))
    failed = [trial for trial in tuning.trials if trial.state == "failed"]
    assert failed and all(trial.params["lr"] == 1e30 for trial in failed)
    assert "must be finite" in failed[0].reason or "not a number" in failed[0].reason
    losses = [trial.loss for trial in tuning.trials if trial.state == "done"]
    assert tuning.best.state == "done" and tuning.best.loss == min(losses)


def test_a_small_space_ends_by_itself() -> None:
    space = dict.fromkeys(
        ("lr", "training", "backbone", "sharing", "weighting", "aggregator"), False
    )
    assert (
        len(quick(space={**space, "batch_size": [16, 32]}, n_trials=50).trials) == 3
    )  # and "auto"


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_start_that_fails_is_an_error(n_jobs: int) -> None:
    with refused("start", "must train", error=MultitideError):
        quick(estimator=start(lr=1e30, training={"clip_norm": None}), n_jobs=n_jobs)


def test_a_start_whose_process_dies_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(searching, "run_search", lambda *_: iter(()))
    with refused("its process died", "`n_jobs=1`", error=MultitideError):
        quick()


def test_trials_that_lag_behind_the_median_are_pruned() -> None:
    def done(number: int, curve: list[float]) -> Trial:
        return Trial(number, {}, {}, "done", min(curve), curve=curve)

    curves = [
        [1.0, 0.8, 0.9],
        [1.0, 0.6, 0.4],
        [0.9, 0.5],
        [1.2, 1.1, 1.0],
        [1.0, 0.7, 0.6],
    ]
    trials = [done(number, curve) for number, curve in enumerate(curves)]
    assert pruning_ceiling(trials[:4], 3) == ()
    pruned = Trial(5, {}, {}, "pruned", 9.0, curve=[9.0])
    assert pruning_ceiling([*trials, pruned], 3) == (math.inf, 0.7, 0.6)


@pytest.mark.slow
def test_lagging_trials_of_a_search_end_early() -> None:
    space: dict[str, Any] = dict.fromkeys(
        ("batch_size", "training", "backbone", "sharing"), False
    )
    space |= {
        "weighting": False,
        "aggregator": False,
        "lr": {"low": 1e-6, "high": 1e-2, "log": True},
    }
    tuning = quick(
        make_samples(60), space=space, n_trials=12, estimator=start(max_epochs=4)
    )
    pruned = [trial for trial in tuning.trials if trial.state == "pruned"]
    assert pruned
    assert all(
        2 < trial.n_epochs < 4 and trial.loss > tuning.best.loss for trial in pruned
    )


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"n_trials": 0}, ("`n_trials`", "positive int", "got 0")),
        ({"n_trials": None}, ("`n_trials`", "`budget`", "given")),
        ({"budget": "soon"}, ("`budget`", "'soon'", "30m")),
        ({"space": {"lr": 3}}, ("`tune.space.lr`", "got 3")),
        ({"n_jobs": 0}, ("`n_jobs`", "positive int", "got 0")),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with refused(*parts, error=ParameterError):
        quick(**options)


def test_there_must_be_something_to_choose_by() -> None:
    samples = make_samples(60)
    with refused("`split`", "in validation", "[split] validation", error=DataError):
        quick(samples, split=Split(np.arange(40), np.arange(0), np.arange(40, 60)))


def test_without_optuna_there_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        MissingDependencyError, match=r'pip install "multitide\[tune\]"'
    ):
        require_optuna()


def test_progress_is_shown(found: tuple[Path, Tuning]) -> None:
    states: list[Progress] = []
    quick(n_trials=3, progress=states.append)
    assert [state.done for state in states] == [0, 1, 2, 3, 3]
    assert states[-1].share == 1 and states[-1].running == 0
    assert words(states[1]).startswith(
        f"1 done, 1 running, best {states[1].best:.4f} (start {states[1].start:.4f})"
    )


def test_the_report_shows_the_trials(found: tuple[Path, Tuning]) -> None:
    folder, tuning = found
    page = write_tuning_report(
        tuning, folder, best="best.toml", command="multitide tune <x>.toml"
    ).read_text("utf-8")
    for name in ("report.md", "trials.png", "trials.parquet", "metrics.parquet"):
        assert (folder / name).is_file()
    assert "&lt;x&gt;.toml" in page and "best.toml" in page and "<script" not in page
    for row in tuning.best_trials().to_dict("records"):
        assert (
            f'value="{row["loss"]}" data-table="trials" data-trial="{row["trial"]}"'
            in page
        )
    kept = pd.read_parquet(folder / "trials.parquet")
    assert kept["loss"].tolist() == tuning.table["loss"].tolist()


def test_the_report_names_no_figure_that_could_not_be_drawn(
    found: tuple[Path, Tuning], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr(Figure, "savefig", fail)
    write_tuning_report(found[1], tmp_path / "search")
    assert "trials.png" not in (tmp_path / "search" / "report.md").read_text("utf-8")
    assert not (tmp_path / "search" / "trials.png").exists()


def test_what_mattered(found: tuple[Path, Tuning]) -> None:
    shares = found[1].importances
    assert shares == {} or math.isclose(sum(shares.values()), 1, rel_tol=1e-6)
