"""A study on disk: what is read back is checked, and reading changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fakes import RANDOM, Quick, make_study_samples
from multitide.errors import StoreError
from multitide.study import Comparison, compare
from refusals import refused

Content = dict[str, Any]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "study"
    options: dict[str, Any] = {
        "n_seeds": 2,
        "n_jobs": 1,
        "verbose": 0,
        "folder": folder,
    }
    arms = {"hard": "hard", "broken": {"lr": 13.0}}
    compare(
        make_study_samples(120), estimator=Quick(), split=RANDOM, arms=arms, **options
    )
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "study"))


def change(folder: Path, edit: Callable[[Content], object]) -> None:
    path = folder / "study.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    edit(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_reading_changes_no_file(folder: Path) -> None:
    before = files(folder)
    found = Comparison.load(folder)
    assert found.arms == ["alone", "hard", "broken"]
    assert set(found.gains.query("arm == 'broken'")["verdict"]) == {"failed"}
    assert files(folder) == before


@pytest.mark.parametrize(
    "key", ["ABSOLUTE", "../victim", "..", ".", "", "a/b", "zz", 7, None]
)
def test_a_key_is_a_name_or_the_study_is_refused(
    folder: Path, tmp_path: Path, key: Any
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious.txt").write_text("keep me")
    key = str(victim) if key == "ABSOLUTE" else key
    change(folder, lambda content: content["runs"].append(["hard", 0, 0, [key]]))
    before = files(tmp_path)
    with refused(folder / "study.json", "damaged", error=StoreError):
        Comparison.load(folder)
    assert files(tmp_path) == before


EDITS: dict[str, Callable[[Content], object]] = {
    "no runs": lambda content: content.pop("runs"),
    "no conditions": lambda content: content.pop("conditions"),
    "runs of an unknown arm": lambda content: content["runs"].append(
        ["soft", 0, 0, []]
    ),
    "runs with too few keys": lambda content: content["runs"][0].__setitem__(3, []),
    "runs of a seed too many": lambda content: content["runs"][0].__setitem__(1, 9),
    "runs of a fold too many": lambda content: content["runs"][0].__setitem__(2, 9),
    "a run that is a text": lambda content: content["runs"].append("x"),
    "no arms": lambda content: content.update(settings={}, runs=[]),
    "an arm with an unknown task": lambda content: content["settings"].update(
        hard={"groups": [["nothing"]], "settings": {}}
    ),
    "no tasks": lambda content: content.update(tasks=[]),
    "a task of an unknown kind": lambda content: content["tasks"][0].update(
        kind="magic"
    ),
    "a task that is a number": lambda content: content.update(tasks=[1]),
    "no data": lambda content: content.update(data=[]),
    "data with an unknown task": lambda content: content["data"][0].update(
        task_names=["x"]
    ),
    "data without folds": lambda content: content["data"][0].update(fingerprints=[]),
    "a text as number of seeds": lambda content: content.update(n_seeds="many"),
    "a negative margin": lambda content: content.update(margin=-1),
    "no confidence": lambda content: content.update(confidence=None),
    "a duration that is missing": lambda content: content["facts"].update(seconds=None),
    "facts that are a list": lambda content: content.update(facts=[]),
    "a failure without a reason": lambda content: content["failed"].update({"ab": {}}),
    "a grouping that is none": lambda content: content.update(
        groupings={"hard": {"groups": 1}}
    ),
    "conditions without runs": lambda content: content.update(
        conditions={"settings": {}}
    ),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=list(EDITS))
def test_damaged_content_is_refused_with_the_file(
    folder: Path, edit: Callable[[Content], object]
) -> None:
    change(folder, edit)
    before = files(folder)
    with refused(folder, "damaged", error=StoreError):
        Comparison.load(folder)
    assert files(folder) == before


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        (1, "Run `multitide compare` again"),
        (2, "Run `multitide compare` again"),
        (None, "Run `multitide compare` again"),
        (99, "Install the version that wrote it"),
    ],
)
def test_another_version_is_refused_with_what_reads_it(
    folder: Path, version: Any, remedy: str
) -> None:
    change(folder, lambda content: content.update(schema_version=version))
    with refused("schema version 3", repr(version), remedy, error=StoreError):
        Comparison.load(folder)


def edit_table(
    folder: Path, name: str, edit: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    edit(pd.read_parquet(folder / name)).to_parquet(folder / name)


TABLE_EDITS: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "a task without labels": (
        "labels.parquet",
        lambda table: table.drop(columns="load"),
    ),
    "fewer labels": ("labels.parquet", lambda table: table.head(5)),
    "a row too many": (
        "splits.parquet",
        lambda table: table.assign(row=table["row"] + 1000),
    ),
    "rows that are texts": ("splits.parquet", lambda table: table.assign(row="x")),
    "no sides": ("splits.parquet", lambda table: table.drop(columns="side")),
    "no test set": ("splits.parquet", lambda table: table[table["side"] != "test"]),
    "other test rows": ("test.parquet", lambda table: table.iloc[::-1]),
    "fewer test rows": ("test.parquet", lambda table: table.head(3)),
    "groups that are texts": ("test.parquet", lambda table: table.assign(group="x")),
}


@pytest.mark.parametrize(("name", "edit"), TABLE_EDITS.values(), ids=list(TABLE_EDITS))
def test_a_damaged_table_is_refused_with_its_name(
    folder: Path, name: str, edit: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    edit_table(folder, name, edit)
    with refused(folder, "damaged", error=StoreError):
        Comparison.load(folder)


@pytest.mark.parametrize("name", ["labels.parquet", "splits.parquet", "test.parquet"])
def test_a_file_that_is_missing_or_no_table_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("no table")
    with refused(folder / name, "damaged", error=StoreError):
        Comparison.load(folder)
    (folder / name).unlink()
    with refused(folder / name, "damaged", error=StoreError):
        Comparison.load(folder)


def test_predictions_of_other_samples_are_refused(folder: Path) -> None:
    run = next(path for path in (folder / "runs").iterdir())
    facts = json.loads((run / "run.json").read_text())
    facts["n_answers"] = dict.fromkeys(facts["n_answers"], 3)
    (run / "run.json").write_text(json.dumps(facts))
    with refused(run, "damaged", 3, error=StoreError):
        Comparison.load(folder)


def test_a_run_that_is_missing_leaves_its_seed_out(folder: Path) -> None:
    found = Comparison.load(folder)
    key = found.evidence.run_keys["hard", 1, 0][0]
    shutil.rmtree(folder / "runs" / key)
    again = Comparison.load(folder)
    assert again.evidence.seeds("hard", "load") == [0]
    assert found.evidence.seeds("hard", "load") == [0, 1]


def test_an_error_of_the_file_system_deletes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    before = files(folder)
    monkeypatch.setattr(pd, "read_parquet", fail)
    with refused("Input/output error", error=StoreError):
        Comparison.load(folder)
    monkeypatch.undo()
    assert files(folder) == before
    Comparison.load(folder)
