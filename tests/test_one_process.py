"""Only one process works on a folder: the second is refused, and what the first makes is whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

import multitide as mt
from makers import write_runs
from multitide import _partial_folder as partial
from multitide._folder_kinds import MARKER
from multitide._one_process import InTheMaking, one_process
from multitide._partial_folder import MODEL, partial_folder, partial_of
from multitide.errors import StoreError
from processes import exit_code, start
from refusals import refused
from test_claim_folder import (
    contents,
    open_compare,
    open_conditions,
    open_curve,
    open_groups,
    open_many,
)
from test_kills import CONFIG

DOORS = [open_compare, open_conditions, open_groups, open_curve, open_many]


def train(*_: object, **__: object) -> None:
    raise AssertionError("refused only after training")


@pytest.mark.parametrize("door", DOORS)
def test_a_study_in_the_making_is_left_to_its_process(
    tmp_path: Path, door: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mt.MultiTaskEstimator, "fit", train)
    with one_process(tmp_path):
        (tmp_path / MARKER).write_text(marker_of(door))
        before = contents(tmp_path)
        with refused("`folder`", str(tmp_path), "Wait for it", error=InTheMaking):
            door(tmp_path)
        assert set(before) <= set(contents(tmp_path))


def marker_of(door: Callable[[Path], object]) -> str:
    kinds = {open_curve: "multitide label curve", open_many: "multitide studies"}
    kind = kinds.get(door, "multitide study")
    return f'{{"format": "{kind}"}}'


def test_the_lock_is_free_after_the_block(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), one_process(tmp_path):
        raise ZeroDivisionError
    with one_process(tmp_path), refused("`output`", "another process"):  # noqa: SIM117
        with one_process(tmp_path, "output"):
            raise AssertionError("two at the same time")


def test_a_place_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with (
        refused("`folder`", "written", error=StoreError),
        one_process(tmp_path / "file"),
    ):
        raise AssertionError("the block must not be entered")


def test_of_two_that_begin_at_once_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial, "refuse_leftover", lambda *_: None)
    with partial_folder(tmp_path / "run") as folder:
        (folder / "file").write_text("first")
        with (
            refused("`folder`", "run.partial", "another process", error=InTheMaking),
            partial_folder(tmp_path / "run"),
        ):
            raise AssertionError("two at the same time")
    assert (tmp_path / "run" / "file").read_text() == "first"


def test_one_that_begins_as_the_other_ends_is_refused_before_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_leftover(folder: Path, name: str) -> None:
        folder.mkdir()
        (folder / "file").write_text("first")

    monkeypatch.setattr(partial, "refuse_leftover", refuse_leftover)
    with (
        refused("`folder`", "run", "another name", error=StoreError),
        partial_folder(tmp_path / "run"),
    ):
        raise AssertionError("the block must not be entered")
    assert contents(tmp_path) == {"run/file": b"first"}


def test_what_appears_in_its_place_costs_no_model(tmp_path: Path) -> None:
    with (
        refused("`folder`", "run", "another name", error=StoreError),
        partial_folder(tmp_path / "run") as folder,
    ):
        (folder / MODEL).mkdir()
        (folder / MODEL / "model.json").write_text("mine")
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "notes.txt").write_text("mine too")
    kept = partial_of(tmp_path / "run") / MODEL / "model.json"
    assert kept.read_text() == "mine"
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine too"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["fit", "compare", "tune"])
def test_two_commands_at_once(tmp_path: Path, command: str) -> None:
    """Another configuration in the same folder is refused; the first gives a whole result."""
    for name, seed in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        write_runs(tmp_path / name, 60)
        text = CONFIG.format(max_epochs=3).replace("state = 0", f"state = {seed}")
        (tmp_path / name / "c.toml").write_text(text)
    options = {"fit": [], "compare": ["--seeds", "2", "--jobs", "1"]}
    more = options.get(command, ["--trials", "3", "--jobs", "1"])
    for attempt in itertools.count():
        output = tmp_path / f"out{attempt}"
        arguments = [command, "c.toml", *more, "--output", str(output), "--quiet"]
        processes = [start(tmp_path / name, *arguments) for name in ("one", "two")]
        codes = [exit_code(process) for process in processes]
        if sorted(codes) == [0, 2] or attempt == 5:
            break
    assert sorted(codes) == [0, 2]
    loser = ("one", "two")[codes.index(2)]
    said = " ".join((tmp_path / loser / "out.txt").read_text().split())
    assert str(output) in said
    assert "Traceback" not in said
    assert said.count("Error:") == 1
    if command == "fit":
        assert mt.load(output).random_state == 1 + codes.index(0)
        assert not partial_of(output).exists()
    if command == "compare":
        assert len(mt.Comparison.load(output).gains)
