"""A record that its author altered, hashes included, ends in one error or in a model that works."""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from alterations import places
from makers import make_samples
from multitide._estimator import MultiTaskEstimator
from multitide._folder_kinds import MODEL_FILE
from multitide.backbones import LSTMFCN
from multitide.data._samples import Samples
from multitide.errors import MultitideError, StoreError
from multitide.model._store import (
    WEIGHTS_FILE,
    _record_hash,
    _sha256,
)
from multitide.tasks import Classification, Regression
from refusals import refused

DEEP: list[Any] = []
for _ in range(50):
    DEEP = [DEEP]
VALUES = [
    None,
    True,
    -1,
    10**12,
    1e9,
    float("nan"),
    "?",
    "",
    [],
    {},
    DEEP,
    [{"a": [1]}],
]


@pytest.fixture(scope="module")
def samples() -> Samples:
    found = make_samples(40, missing=0.1)
    static = pd.DataFrame({"site": ["a", "b"] * 20, "age": np.arange(40.0)})
    return Samples.from_arrays(found.X, found.y, static=static)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, samples: Samples) -> Path:
    model = MultiTaskEstimator(
        tasks=[Classification("state"), Regression("load")],
        backbone=LSTMFCN(hidden_size=4, filters=(4, 4, 4), kernel_sizes=(3, 3, 3)),
        max_epochs=1,
        random_state=0,
        verbose=0,
    )
    return model.fit(samples).save(tmp_path_factory.mktemp("models") / "model")


def rewrite(folder: Path, record: dict[str, Any]) -> None:
    """Write a record with its hash computed again."""
    record["sha256"] = _record_hash(record)
    (folder / MODEL_FILE).write_text(json.dumps(record), "utf-8")


def altered(record: dict[str, Any], path: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """Yield the record without a value, with others in its place, and with one more name."""
    for value in ["(drop)", "(add)", *VALUES]:
        changed = copy.deepcopy(record)
        place: Any = changed
        for key in path[:-1]:
            place = place[key]
        if value == "(drop)":
            del place[path[-1]]
        elif value == "(add)" and isinstance(place[path[-1]], dict):
            place[path[-1]]["unknown"] = 1
        else:
            place[path[-1]] = copy.deepcopy(value)
        yield changed


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore::multitide.MultitideWarning")
def test_every_altered_field_ends_in_one_error_or_in_a_model(
    folder: Path, tmp_path: Path, samples: Samples, every: int
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    record = json.loads((folder / MODEL_FILE).read_text("utf-8"))
    few = samples[np.arange(4)]
    n_refused, n_read = 0, 0
    others = []
    for path in places(record):
        if path == ("sha256",):
            continue
        for number, changed in enumerate(altered(record, path), start=len(path)):
            if number % every:
                continue
            rewrite(tmp_path / "model", changed)
            try:
                model = MultiTaskEstimator.load(tmp_path / "model", device="cpu")
                model.predict(few)
                n_read += 1
            except MultitideError as error:
                assert "Traceback" not in str(error)
                n_refused += 1
            except Exception as error:
                others.append((path, type(error), str(error)[:100]))
    assert not others
    assert n_refused > 1000 / every
    assert n_refused > n_read


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("estimator", "backbone", "hidden_size"), 10**9),
        (("estimator", "backbone", "num_layers"), 10**9),
        (("estimator", "backbone", "filters"), [10**9, 4, 4]),
        (("estimator", "backbone", "kernel_sizes"), [3, 10**9, 3]),
        (("data", 0, "n_timepoints"), 10**15),
        (
            ("tasks", 1),
            {"name": "load", "kind": "forecast", "channel": "c", "horizon": 10**12},
        ),
    ],
)
def test_a_network_that_fits_no_memory_is_refused_before_it_is_built(
    folder: Path, tmp_path: Path, path: tuple[Any, ...], value: object
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    record = json.loads((folder / MODEL_FILE).read_text("utf-8"))
    place = record
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    rewrite(tmp_path / "model", record)
    started = time.perf_counter()
    if path[-1] == "n_timepoints":  # this network has no weight per step
        MultiTaskEstimator.load(tmp_path / "model")
    else:
        with refused(MODEL_FILE, "damaged", error=StoreError):
            MultiTaskEstimator.load(tmp_path / "model")
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("tasks", [5, True, {}, "a", None, [5]])
def test_records_of_one_data_set_are_checked_too(
    folder: Path, tmp_path: Path, tasks: object
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    record = json.loads((folder / MODEL_FILE).read_text("utf-8"))
    (only,) = record.pop("data")
    record |= {name: only[name] for name in only if name not in ("name", "tasks")}
    record["tasks"] = tasks
    rewrite(tmp_path / "model", record)
    with refused(MODEL_FILE, "damaged", error=StoreError):
        MultiTaskEstimator.load(tmp_path / "model")


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("training", "refit", 1),
        ("training", "freeze", True),
        ("backbone", "num_layers", True),
        ("inputs", "observed", 0),
    ],
)
def test_numbers_and_booleans_are_not_mixed(
    folder: Path, tmp_path: Path, part: str, field: str, value: object
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    record = json.loads((folder / MODEL_FILE).read_text("utf-8"))
    if record["estimator"][part] is None:
        record["estimator"][part] = {"name": part}
    record["estimator"][part][field] = value
    rewrite(tmp_path / "model", record)
    with refused(MODEL_FILE, f"`{part}.{field}`", repr(value), error=StoreError):
        MultiTaskEstimator.load(tmp_path / "model")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(
    folder: Path, tmp_path: Path, value: float
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    path = tmp_path / "model" / WEIGHTS_FILE
    weights = safetensors.torch.load_file(path)
    name = next(name for name in weights if name.endswith("weight"))
    weights[name].view(-1)[0] = value
    safetensors.torch.save_file(weights, path)
    record = json.loads((folder / MODEL_FILE).read_text("utf-8"))
    record["weights_sha256"] = _sha256(path.read_bytes())
    rewrite(tmp_path / "model", record)
    with refused(WEIGHTS_FILE, "finite", "again", error=StoreError):
        MultiTaskEstimator.load(tmp_path / "model")


@pytest.mark.parametrize("change", ["drop", "add", "shape", "dtype"])
def test_other_weights_are_refused(folder: Path, tmp_path: Path, change: str) -> None:
    shutil.copytree(folder, tmp_path / "model")
    path = tmp_path / "model" / WEIGHTS_FILE
    weights = safetensors.torch.load_file(path)
    name = next(name for name in weights if name.endswith("weight"))
    if change == "drop":
        del weights[name]
    elif change == "add":
        weights["0.unknown"] = torch.zeros(2)
    elif change == "shape":
        weights[name] = weights[name][:1].clone()
    else:
        weights[name] = torch.zeros(1, dtype=torch.int64)
    safetensors.torch.save_file(weights, path)
    record = json.loads((folder / MODEL_FILE).read_text("utf-8"))
    record["weights_sha256"] = _sha256(path.read_bytes())
    rewrite(tmp_path / "model", record)
    with refused("weights", "do not fit", error=StoreError):
        MultiTaskEstimator.load(tmp_path / "model")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a": ' * 5000, '"\\ud800"', "NaN", "[]"]
)
def test_text_that_is_no_record_is_refused(
    folder: Path, tmp_path: Path, text: str
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / MODEL_FILE).write_text(text, "utf-8")
    with refused(MODEL_FILE, error=StoreError):
        MultiTaskEstimator.load(tmp_path / "model")
