"""Every function that writes a folder refuses one that holds something it did not write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import multitide as mt
from makers import make_samples, small
from multitide import reports
from multitide._claim_folder import check_claimable, claim_folder
from multitide._folder_kinds import IN_WORDS, MARKER, RECORDS, STUDY_FORMAT, kind_of
from multitide.errors import StoreError
from refusals import refused

KINDS = list(RECORDS)


def contents(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_claimed_once_and_resumed(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "deep" / "new"
    claim_folder(folder, kind)
    (folder / "results.txt").write_text("ours")
    claim_folder(folder, kind)
    assert kind_of(folder) == kind
    assert (folder / "results.txt").read_text() == "ours"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_a_folder_of_another_kind_is_refused(
    tmp_path: Path, kind: str, other: str
) -> None:
    claim_folder(tmp_path, other)
    if kind == other:
        check_claimable(tmp_path, kind)
        return
    with refused("`output`", f"holds {IN_WORDS[other]}", error=StoreError):
        claim_folder(tmp_path, kind, "output")


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_its_marker_is_known_by_its_record(
    tmp_path: Path, kind: str
) -> None:
    (tmp_path / RECORDS[kind]).write_text(json.dumps({"format": kind}))
    claim_folder(tmp_path, kind)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.parquet", "mine"),
        (".git", "mine"),
        ("runs", "mine"),
        ("study.json", "{}"),
        ("study.json", "[" * 100_000),
        ("study.json", '{"format": "a study of mine"}'),
        ("study.json", "not JSON"),
        (MARKER, '["multitide study"]'),
    ],
)
def test_a_folder_of_the_user_is_refused_and_kept(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    before = contents(tmp_path)
    with refused("`folder`", str(tmp_path), "not empty", error=StoreError):
        claim_folder(tmp_path, STUDY_FORMAT)
    assert contents(tmp_path) == before


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with refused("`folder`", "is a file", error=StoreError):
        claim_folder(tmp_path / "file", STUDY_FORMAT)


def test_what_a_killed_process_left_of_a_marker_is_nothing(tmp_path: Path) -> None:
    (tmp_path / ".draft-abc").write_text("{")
    claim_folder(tmp_path, STUDY_FORMAT)


# -- every door ------------------------------------------------------------------------------------


def a_study() -> mt.Comparison:
    """Return a study of two baselines, which trains nothing."""
    return mt.compare(
        make_samples(60),
        arms={"constant": {"baseline": "constant"}, "again": {"baseline": "constant"}},
        reference="constant",
        n_seeds=1,
        n_jobs=1,
        verbose=0,
    )


def open_compare(folder: Path) -> object:
    return mt.compare(make_samples(60), estimator=small(), folder=folder)


def open_conditions(folder: Path) -> object:
    return mt.check_conditions(make_samples(60), estimator=small(), folder=folder)


def open_groups(folder: Path) -> object:
    return mt.group_tasks(make_samples(60), estimator=small(), folder=folder)


def open_curve(folder: Path) -> object:
    return mt.label_curve(
        make_samples(60), estimator=small(), shares=[0.5, 1.0], folder=folder
    )


def open_many(folder: Path) -> object:
    one = {"samples": make_samples(60), "estimator": small()}
    return mt.compare_many({"a": one, "b": one}, folder=folder)


def open_tune(folder: Path) -> object:
    return mt.tune(make_samples(60), estimator=small(), folder=folder)


def open_save(folder: Path) -> object:
    return a_study().save(folder)


def open_report(folder: Path) -> object:
    return mt.write_study_report(a_study(), folder)


def open_save_many(folder: Path) -> object:
    return mt.compare_many({"a": a_study(), "b": a_study()}).save(folder)


def open_overview(folder: Path) -> object:
    return reports.write_overview(
        mt.compare_many({"a": a_study(), "b": a_study()}), folder
    )


DOORS = [
    open_compare,
    open_conditions,
    open_groups,
    open_curve,
    open_many,
    open_tune,
    open_save,
    open_report,
    open_save_many,
    open_overview,
]


@pytest.mark.parametrize("door", DOORS)
def test_no_door_writes_into_a_folder_of_the_user(
    tmp_path: Path, door: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("labels.parquet", "report.md", "results.parquet", "mine.txt"):
        (tmp_path / name).write_text("mine")
    before = contents(tmp_path)

    def train(*_: object, **__: object) -> None:
        raise AssertionError("refused only after training")

    monkeypatch.setattr(mt.MultiTaskEstimator, "fit", train)
    with refused("`folder`", str(tmp_path), "not empty", "name.", error=StoreError):
        door(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("inner", ["a", "labels-0.5"])
def test_a_folder_of_the_user_inside_ours_is_refused_before_training(
    tmp_path: Path, inner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: object, **__: object) -> None:
        raise AssertionError("refused only after training")

    monkeypatch.setattr("multitide.study._run_study.run_plan", train)
    (tmp_path / "out" / inner).mkdir(parents=True)
    (tmp_path / "out" / inner / "mine.txt").write_text("mine")
    kind = {"a": "multitide studies", "labels-0.5": "multitide label curve"}[inner]
    (tmp_path / "out" / RECORDS[kind]).write_text(json.dumps({"format": kind}))
    door = {"a": open_many, "labels-0.5": open_curve}[inner]
    with refused("`folder`", inner, "not empty", error=StoreError):
        door(tmp_path / "out")


def test_a_study_resumes_in_its_folder(tmp_path: Path) -> None:
    study = a_study()
    study.save(tmp_path / "study")
    mt.write_study_report(study, tmp_path / "study")
    study.save(tmp_path / "study")
    assert mt.Comparison.load(tmp_path / "study").arms == study.arms
