"""A run is there whole or not at all; until then it has another name, and what it has is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from multitide._partial_folder import (
    MODEL,
    partial_folder,
    partial_of,
    refuse_leftover,
    refuse_partial,
)
from multitide.errors import StoreError
from refusals import refused


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    with partial_folder(tmp_path / "new" / "run") as partial:
        assert partial == tmp_path / "new" / "run.partial"
        (partial / "file").write_text("whole")
        (partial / MODEL).mkdir()
        assert not (tmp_path / "new" / "run").exists()
    assert [path.name for path in (tmp_path / "new").rglob("*")] == ["run", "file"]


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with partial_folder(tmp_path / "run") as partial:
        (partial / "file").touch()
    assert (tmp_path / "run" / "file").exists()


def test_after_an_error_without_a_model_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), partial_folder(tmp_path / "run") as partial:
        (partial / "history.jsonl").touch()
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, OSError])
def test_after_an_error_the_model_is_kept(
    tmp_path: Path, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    with (
        pytest.raises((error, StoreError)),
        partial_folder(tmp_path / "run") as partial,
    ):
        (partial / MODEL).mkdir()
        (partial / MODEL / "model.json").write_text("mine")
        raise error
    assert (tmp_path / "run.partial" / MODEL / "model.json").read_text() == "mine"
    assert not (tmp_path / "run").exists()
    assert str(partial_of(tmp_path / "run") / MODEL) in caplog.text


def test_a_leftover_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "run.partial" / MODEL).mkdir(parents=True)
    for refuse in (refuse_leftover, lambda path: partial_folder(path).__enter__()):
        with refused("`folder`", "run.partial", "delete", MODEL, error=StoreError):
            refuse(tmp_path / "run")
    assert (tmp_path / "run.partial" / MODEL).is_dir()


def test_a_name_of_a_partial_folder_is_refused(tmp_path: Path) -> None:
    with refused("`output`", "'.partial'", "another name", error=StoreError):
        refuse_leftover(tmp_path / "run.partial", "output")


def test_a_partial_folder_is_not_read(tmp_path: Path) -> None:
    refuse_partial(tmp_path / "run")
    with refused("`run`", "run.partial", "unfinished", "config.toml", error=StoreError):
        refuse_partial(tmp_path / "run.partial", "run")


def test_a_place_that_cannot_be_written_is_refused_before_the_block(
    tmp_path: Path,
) -> None:
    with (
        refused("`folder`", "written", error=StoreError),
        partial_folder(tmp_path / ("n" * 250)),
    ):
        raise AssertionError("the block must not be entered")
