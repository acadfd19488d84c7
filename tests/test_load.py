"""`mt.load` loads a model; a folder of another kind is named with what reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import multitide as mt
from makers import make_samples, small
from multitide._folder_kinds import IN_WORDS, MARKER, READ_BY, RECORDS
from multitide.errors import StoreError
from refusals import refused


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "model"
    return small(max_epochs=1).fit(make_samples()).save(folder)


def test_a_model_is_loaded(model: Path) -> None:
    loaded = mt.load(model, device="cpu")
    assert loaded.device == "cpu"
    samples = make_samples()
    wanted = mt.MultiTaskEstimator.load(str(model)).predict(samples)
    assert loaded.predict(samples).equals(wanted)


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("by_marker", [True, False])
def test_another_kind_is_named_with_what_reads_it(
    tmp_path: Path, kind: str, by_marker: bool
) -> None:
    name = MARKER if by_marker else RECORDS[kind]
    (tmp_path / name).write_text(json.dumps({"format": kind}))
    with refused("`folder`", str(tmp_path), IN_WORDS[kind], READ_BY[kind]):
        mt.load(tmp_path)


def test_a_model_is_named_where_a_study_is_wanted(model: Path) -> None:
    with refused("`folder`", str(model), "multitide.load", error=StoreError):
        mt.Comparison.load(model)
    with refused("`folder`", "multitide.load", error=StoreError):
        mt.LabelCurve.load(model)


def test_the_folder_above_is_answered_with_the_model_in_it(model: Path) -> None:
    with refused("`folder`", f"Did you mean {str(model)!r}?"):
        mt.load(model.parent)


def test_no_folder_and_files_are_said(model: Path, tmp_path: Path) -> None:
    with refused("`folder`", "There is no such folder"):
        mt.load(tmp_path / "absent")
    with refused("`folder`", "It is a file"):
        mt.load(model / "model.json")
    with refused("`folder`", "load_encoder"):
        mt.load(model / "weights.safetensors")
