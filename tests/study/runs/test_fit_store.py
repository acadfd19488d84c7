"""Fits on disk: what was written is read, at once or not at all."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from multitide.errors import StoreError
from multitide.study.runs._fit_store import (
    ABANDONED_AFTER,
    read_fit,
    runs_folder,
    write_atomically,
    write_fit,
)
from multitide.study.runs._fits import Fit


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
        "classes": {"state": ["a", "b", 3], "flag": [False, True]},
        "seconds": 1.5,
        "best_epoch": {"load": 3},
    }
    return Fit(key, facts, answers, pd.DataFrame({"epoch": [1, 2], "loss": [1.0, 0.1]}))


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
    assert not list(runs.glob(".draft-*"))


def test_an_empty_history_is_kept_too(tmp_path: Path) -> None:
    runs = runs_folder(tmp_path)
    write_fit(Fit("x", {"status": "done"}, {"load": np.zeros(2)}), runs)
    found = read_fit(runs, "x")
    assert found is not None
    assert found.history.empty


def test_a_fit_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_fit(runs_folder(tmp_path), "abc") is None


@pytest.mark.parametrize("name", ["run.json", "predictions.parquet", "history.parquet"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_fit_is_done_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: str
) -> None:
    runs = runs_folder(tmp_path)
    write_fit(make_fit(), runs)
    path = runs / "abc" / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:20])
    else:
        path.unlink()
    with caplog.at_level(logging.WARNING):
        assert read_fit(runs, "abc") is None
    assert "cannot be read" in caplog.text
    write_fit(make_fit(), runs)
    assert read_fit(runs, "abc") is not None


def test_the_first_to_write_a_fit_wins(tmp_path: Path) -> None:
    runs = runs_folder(tmp_path)
    write_fit(make_fit(), runs)
    before = (runs / "abc" / "run.json").stat().st_mtime_ns
    write_fit(make_fit(), runs)
    assert (runs / "abc" / "run.json").stat().st_mtime_ns == before
    assert [path.name for path in runs.iterdir()] == ["abc"]


def test_drafts_of_a_killed_process_are_swept_and_fresh_ones_left(tmp_path: Path) -> None:
    runs = runs_folder(tmp_path)
    for name, age in (("old", ABANDONED_AFTER + 60), ("new", 0)):
        (runs / f".draft-{name}").mkdir()
        os.utime(runs / f".draft-{name}", (time.time() - age,) * 2)
    runs_folder(tmp_path)
    assert [path.name for path in runs.iterdir()] == [".draft-new"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StoreError, match=r"`folder` must be a place that can be written; got .*file"
    ):
        runs_folder(tmp_path / "file" / "study")
    with pytest.raises(StoreError, match=r"`folder` must be a place that can be written"):
        write_fit(make_fit(), runs_folder(tmp_path) / "abc" / "no")


def test_text_is_written_at_once(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.json", "one")
    write_atomically(tmp_path / "a.json", "two")
    assert (tmp_path / "a.json").read_text() == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
