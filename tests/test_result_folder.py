"""Result folders are whole or absent, and what cannot be read or written gives one message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from multitide._result_folder import (
    new_folder,
    read_record,
    refuse_existing,
    replaced_folder,
    writable,
    write_file,
)
from multitide.errors import StoreError
from refusals import refused


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "run"
    with new_folder(folder) as draft:
        (draft / "a.txt").write_text("a")
        assert not folder.exists()
    assert (folder / "a.txt").read_text() == "a"
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_after_an_error_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "run") as draft:
        (draft / "a.txt").write_text("a")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with refused("`output`", tmp_path, "another name", error=StoreError):
        refuse_existing(tmp_path, "output")
    with refused("`folder`", tmp_path, error=StoreError), new_folder(tmp_path):
        raise AssertionError
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with new_folder(tmp_path / "run") as draft:
        (draft / "a.txt").touch()
    assert (tmp_path / "run" / "a.txt").exists()


def test_an_earlier_folder_is_replaced_whole(tmp_path: Path) -> None:
    for name in ("old.txt", "new.txt"):
        with replaced_folder(tmp_path / "run") as draft:
            (draft / name).touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["new.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_earlier_folder_stays_after_an_error(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "old.txt").touch()
    with pytest.raises(ZeroDivisionError), replaced_folder(tmp_path / "run"):
        raise ZeroDivisionError
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["old.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_file(path, "old")
    write_file(path, b"new")
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_place_that_is_not_writable_gives_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with refused("`output`", "file", "written", error=StoreError):  # noqa: SIM117
        with writable(tmp_path / "file", "output"):
            write_file(tmp_path / "file" / "a.txt", "a")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("{", "damaged"),
        ("[]", "format"),
        (json.dumps({"format": "other"}), "format"),
        (
            json.dumps({"format": "multitide study", "schema_version": 1}),
            "Run it again.",
        ),
        (json.dumps({"format": "multitide study"}), "None"),
    ],
)
def test_a_record_is_checked(tmp_path: Path, content: str, part: str) -> None:
    path = tmp_path / "study.json"
    path.write_text(content)
    with refused("study.json", part, error=StoreError):
        read_record(path, "multitide study", {2, 3}, "Run it again.")


def test_a_record_that_is_absent_is_refused(tmp_path: Path) -> None:
    with refused("`folder`", "study.json", tmp_path, error=StoreError):
        read_record(tmp_path / "study.json", "multitide study", {2}, "")


def test_a_record_of_a_known_version_is_returned(tmp_path: Path) -> None:
    content = {"format": "multitide study", "schema_version": 2, "tasks": []}
    (tmp_path / "study.json").write_text(json.dumps(content))
    assert read_record(tmp_path / "study.json", "multitide study", {2}, "") == content


@pytest.mark.parametrize("name", ["n" * 300, "ü" * 200, "a\0b", "a\nb", "", "."])
def test_any_name_of_a_folder_that_is_none_is_refused(
    tmp_path: Path, name: str
) -> None:
    with refused("`folder`", error=StoreError):
        read_record(tmp_path / name / "study.json", "multitide study", {3}, "Again.")
