"""What `kill -9` at random moments leaves: whole results, and what resumes as if nothing happened.

Every test repeats until 20 kills have hit a process that was at work.
"""

from __future__ import annotations

import random
import shutil
import time
import warnings
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pandas as pd
import pytest

import multitide as mt
from makers import write_runs
from multitide.study.runs._fit_store import KEY, read_fit
from processes import exit_code, start, wait_for
from refusals import refused

pytestmark = pytest.mark.slow

N_KILLS = 20
CONFIG = """
max_epochs = {max_epochs}
random_state = 0
device = "cpu"

[data]
path = "data.csv"
series = "run"

[split]
by = "random"

[[tasks]]
name = "load"

[[tasks]]
name = "state"

[backbone]
name = "fcn"
filters = [4, 4, 4]
kernel_sizes = [3, 3, 3]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_runs(tmp_path, 60)
    (tmp_path / "c.toml").write_text(CONFIG.format(max_epochs=4))
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Killer:
    """Kills a command at random moments after its work has begun.

    Parameters
    ----------
    folder : path
    arguments : sequence of str
        Without ``--output``.
    begun : str
        The name of what is there once the work has begun, such as ``"{output}/runs"``.
    """

    def __init__(self, folder: Path, arguments: Sequence[str], begun: str) -> None:
        self._folder, self._arguments, self._begun = folder, arguments, begun
        self._random = random.Random(0)
        self._longest = 0.0
        self.hits = 0

    def finish(self, output: str) -> None:
        """Run the command to its end, and remember how long it works."""
        process, began = self._start(output)
        assert exit_code(process) == 0, (self._folder / "out.txt").read_text()
        self._longest = max(self._longest, time.monotonic() - began)

    def kill(self, output: str) -> bool:
        """Run the command; return whether it was killed before its end."""
        process, began = self._start(output)
        end = began + self._random.uniform(0, self._longest)
        wait_for(process, lambda: time.monotonic() > end)
        process.kill()
        code = exit_code(process)
        assert code in (-9, 0), (self._folder / "out.txt").read_text()
        if code == -9:
            self.hits += 1
        return code == -9

    def _start(self, output: str) -> tuple[ForkServerProcess, float]:
        process = start(self._folder, *self._arguments, "--output", output, "--quiet")
        begun = self._folder / self._begun.format(output=output)
        wait_for(process, begun.exists)
        return process, time.monotonic()


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_fit(folder: Path) -> None:
    killer = Killer(folder, ["fit", "c.toml"], "{output}.partial")
    killer.finish("whole")
    expected = names_in(folder / "whole")
    seen = {"partial": 0, "model": 0, "complete": 0}
    while killer.hits < N_KILLS:
        killer.kill("run")
        run, partial = folder / "run", folder / "run.partial"
        if run.exists():
            seen["complete"] += 1
            assert names_in(run) == expected
            assert not partial.exists()
            assert not mt.MultiTaskEstimator.load(run).history_.empty
        if partial.exists():
            seen["partial"] += 1
            with refused("`folder`", "run.partial", "unfinished"):
                mt.MultiTaskEstimator.load(partial)
            with refused("`folder`", "run.partial", "Choose another name"):
                mt.run_fit("c.toml", run, verbose=0)
        if (partial / "model").exists():
            seen["model"] += 1
            assert mt.MultiTaskEstimator.load(partial / "model").tasks_
        for path in (run, partial):
            shutil.rmtree(path, ignore_errors=True)
    assert seen["partial"] and seen["model"], seen


def study_of(folder: Path) -> mt.Comparison:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return mt.Comparison.load(folder)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_compare(folder: Path, jobs: str) -> None:
    arguments = ["compare", "c.toml", "--seeds", "3", "--jobs", jobs]
    killer = Killer(folder, arguments, "{output}/runs")
    killer.finish("whole")
    whole = study_of(folder / "whole")
    n_fits = check_fits(folder / "whole" / "runs")
    number, kept = 0, set()
    while killer.hits < N_KILLS:
        study = folder / f"s{number}"
        if killer.kill(study.name):
            kept.add(check_fits(study / "runs"))
        else:
            check_same(study_of(study), whole)
            number += 1
    killer.finish(f"s{number}")
    check_same(study_of(folder / f"s{number}"), whole)
    assert kept - {0, n_fits}, kept


def check_fits(runs: Path) -> int:
    """Assert that every fit under its final name is whole; return their number."""
    n_fits = 0
    for path in runs.iterdir():
        if not path.name.startswith("."):
            assert KEY.fullmatch(path.name)
            assert read_fit(runs, path.name) is not None
            n_fits += 1
    return n_fits


def check_same(study: mt.Comparison, other: mt.Comparison) -> None:
    pd.testing.assert_frame_equal(study.gains, other.gains)
    pd.testing.assert_frame_equal(study.figures, other.figures)


def test_tune(folder: Path) -> None:
    arguments = ["tune", "c.toml", "--trials", "5", "--jobs", "1"]
    killer = Killer(folder, arguments, "{output}/journal.jsonl")
    killer.finish("whole")
    whole = pd.read_parquet(folder / "whole" / "trials.parquet")
    number = 0
    # A trial whose process dies three times has failed, so a search is killed twice at most.
    while killer.hits < N_KILLS:
        search = folder / f"t{number}"
        if killer.kill(search.name):
            killer.kill(search.name)
        killer.finish(search.name)
        check_trials(pd.read_parquet(search / "trials.parquet"), whole)
        number += 1


def check_trials(trials: pd.DataFrame, other: pd.DataFrame) -> None:
    """Assert that two searches tried the same settings and found the same losses."""
    measured = ["seconds", "elapsed"]
    columns = [name for name in other if name not in measured]
    pd.testing.assert_frame_equal(trials[columns], other[columns])


def test_a_fit_is_continued(folder: Path) -> None:
    (folder / "c.toml").write_text(CONFIG.format(max_epochs=20))
    arguments = ["fit", "c.toml", "--resume", "--checkpoint-minutes", "0"]
    killer = Killer(folder, arguments, "{output}.partial")
    killer.finish("whole")
    expected = (folder / "whole" / "weights.safetensors").read_bytes()
    number, continued = 0, 0
    while killer.hits < N_KILLS:
        run = folder / f"r{number}"
        partial = folder / f"r{number}.partial"
        continued += (partial / "checkpoint" / "checkpoint.json").exists()
        killer.kill(run.name)
        if run.exists():
            assert (run / "weights.safetensors").read_bytes() == expected
            assert names_in(run) == names_in(folder / "whole")
            number += 1
    assert continued
