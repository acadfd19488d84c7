"""A saved model predicts the same bits, and what is not a whole model of ours is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from makers import SMALL, a_third_now, make_samples, small
from multitide._estimator import MultiTaskEstimator
from multitide._folder_kinds import MODEL_FILE
from multitide.data._splitter import Splitter
from multitide.errors import StoreError
from multitide.fitting._recipe import make_recipe
from multitide.model._history import HISTORY
from multitide.model._profile_file import PROFILE_FILE
from multitide.model._store import (
    CARD,
    WEIGHTS_FILE,
    _check_size,
    _finite_or_none,
    _record_hash,
    refuse_more_than_a_model,
)
from multitide.tasks import Classification, Regression
from multitide.training._settings import Training
from refusals import refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return (
        small(max_epochs=2)
        .fit(make_samples())
        .save(tmp_path_factory.mktemp("models") / "model")
    )


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"keep": "per_task", "max_epochs": 8, "lr": 0.02},
        {"sharing": "none"},
        {
            "tasks": [
                Classification("state", class_weight="balanced"),
                Regression("load", loss="huber"),
            ]
        },
        {
            "training": Training(averaging=0.9),
            "validation": Splitter(by="random", validation=0.3),
        },
    ],
)
@pytest.mark.parametrize("unequal", a_third_now([True, False]))
def test_save_then_load_predicts_the_same_bits(
    params: dict[str, Any], unequal: bool, tmp_path: Path
) -> None:
    samples = make_samples(unequal=unequal)
    estimator = small(**params).fit(samples)
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    assert (loaded.predict(samples) == estimator.predict(samples)).all(axis=None)
    assert (
        loaded.predict_proba(samples)["state"]
        == estimator.predict_proba(samples)["state"]
    ).all(axis=None)
    assert loaded.classes_ == estimator.classes_
    assert make_recipe(loaded.get_params(deep=False)) == make_recipe(
        estimator.get_params(deep=False)
    )
    assert loaded.validation == estimator.validation
    assert loaded.best_epoch_ == estimator.best_epoch_
    assert [task.get_params() for task in loaded.tasks_] == [
        task.get_params() for task in estimator.tasks_
    ]


def test_a_loaded_model_can_be_saved_again(folder: Path, tmp_path: Path) -> None:
    again = MultiTaskEstimator.load(folder).save(tmp_path / "again")
    assert (again / MODEL_FILE).read_text() == (folder / MODEL_FILE).read_text()


def test_a_folder_holds_five_files_and_no_pickle(folder: Path) -> None:
    found = sorted(path.name for path in folder.iterdir())
    assert found == [CARD, HISTORY, MODEL_FILE, PROFILE_FILE, WEIGHTS_FILE]
    record = json.loads((folder / MODEL_FILE).read_text())
    assert record["estimator"]["backbone"]["hidden_size"] == SMALL.hidden_size
    assert record["versions"]["torch"]


def test_nothing_is_overwritten(folder: Path) -> None:
    before = (folder / MODEL_FILE).read_bytes()
    with pytest.raises(StoreError, match="must not exist yet"):
        MultiTaskEstimator.load(folder).save(folder)
    assert (folder / MODEL_FILE).read_bytes() == before


def test_a_place_that_cannot_be_written_is_said(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="must be a place that can be written"):
        MultiTaskEstimator.load(folder).save(tmp_path / "file" / "model")


def damaged(folder: Path, tmp_path: Path, name: str, content: bytes) -> Path:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / name).write_bytes(content)
    return copy


def test_no_folder_and_damaged_files_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="must be a model or run folder"):
        MultiTaskEstimator.load(tmp_path / "nothing")
    with pytest.raises(StoreError, match="damaged"):
        MultiTaskEstimator.load(damaged(folder, tmp_path, MODEL_FILE, b"{"))


def test_altered_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    content = bytearray((folder / WEIGHTS_FILE).read_bytes())
    content[-3] ^= 1
    with pytest.raises(StoreError, match="was altered or damaged"):
        MultiTaskEstimator.load(damaged(folder, tmp_path, WEIGHTS_FILE, bytes(content)))


def test_an_altered_record_is_refused(folder: Path, tmp_path: Path) -> None:
    record = json.loads((folder / MODEL_FILE).read_text())
    record["data"][0]["channels"].reverse()
    with pytest.raises(StoreError, match="was altered or damaged"):
        MultiTaskEstimator.load(
            damaged(folder, tmp_path, MODEL_FILE, json.dumps(record).encode())
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [({"schema_version": 9}, "Install the version"), ({"format": "x"}, "format")],
)
def test_newer_and_foreign_records_are_refused(
    change: dict[str, Any], message: str, folder: Path, tmp_path: Path
) -> None:
    record = json.loads((folder / MODEL_FILE).read_text()) | change
    record["sha256"] = _record_hash(record)
    with pytest.raises(StoreError, match=message):
        MultiTaskEstimator.load(
            damaged(folder, tmp_path, MODEL_FILE, json.dumps(record).encode())
        )


def test_new_fields_of_a_newer_version_are_no_damage(
    folder: Path, tmp_path: Path
) -> None:
    record = json.loads((folder / MODEL_FILE).read_text())
    record["data"][0]["new_field"] = 1
    newer = {"versions": {**record["versions"], "multitide": "0.10.2"}}
    record |= newer
    record["sha256"] = _record_hash(record)
    changed = damaged(folder, tmp_path, MODEL_FILE, json.dumps(record).encode())
    with refused(
        MODEL_FILE, "written by multitide 0.10.2", "Install", error=StoreError
    ):
        MultiTaskEstimator.load(changed)
    with refused("`folder`", "model or run folder", error=StoreError):
        MultiTaskEstimator.load(tmp_path)


# -- overwriting -----------------------------------------------------------------------------------


def test_a_model_is_overwritten_on_request(folder: Path, tmp_path: Path) -> None:
    model = MultiTaskEstimator.load(folder)
    model.save(tmp_path / "model")
    (tmp_path / "model" / HISTORY).unlink()
    model.save(tmp_path / "model", overwrite=True)
    model.save(tmp_path / "new", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "new"]
    assert len(MultiTaskEstimator.load(tmp_path / "model").history_)


@pytest.mark.parametrize("name", ["report.md", "notes.txt", "study.json"])
def test_only_a_model_is_overwritten(folder: Path, tmp_path: Path, name: str) -> None:
    model = MultiTaskEstimator.load(folder)
    model.save(tmp_path / "model")
    (tmp_path / "model" / name).write_text("mine")
    with refused("`folder`", name, "another name", error=StoreError):
        model.save(tmp_path / "model", overwrite=True)
    assert (tmp_path / "model" / name).read_text() == "mine"


def test_a_file_or_a_foreign_model_json_is_not_overwritten(
    folder: Path, tmp_path: Path
) -> None:
    model = MultiTaskEstimator.load(folder)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.json").write_text('{"mine": 1}')
    for name in ("file", "mine"):
        with refused(name, error=StoreError):
            model.save(tmp_path / name, overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"
    assert (tmp_path / "mine" / "model.json").read_text() == '{"mine": 1}'


@pytest.mark.parametrize(
    ("size", "fits"), [(1, True), (6, True), (0, False), (7, False)]
)
def test_a_size_is_at_most_that_of_all_weights(
    size: int, fits: bool, tmp_path: Path
) -> None:
    weights = {"a": torch.zeros(2, 2), "b": torch.zeros(2)}
    if fits:
        _check_size(size, weights, tmp_path, "horizon")
        return
    with refused("from 1 to 6", f"got {size}", error=StoreError):
        _check_size(size, weights, tmp_path, "horizon")


@pytest.mark.parametrize(
    ("loss", "stored"), [(0.5, 0.5), (None, None), (np.inf, None), (np.nan, None)]
)
def test_only_finite_losses_are_stored(
    loss: float | None, stored: float | None
) -> None:
    assert _finite_or_none(loss) == stored


def test_an_empty_folder_may_be_replaced_and_a_missing_one_not(tmp_path: Path) -> None:
    refuse_more_than_a_model(tmp_path)
    with refused("nothing but a model", "absent", error=StoreError):
        refuse_more_than_a_model(tmp_path / "absent")
