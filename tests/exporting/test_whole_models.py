"""Files of models with trees, with representations and of several fits answer as the models do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from onnxruntime import InferenceSession

import multitide as mt
from makers import make_arrays, make_samples, small
from multitide.backbones import Trees
from multitide.exporting._onnx_engine import OnnxEngine
from multitide.model._fitted_model import FittedModel
from multitide.representations import (
    Hydra,
    MiniRocket,
    MultiRocket,
    MultiRocketHydra,
    TS2Vec,
)
from refusals import refused

TOLERANCE = 1e-5


def assert_answers(path: Path, model: FittedModel, samples: mt.Samples) -> None:
    """Compare a file with its model on two lengths, with missing values and channels."""
    engine = OnnxEngine(path.read_bytes(), model, model.data_[0])
    for each in (samples, changed(samples)):
        found, expected = engine(each), model.decode(each)
        assert list(found) == list(expected)
        for task, values in expected.items():
            scale = np.maximum(np.abs(values), 1)
            other = np.abs(found[task] - values) > TOLERANCE * scale
            assert other.mean() <= 0.001, task


def changed(samples: mt.Samples) -> mt.Samples:
    """Return other series, most of them longer, without the second channel."""
    X, _ = make_arrays(n=40, n_timepoints=33, seed=7)
    X[:, 1] = np.nan
    X[::3, :, 25:] = np.nan
    X[0] = np.nan
    static = None
    if samples.static is not None:
        static = samples.static.iloc[:40].reset_index(drop=True)
    return mt.Samples.from_arrays(X, static=static)


def all_kinds() -> tuple[mt.Samples, list[str | mt.Task]]:
    """Return samples with static inputs, and a task of every kind."""
    X, y = make_arrays(n=120, n_timepoints=16)
    y["next[+1]"], y["next[+2]"] = X[:, 0, -1] * 2, X[:, 0, -2] * 3
    y["hot"], y["wet"] = X[:, 1].max(1) > 0.5, X[:, 2].max(1) > 0.5
    y["time"], y["event"] = 5 + 10 * np.abs(X[:, 0, 0]), X[:, 1, 0] > 0
    static = pd.DataFrame(
        {"age": X[:, 0, 0], "sex": np.where(X[:, 1, 0] > 0, "f", "m")}
    )
    static.loc[3, "age"] = np.nan
    tasks: list[str | mt.Task] = [
        "state",
        mt.Regression("load", loss="quantile"),
        mt.Forecast("next", horizon=2),
        mt.MultiLabel("weather", columns=["hot", "wet"]),
    ]
    return mt.Samples.from_arrays(X, y, static=static), tasks


@pytest.mark.slow
def test_boosted_trees_and_decisions(tmp_path: Path) -> None:
    samples = make_samples(n=80, unequal=True)
    tasks = [mt.Classification("state", positive="high", threshold=0.3), "load"]
    trees = Trees(kind="boosting", n_levels=0, n_trees=5)
    model = small(tasks=tasks, backbone=trees).fit(samples)
    path = model.export(tmp_path / "model.onnx")
    assert_answers(path, model, samples)
    about = InferenceSession(path).get_modelmeta().custom_metadata_map["multitide"]
    state = json.loads(about)["tasks"][0]
    assert state["positive"] == "high" and state["threshold"] == 0.3
    place = state["classes"].index("high")
    found = OnnxEngine(path.read_bytes(), model, model.data_[0])(samples)["state"]
    other = state["classes"][1 - place]
    decided = np.where(found[:, place] >= 0.3, "high", other)
    assert decided.tolist() == model.predict(samples)["state"].tolist()
    with refused("`int8`", "trees"):
        model.export(tmp_path / "small.onnx", int8=True)


BACKBONES = {
    "extra_trees": Trees(n_trees=20),
    "bootstrap": Trees(n_trees=10, bootstrap=True, n_levels=1),
    "boosting": Trees(kind="boosting", n_trees=20, steps=True, n_levels=1),
    "auto": "auto",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_trees(name: str, tmp_path: Path) -> None:
    samples = make_samples(n=300, unequal=name != "auto")
    model = small(backbone=BACKBONES[name]).fit(samples)
    assert_answers(model.export(tmp_path / "model.onnx"), model, samples)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["extra_trees", "boosting"])
def test_trees_of_every_kind_of_task(kind: Any, tmp_path: Path) -> None:
    samples, tasks = all_kinds()
    if kind == "extra_trees":
        tasks[1] = "load"
    trees = Trees(kind=kind, n_levels=1, n_trees=10)
    model = small(tasks=tasks, backbone=trees).fit(samples)
    assert_answers(model.export(tmp_path / "model.onnx"), model, samples)


REPRESENTATIONS = {
    "minirocket": MiniRocket(n_features=840),
    "multirocket": MultiRocket(n_features=1344),
    "hydra": Hydra(n_groups=4),
    "multirocket_hydra": MultiRocketHydra(n_features=1344, n_groups=4),
    "ts2vec": TS2Vec(n_features=16, hidden_size=8, depth=3, n_steps=5),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REPRESENTATIONS)
@pytest.mark.parametrize("backbone", ["linear", "fc"])
def test_representations(name: str, backbone: str, tmp_path: Path) -> None:
    samples = make_samples(n=96, unequal=True)
    inputs = mt.Inputs(representation=REPRESENTATIONS[name])
    model = small(backbone=backbone, inputs=inputs, max_epochs=1).fit(samples)
    assert_answers(model.export(tmp_path / "model.onnx"), model, samples)


def test_a_representation_of_the_user_is_refused(tmp_path: Path) -> None:
    class Means:
        def fit(self, X: np.ndarray) -> None:
            pass

        def transform(self, X: np.ndarray) -> np.ndarray:
            return np.nanmean(X, axis=2)

    inputs = mt.Inputs(representation=mt.representations.Transformed(Means()))
    model = small(backbone="linear", inputs=inputs).fit(make_samples(n=48))
    with refused("`model`", "representation", "TransformedEncoder"):
        model.export(tmp_path / "model.onnx")


@pytest.mark.slow
def test_an_ensemble_of_mixed_members(tmp_path: Path) -> None:
    samples = make_samples(n=200, unequal=True)
    members = {
        "trees": small(backbone=Trees(n_levels=0, n_trees=10)),
        "network": small(max_epochs=2),
        "rocket": small(
            backbone="linear", inputs=mt.Inputs(representation=MiniRocket(840))
        ),
    }
    model = mt.Ensemble(members, n_seeds=2, random_state=0, n_jobs=1, verbose=0)
    path = model.fit(samples).export(tmp_path / "model.onnx")
    assert_answers(path, model, samples)


@pytest.mark.slow
def test_an_ensemble_without_trees_keeps_lengths_and_rare_classes(
    tmp_path: Path,
) -> None:
    samples = make_samples(n=120, unequal=True, missing=0.0)
    state = samples.y["state"].to_numpy(dtype=object)
    state[5] = "rare"
    samples = samples.replace(y=samples.y.assign(state=state))
    model = mt.Ensemble(
        small(max_epochs=1), n_seeds=3, random_state=0, n_jobs=1, verbose=0
    ).fit(samples)
    path = model.export(tmp_path / "model.onnx")
    names = [each.name for each in InferenceSession(path).get_inputs()]
    assert names == ["series", "lengths"]
    assert_answers(path, model, samples)
