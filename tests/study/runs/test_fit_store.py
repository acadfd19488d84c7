"""Fits on disk: what was written is read, at once or not at all."""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from multitide._folder_kinds import MARKER
from multitide.errors import StoreError
from multitide.study.runs._fit_store import (
    ABANDONED_AFTER,
    read_fit,
    runs_folder,
    write_fit,
)
from multitide.study.runs._fits import Fit
from refusals import refused


def make_fit(key: str = "abc") -> Fit:
    rng = np.random.default_rng(0)
    answers = {
        "state": rng.random((6, 3)).astype(np.float32),
        "load": rng.normal(size=6) * 1e9 + 1 / 3,
        "flag": rng.random((6, 2)).astype(np.float32),
        "level": np.sort(rng.normal(size=(6, 3))),
        "next": rng.normal(size=(6, 1)),
    }
    facts = {
        "status": "done",
        "reason": "",
        "tasks": list(answers),
        "seed": 0,
        "fold": 0,
        "settings": {},
        "n_labelled": {
            name: {"train": 9, "validation": 3, "test": 6} for name in answers
        },
        "classes": {"state": ["a", "b", 3], "flag": [False, True]},
        "seconds": 1.5,
        "best_epoch": {"load": 3},
    }
    history = pd.DataFrame({"epoch": [1, 2], "task": "load", "side": "train"})
    return Fit(key, facts, answers, history.assign(loss=[1.0, 0.1]))


def test_what_was_written_is_read_bit_by_bit(tmp_path: Path) -> None:
    runs, fit = runs_folder(tmp_path), make_fit()
    write_fit(fit, runs)
    found = read_fit(runs, "abc")
    assert found is not None
    assert found.facts == fit.facts
    assert list(found.answers) == list(fit.answers)
    for name, values in fit.answers.items():
        np.testing.assert_array_equal(found.answers[name], values)
        assert found.answers[name].dtype == values.dtype
    pd.testing.assert_frame_equal(found.history, fit.history)


def test_a_stored_fit_can_be_read_by_anyone(tmp_path: Path) -> None:
    runs = runs_folder(tmp_path)
    write_fit(make_fit(), runs)
    table = pd.read_parquet(runs / "abc" / "predictions.parquet")
    classes = ["state=a", "state=b", "state=3", "load", "flag=False", "flag=True"]
    assert list(table) == [*classes, "level=0", "level=1", "level=2", "next=0"]
    assert (runs / "abc" / "run.json").is_file()
    assert [path.name for path in runs.iterdir()] == ["abc"]


def test_an_empty_history_is_kept_too(tmp_path: Path) -> None:
    runs = runs_folder(tmp_path)
    write_fit(replace(make_fit(), history=pd.DataFrame()), runs)
    found = read_fit(runs, "abc")
    assert found is not None
    assert found.history.empty


def test_a_fit_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_fit(runs_folder(tmp_path), "abc") is None


@pytest.mark.parametrize(
    "key", ["../mine", "/tmp/mine", "", ".", "abc/..", "ABC", "a" * 65, 12]
)
def test_a_key_that_leads_elsewhere_is_refused(tmp_path: Path, key: Any) -> None:
    runs = runs_folder(tmp_path)
    with refused(repr(key), "key", error=StoreError):
        read_fit(runs, key)
    with refused(repr(key), "key", error=StoreError):
        write_fit(make_fit(key), runs)
    assert sorted(tmp_path.iterdir()) == [tmp_path / MARKER, runs]
    assert list(runs.iterdir()) == []


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", ["run.json", "predictions.parquet", "history.parquet"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_fit_is_left_until_it_is_written_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: str
) -> None:
    runs = runs_folder(tmp_path)
    write_fit(make_fit(), runs)
    path = runs / "abc" / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:20])
    else:
        path.unlink()
    before = contents(runs / "abc")
    with caplog.at_level(logging.WARNING):
        assert read_fit(runs, "abc") is None
    assert "cannot be read" in caplog.text
    assert contents(runs / "abc") == before
    write_fit(make_fit(), runs)
    assert read_fit(runs, "abc") is not None
    assert [path.name for path in runs.iterdir()] == ["abc"]


@pytest.mark.parametrize(
    "change",
    [
        {"key": "../../mine"},
        {"key": "abd"},
        {"status": "failed"},
        {"seconds": "long"},
        {"columns": {"load": "load"}},
        {"columns": {"load": ["lod"]}},
        {"n_answers": {}},
        {"n_answers": {"load": 7}},
        {"tasks": None},
        {"validation_loss": {"load": "low"}},
    ],
)
def test_a_fit_with_other_facts_than_expected_is_damaged(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    runs = runs_folder(tmp_path)
    write_fit(make_fit(), runs)
    path = runs / "abc" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert read_fit(runs, "abc") is None


@pytest.mark.parametrize("text", ["[]", "null", "[" * 100_000])
def test_a_fit_whose_facts_are_something_else_is_damaged(
    tmp_path: Path, text: str
) -> None:
    runs = runs_folder(tmp_path)
    write_fit(make_fit(), runs)
    (runs / "abc" / "run.json").write_text(text)
    assert read_fit(runs, "abc") is None


def test_the_first_to_write_a_fit_wins(tmp_path: Path) -> None:
    runs = runs_folder(tmp_path)
    write_fit(make_fit(), runs)
    before = (runs / "abc" / "run.json").stat().st_mtime_ns
    write_fit(make_fit(), runs)
    assert (runs / "abc" / "run.json").stat().st_mtime_ns == before
    assert [path.name for path in runs.iterdir()] == ["abc"]


def test_drafts_of_a_killed_process_are_swept_and_fresh_ones_left(
    tmp_path: Path,
) -> None:
    runs = runs_folder(tmp_path)
    for name, age in ((".abc-old", 60), (".abc-new", -60), (".mine", 60), ("abc", 60)):
        (runs / name).mkdir()
        os.utime(runs / name, (time.time() - ABANDONED_AFTER - age,) * 2)
    runs_folder(tmp_path)
    assert {path.name for path in runs.iterdir()} == {".abc-new", ".mine", "abc"}


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with refused("`folder`", tmp_path / "file" / "study", "written", error=StoreError):
        runs_folder(tmp_path / "file" / "study")
    with refused("`folder`", tmp_path / "file", "written", error=StoreError):
        write_fit(make_fit(), tmp_path / "file")
