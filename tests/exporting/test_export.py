"""An exported file predicts what the model predicts, at any length, and says what it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from onnxruntime import InferenceSession

import multitide as mt
from makers import SMALL, make_arrays, make_samples, small
from multitide.backbones import BACKBONES, LSTMFCN
from multitide.exporting import _export
from multitide.exporting._description import output_names
from multitide.exporting._relative_error import relative_error
from refusals import refused

TOLERANCE = 1e-5


def run(path: Path, samples: mt.Samples, **inputs: Any) -> list[np.ndarray]:
    feed = {"series": samples.gather(slice(None)), **inputs}
    session = InferenceSession(path)
    if "lengths" in [each.name for each in session.get_inputs()]:
        feed["lengths"] = samples.lengths
    found: list[np.ndarray] = session.run(None, feed)
    return found


def assert_same(found: list[np.ndarray], decoded: dict[str, np.ndarray]) -> None:
    assert len(found) >= len(decoded)  # intervals come after the tasks
    for values, expected in zip(found, decoded.values(), strict=False):
        scale = np.maximum(np.abs(expected), 1)
        assert (np.abs(values - expected) <= TOLERANCE * scale).all()


@pytest.mark.slow
def test_the_file_predicts_what_the_model_predicts(
    exported: Path, model: mt.MultiTaskEstimator, samples: mt.Samples
) -> None:
    assert_same(run(exported, samples), model.decode(samples))


def test_the_file_reads_another_length_and_missing_values(
    exported: Path, model: mt.MultiTaskEstimator
) -> None:
    X, _ = make_arrays(n=7, n_timepoints=29)
    X[0], X[3, 1, 4:9] = np.nan, np.nan
    longer = mt.Samples.from_arrays(X)
    assert_same(run(exported, longer), model.decode(longer))


def test_batch_and_time_are_open(exported: Path) -> None:
    session = InferenceSession(exported)
    shapes = {each.name: each.shape for each in session.get_inputs()}
    assert shapes == {"series": ["batch", 3, "time"], "lengths": ["batch"]}
    assert [(each.name, each.shape) for each in session.get_outputs()] == [
        ("state", ["batch", 2]),
        ("load", ["batch"]),
    ]


def test_the_metadata_says_what_inputs_and_outputs_are(exported: Path) -> None:
    texts = InferenceSession(exported).get_modelmeta().custom_metadata_map
    described = json.loads(texts["multitide"])
    assert described["inputs"]["series"] == {
        "channels": ["0", "1", "2"],
        "categories": {},
        "dtype": "float32",
        "n_timepoints": 20,
        "fixed_length": False,
        "shortest": 9,
    }
    state, load = described["tasks"]
    assert state["classes"] == ["high", "low"] and state["kind"] == "classification"
    assert load["kind"] == "regression" and load["output"] == "load"
    assert described["versions"]["multitide"] == mt.__version__


def test_it_predicts_without_torch_and_multitide(
    exported: Path, model: mt.MultiTaskEstimator, samples: mt.Samples, tmp_path: Path
) -> None:
    np.save(tmp_path / "series.npy", samples.gather(slice(None)))
    np.save(tmp_path / "lengths.npy", samples.lengths)
    code = f"""
import sys
for name in ("torch", "multitide", "pandas", "onnx", "sklearn"):
    sys.modules[name] = None  # an import of it fails
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession({str(exported)!r})
feed = {{name: np.load(name + ".npy") for name in ("series", "lengths")}}
np.save("load.npy", session.run(["load"], feed)[0])
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert_same(
        [np.load(tmp_path / "load.npy")], {"load": model.decode(samples)["load"]}
    )


def test_a_difference_is_found_before_the_file_appears(
    model: mt.MultiTaskEstimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong:
        def __init__(self, *args: object, **options: object) -> None:
            pass

        def run(self, names: None, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
            n_rows = len(feed["series"])
            return [np.full((n_rows, 2), 0.5), np.zeros(n_rows)]

    monkeypatch.setattr("onnxruntime.InferenceSession", Wrong)
    monkeypatch.setattr(_export, "make_graph", lambda *args: Unserialised())
    with refused("`state`", "relative difference", "constraints.txt"):
        model.export(tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


class Unserialised:
    def SerializeToString(self) -> bytes:
        return b""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("model.txt", ("`path`", ".onnx", "model.txt")),
        ("none/model.onnx", ("`path`", "existing folder", "Make it")),
        ("there.onnx", ("`path`", "must not exist", "another name")),
    ],
)
def test_a_wrong_path_is_refused_before_any_work(
    name: str, words: tuple[str, ...], model: mt.MultiTaskEstimator, tmp_path: Path
) -> None:
    (tmp_path / "there.onnx").write_text("mine")
    with refused(*words):
        mt.export(model, tmp_path / name)
    assert (tmp_path / "there.onnx").read_text() == "mine"


def test_a_missing_package_is_one_sentence(
    model: mt.MultiTaskEstimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with refused("onnxscript", "not installed", "multitide[onnx]"):
        model.export(tmp_path / "model.onnx")


def test_an_output_has_the_name_of_its_task_unless_an_input_has_it() -> None:
    assert output_names(["load", "series", "lengths", "series_"]) == [
        "load",
        "series_",
        "lengths_",
        "series__",
    ]


def test_nan_in_an_output_is_no_agreement(model: mt.MultiTaskEstimator) -> None:
    target = model.model_.target("load")
    error = relative_error(target, np.ones(2), np.array([1, np.nan]))
    assert error.tolist() == [0, np.inf]


CASES = [
    *[(name, {}) for name in BACKBONES if name != "trees"],
    ("lstm", {"num_layers": 2, "bidirectional": False}),
    ("rnn", {"nonlinearity": "relu"}),
    ("lstm_fcn", {"num_layers": 2}),
    ("fcn", {"padding": "same"}),
    ("cnn1d", {"flatten": True}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "params"), CASES)
def test_every_backbone_predicts_the_same_at_two_lengths(
    name: str, params: dict[str, Any], tmp_path: Path
) -> None:
    samples = make_samples(n=48, unequal=name not in ("fc", "linear"))
    model = small(backbone={"name": name, **params}, max_epochs=1).fit(samples)
    path = model.export(tmp_path / "model.onnx")
    assert_same(run(path, samples), model.decode(samples))
    if BACKBONES[name](**params).fixes_length:
        assert InferenceSession(path).get_inputs()[0].shape == ["batch", 3, 20]
        return
    assert InferenceSession(path).get_inputs()[0].shape == ["batch", 3, "time"]
    longer = mt.Samples.from_arrays(make_arrays(n=1, n_timepoints=33)[0])
    assert_same(run(path, longer), model.decode(longer))


@pytest.mark.slow
def test_shuffled_series_have_one_length_and_no_lengths(tmp_path: Path) -> None:
    samples = make_samples(n=48)
    model = small(backbone=LSTMFCN(shuffle=True), max_epochs=1).fit(samples)
    path = model.export(tmp_path / "model.onnx")
    (series,) = InferenceSession(path).get_inputs()
    assert series.shape == ["batch", 3, 20]
    assert_same(run(path, samples), model.decode(samples))


@pytest.mark.slow
def test_static_inputs_and_every_kind_of_task(tmp_path: Path) -> None:
    X, y = make_arrays(n=60, n_timepoints=16)
    y["next[+1]"], y["next[+2]"] = X[:, 0, -1] * 2, X[:, 0, -2] * 3
    y["hot"], y["wet"] = X[:, 1].max(1) > 0.5, X[:, 2].max(1) > 0.5
    static = pd.DataFrame(
        {"age": X[:, 0, 0], "sex": np.where(X[:, 1, 0] > 0, "f", "m")}
    )
    tasks = [
        "state",
        mt.Regression("load", loss="quantile"),
        mt.Forecast("next", horizon=2),
        mt.MultiLabel("weather", columns=["hot", "wet"]),
    ]
    inputs = mt.Inputs(
        encodings=("difference", "piecewise_linear"), observed=True, elapsed=True
    )
    samples = mt.Samples.from_arrays(X, y, static=static)
    model = small(tasks=tasks, inputs=inputs, backbone=SMALL, keep="per_task")
    path = model.fit(samples).export(tmp_path / "model.onnx")
    layer = model.model_.network_list[0].stems[0].static
    assert layer is not None
    found = run(path, samples, static=layer.encode(static))
    assert_same(found, model.decode(samples))
    texts = InferenceSession(path).get_modelmeta().custom_metadata_map
    described = json.loads(texts["multitide"])
    assert described["inputs"]["static"] == {
        "columns": {"age": None, "sex": ["f", "m"]}
    }
    assert described["tasks"][1]["quantiles"] == [0.1, 0.5, 0.9]
    assert described["tasks"][2]["columns"] == ["next[+1]", "next[+2]"]
    assert described["tasks"][3]["answers"] == [[False, True], [False, True]]


@pytest.mark.slow
@pytest.mark.parametrize("sharing", ["none", "soft", "cross_stitch"])
def test_every_way_of_sharing(sharing: str, tmp_path: Path) -> None:
    samples = make_samples(n=48)
    model = small(backbone="fcn", sharing=sharing, max_epochs=1).fit(samples)
    path = model.export(tmp_path / "model.onnx")
    assert_same(run(path, samples), model.decode(samples))


@pytest.mark.slow
def test_one_of_several_data_sets(tmp_path: Path) -> None:
    data = {"rig": make_samples(n=48), "plant": make_samples(n=40, seed=1)}
    model = small(backbone=SMALL, max_epochs=1).fit(data)
    with refused("`data_set`", "rig", "plant"):
        model.export(tmp_path / "none.onnx")
    for name, samples in data.items():
        path = model.export(tmp_path / f"{name}.onnx", data_set=name)
        assert_same(run(path, samples), model.decode({name: samples})[name])


@pytest.mark.slow
def test_large_numbers_keep_their_digits(tmp_path: Path) -> None:
    X, y = make_arrays(n=48)
    samples = mt.Samples.from_arrays(X.astype(np.float64) + 2e9, y)
    model = small(backbone=SMALL, max_epochs=1).fit(samples)
    path = model.export(tmp_path / "model.onnx")
    assert InferenceSession(path).get_inputs()[0].type == "tensor(double)"
    assert_same(run(path, samples), model.decode(samples))


@pytest.mark.slow
def test_intervals_are_outputs(tmp_path: Path) -> None:
    samples = make_samples(n=300, missing=0.0)
    tasks = ["state", "load", mt.Regression("again", column="load", loss="quantile")]
    samples = samples.replace(y=samples.y.assign(again=samples.y["load"]))
    model = small(tasks=tasks, backbone="fc", max_epochs=1).fit(samples)
    path = model.export(tmp_path / "model.onnx")
    texts = InferenceSession(path).get_modelmeta().custom_metadata_map
    described = json.loads(texts["multitide"])["tasks"]
    assert [task.get("interval") for task in described] == [
        None,
        "load_interval",
        "again_interval",
    ]
    *_, load, again = run(path, samples)
    expected = model.predict_interval(samples, level=0.9)
    for name, found in (("load", load), ("again", again)):
        np.testing.assert_allclose(found[:, 0, 0], expected[f"{name}_low"], rtol=1e-5)
        np.testing.assert_allclose(found[:, 0, 1], expected[f"{name}_high"], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["fc", "lstm_fcn"])
def test_int8_is_smaller_and_nearly_as_good(backbone: str, tmp_path: Path) -> None:
    samples = make_samples(n=96, missing=0.0)
    model = small(backbone=backbone, max_epochs=3).fit(samples)
    whole = model.export(tmp_path / "whole.onnx")
    rounded = model.export(tmp_path / "rounded.onnx", int8=True)
    if backbone == "lstm_fcn":
        assert rounded.stat().st_size < 0.6 * whole.stat().st_size
    state, load = run(rounded, samples)[:2]
    decoded = model.decode(samples)
    assert not np.array_equal(load, decoded["load"])
    assert np.abs(state - decoded["state"]).max() < 0.1
    assert np.abs(load - decoded["load"]).max() < 0.1 * samples.y["load"].std()
    about = InferenceSession(rounded).get_modelmeta().custom_metadata_map
    assert "multitide" in about
