"""The journal of a search stays readable and loses no trial, whatever is killed or full."""

from __future__ import annotations

import errno
import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.storages.journal import JournalFileBackend

from alterations import alterations
from makers import make_samples, small
from multitide.errors import StoreError
from multitide.tuning._journal import (
    JOURNAL,
    MAX_ATTEMPTS,
    RECORD,
    Journal,
    open_folder,
)
from multitide.tuning._make_space import make_space
from multitide.tuning._result import Tuning
from multitide.tuning._search import Plan, Search
from multitide.tuning._settings import params_of
from multitide.tuning._space import Params
from multitide.tuning._trials import Data
from refusals import refused

START = small()
SPACE = make_space(
    {"backbone": {"fcn": {"conv_dropout": [0.0, 0.1]}}, "sharing": False}
)
SPACE = SPACE.with_start(params_of(START, SPACE))
IDENTITY = {"data": {"rows": 3}, "seed": 0}


def open_journal(folder: Path) -> Journal:
    open_folder(folder, IDENTITY)
    return Journal(folder, SPACE, START)


def values(lr: float) -> Params:
    return {**params_of(START, SPACE), "lr": lr}


def add_done(journal: Journal, number: int) -> None:
    journal.add(number, values(1e-3 * (number + 1)))
    trial = journal.take()
    assert (trial.number, trial.state) == (number, "running")
    journal.finish(
        replace(trial, state="done", loss=1.0 / (number + 1), curve=[1.0], n_epochs=1)
    )


def states(journal: Journal) -> dict[int, str]:
    return {number: trial.state for number, trial in journal.trials().items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A search with two finished trials."""
    journal = open_journal(tmp_path / "search")
    for number in range(2):
        add_done(journal, number)
    return tmp_path / "search"


def test_what_is_written_is_read_back(folder: Path) -> None:
    journal = open_journal(folder)
    journal.add(2, values(0.02))
    pruned = replace(
        journal.take(), state="pruned", loss=0.8, curve=[0.9, 0.8], n_epochs=2
    )
    journal.finish(pruned)
    journal.add(3, values(0.03))
    failed = replace(journal.take(), state="failed", reason="it is too hot")
    journal.finish(failed)
    again = open_journal(folder).trials()
    assert again == journal.trials()
    assert [trial.state for trial in again.values()] == [
        "done",
        "done",
        "pruned",
        "failed",
    ]
    assert again[1].params == values(2e-3) and again[1].loss == 0.5
    assert again[2] == pruned
    assert again[3].reason == "it is too hot"
    assert again[1].settings["lr"] == 2e-3


@pytest.mark.parametrize("step", [25, pytest.param(1, marks=pytest.mark.slow)])
def test_a_line_torn_at_any_byte_is_cut_off(folder: Path, step: int) -> None:
    whole = (folder / JOURNAL).read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for kept in sorted({*range(0, len(last), step), 1, len(last) - 1}):
        (folder / JOURNAL).write_bytes(whole[: len(whole) - len(last) + kept])
        journal = open_journal(folder)
        assert states(journal) == {0: "done", 1: "running"}
        journal.requeue_dead()  # it never ended
        journal.finish(replace(journal.take(), state="done", loss=0.3))
        assert states(open_journal(folder)) == {0: "done", 1: "done"}


def test_optuna_alone_cannot_read_a_journal_with_a_torn_line(folder: Path) -> None:
    path = folder / JOURNAL
    path.write_bytes(path.read_bytes()[:-5])
    backend = JournalFileBackend(str(path))
    for _ in range(2):
        backend.append_logs([{"op_code": 4, "worker_id": "x"}])
    with pytest.raises(json.JSONDecodeError):
        optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    with refused(JOURNAL, "damaged", "--output", error=StoreError):
        open_journal(folder)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let writes beyond this size fail part-way, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_a_readable_journal(folder: Path) -> None:
    size = (folder / JOURNAL).stat().st_size
    journal = open_journal(folder)
    for room in (0, 1, 7, 100, 300):
        with (
            refused("`folder`", str(folder), "written", error=StoreError),
            files_of_at_most(size + room),
        ):
            journal.add(2, values(0.02))
        assert (folder / JOURNAL).stat().st_size == size
        assert states(open_journal(folder)) == {0: "done", 1: "done"}
    add_done(journal, 2)
    assert states(open_journal(folder)) == {0: "done", 1: "done", 2: "done"}


def test_a_disk_that_is_full_when_a_trial_ends_costs_that_trial(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = open_journal(folder)
    journal.add(2, values(0.02))
    trial = journal.take()
    with (
        monkeypatch.context() as patch,
        refused("`folder`", "No space left", error=StoreError),
    ):
        patch.setattr(JournalFileBackend, "append_logs", fail)
        journal.finish(replace(trial, state="done", loss=0.1))
    other = open_journal(folder)
    assert states(other)[2] == "running"
    other.requeue_dead()
    assert states(other)[2] == "waiting"


TAKE = """
import os, signal, sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from test_journal import open_journal
journal = open_journal(Path({folder!r}))
with journal.joined():
    journal.requeue_dead()
    number = journal.take().number
    print(number, flush=True)
    {then}
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
LIVE = "sys.stdin.read()"


def start_process(folder: Path, then: str) -> subprocess.Popen[str]:
    """Start a process that takes a trial, and return when it has."""
    here = Path(__file__).parent
    code = TAKE.format(
        path=[str(here), str(here.parent)], folder=str(folder), then=then
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "2"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()


@pytest.mark.slow
def test_the_trial_of_a_killed_process_is_tried_again_a_few_times(folder: Path) -> None:
    journal = open_journal(folder)
    journal.add(2, values(0.02))
    for attempt in range(MAX_ATTEMPTS):
        end(start_process(folder, KILL))
        assert states(journal)[2] == "running", attempt
    journal.requeue_dead()
    assert states(journal) == {0: "done", 1: "done", 2: "failed"}
    assert "its process died in each of 3 attempts" in journal.trials()[2].reason
    assert journal.trials()[2].params == values(0.02)
    assert not list((folder / ".processes").iterdir())


@pytest.mark.slow
def test_the_trial_of_a_live_process_is_left_alone(folder: Path) -> None:
    journal = open_journal(folder)
    journal.add(2, values(0.02))
    process = start_process(folder, LIVE)
    try:
        journal.requeue_dead()
        assert states(journal)[2] == "running"
        add_done(journal, 3)  # both work at the same time
    finally:
        end(process)
    journal.requeue_dead()
    assert states(journal) == {0: "done", 1: "done", 2: "waiting", 3: "done"}


def test_a_kill_while_a_trial_is_given_back_neither_loses_nor_doubles_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = open_journal(folder)
    dead.add(2, values(0.02))
    dead.take()
    journal = open_journal(folder)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(optuna.Study, "tell", interrupt)
        journal.requeue_dead()
    again = open_journal(folder)
    again.requeue_dead()
    assert again.take().number == 2
    assert again.next_waiting() is None


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_stopped_trials_and_a_failed_start_wait_again_in_the_next_session(
    tmp_path: Path,
) -> None:
    journal = open_journal(tmp_path)
    journal.requeue_stopped()
    journal.finish(replace(journal.take(), state="failed", reason="no memory"))
    journal.add(1, values(0.02))
    journal.stop(journal.take())
    assert states(journal) == {0: "failed", 1: "stopped"}
    again = open_journal(tmp_path)
    again.requeue_stopped()
    assert states(again) == {0: "waiting", 1: "waiting"}
    assert again.trials()[0].params == params_of(START, SPACE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"loss":0.5', b'"loss":"low"'),
        (b'"number":1', b'"number":null'),
        (b'"result":', b'"results":'),
        (b'"lr":0.002', b'"lr":99.0'),
        (b'"op_code":4', b'"op_code":44'),
        (b'"curve":[1.0]', b'"curve":[1.0'),
    ],
)
def test_a_damaged_journal_is_refused(folder: Path, old: bytes, new: bytes) -> None:
    content = (folder / JOURNAL).read_bytes()
    assert old in content
    (folder / JOURNAL).write_bytes(content.replace(old, new))
    with refused(JOURNAL, "damaged", "--output", error=StoreError):
        open_journal(folder).trials()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (
            {"schema_version": 1},
            ("schema version 2", "1", "multitide tune", "--output"),
        ),
        ({"format": "multitide study"}, (RECORD, "multitide search")),
        ({"identity": None}, (RECORD, "damaged")),
        (
            {"identity": {"data": {"rows": 4}, "seed": 0}},
            ("`folder`", "differs in data"),
        ),
    ],
)
def test_another_record_is_refused(
    folder: Path, change: dict[str, Any], parts: tuple[str, ...]
) -> None:
    record = json.loads((folder / RECORD).read_text("utf-8"))
    (folder / RECORD).write_text(json.dumps(record | change), "utf-8")
    with refused(*parts, error=StoreError):
        open_journal(folder)


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with refused("`folder`", str(tmp_path), "not empty", error=StoreError):
        open_journal(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with refused("`folder`", str(tmp_path / "file" / "search"), error=StoreError):
        open_journal(tmp_path / "file" / "search")


def altered_lines(journal: bytes, every: int) -> Iterator[tuple[object, bytes]]:
    """Yield the journal with one change in one line, for every n-th such change."""
    lines = journal.splitlines()
    for place, line in enumerate(lines):
        for change, record in alterations(json.loads(line), every):
            changed = json.dumps(record).encode()
            whole = b"\n".join([*lines[:place], changed, *lines[place + 1 :]])
            yield (place, change), whole + b"\n"


def read_all(folder: Path) -> None:
    """Read the journal in every way that a search does, and take the next trial."""
    open_journal(folder).known()
    data = Data(make_samples(8), np.arange(4), np.arange(4, 8))
    search = Search(Plan(folder, SPACE, START, data, 2, 0, 20, 1e9))
    search.resume()
    search.progress()
    trials = search.finished()
    for trial in trials:
        search._limits(replace(trial, number=7), 4, None)
    search.take()
    if any(trial.state == "done" for trial in trials):
        tuning = Tuning(trials, SPACE, START, pd.DataFrame(), {})
        assert len(tuning.table) == len(trials)
        assert tuning.headline and len(tuning.best_trials())
        assert tuning.estimator() and tuning.importances == {}


def fill(folder: Path) -> None:
    """Add trials of every other state."""
    journal = open_journal(folder)
    for number, state in enumerate(("pruned", "failed"), start=2):
        journal.add(number, values(0.01 * number))
        ended = replace(journal.take(), state=state, loss=0.8, n_epochs=1, reason="!")
        journal.finish(ended)
    journal.add(4, values(0.04))
    journal.take()
    journal.add(5, values(0.05))


@pytest.mark.parametrize("every", [97, pytest.param(5, marks=pytest.mark.slow)])
def test_an_altered_journal_ends_in_one_error_or_in_its_trials(
    folder: Path, every: int
) -> None:
    fill(folder)
    read_all(Path(shutil.copytree(folder, folder.parent / "copy")))
    path, n_refused, wrong = folder / JOURNAL, 0, []
    for change, journal in altered_lines(path.read_bytes(), every):
        path.write_bytes(journal)
        try:
            read_all(folder)
        except StoreError as error:
            assert JOURNAL in str(error)
            assert len(str(error)) < 2000
            n_refused += 1
        except Exception as error:
            wrong.append((change, repr(error)[:200]))
        assert path.read_bytes().startswith(journal)
    assert not wrong
    assert n_refused > 3
    assert {found.name for found in folder.parent.iterdir()} == {"search", "copy"}


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_an_altered_record_ends_in_one_error_or_is_the_same_search(
    folder: Path, every: int
) -> None:
    path = folder / RECORD
    for _, record in alterations(json.loads(path.read_text("utf-8")), every):
        path.write_text(json.dumps(record), "utf-8")
        before = path.read_bytes()
        try:
            open_journal(folder)
        except StoreError as error:
            assert str(folder) in str(error)
            assert len(str(error)) < 2000
        assert path.read_bytes() == before


def test_an_owner_is_a_name_and_no_path(folder: Path) -> None:
    journal = open_journal(folder)
    journal.add(2, values(0.02))
    journal.take()
    victim = folder.parent / "victim.lock"
    victim.write_text("keep me")
    path = folder / JOURNAL
    owner = journal._owner.encode()
    assert owner in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(owner, b"../../victim"))
    with refused(JOURNAL, "damaged", error=StoreError):
        open_journal(folder).requeue_dead()
    assert victim.read_text() == "keep me"
