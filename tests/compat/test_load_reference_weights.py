"""Weights of the reference system predict here what they predict there."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from compat.reference_network import ReferenceNetwork, trained_like
from multitide._estimator import MultiTaskEstimator
from multitide.backbones import LSTMFCN
from multitide.compat import load_reference_weights
from multitide.data._samples import Samples
from multitide.encodings._inputs import Inputs
from multitide.errors import DataError, StoreError
from multitide.training._settings import Training
from refusals import refused


def stored(network: nn.Module, folder: Path) -> Path:
    torch.save(network.state_dict(), folder / "best.pt")
    return folder / "best.pt"


def raw_series(n: int = 7, n_channels: int = 4, n_timepoints: int = 24) -> np.ndarray:
    return (
        np.random.default_rng(0)
        .normal(50, 30, size=(n, n_channels, n_timepoints))
        .astype(np.float32)
    )


@torch.no_grad()
def reference_outputs(network: ReferenceNetwork, X: np.ndarray) -> list[np.ndarray]:
    return [output.numpy() for output in network(torch.from_numpy(X))]


@pytest.mark.parametrize(
    ("n_channels", "num_layers", "filters"), [(4, 1, 128), (9, 2, 64)]
)
def test_predictions_are_those_of_the_plain_network(
    tmp_path: Path, n_channels: int, num_layers: int, filters: int
) -> None:
    network = trained_like(n_channels, num_layers=num_layers, filters=filters)
    estimator = load_reference_weights(stored(network, tmp_path))
    X = raw_series(n_channels=n_channels)
    log_probabilities, numbers = reference_outputs(network, X)
    predicted = estimator.predict(X)
    np.testing.assert_allclose(predicted["number"], numbers[:, 0], rtol=1e-6)
    np.testing.assert_allclose(
        estimator.predict_proba(X)["class"],
        np.exp(log_probabilities),
        rtol=1e-6,
        atol=1e-7,
    )
    assert predicted["class"].tolist() == log_probabilities.argmax(axis=1).tolist()


@pytest.mark.parametrize("head", ["fc", "fc_1"])
@pytest.mark.parametrize(("n_outputs", "name"), [(1, "number"), (3, "class")])
def test_a_network_of_one_head(
    tmp_path: Path, head: str, n_outputs: int, name: str
) -> None:
    network = trained_like(heads={head: n_outputs})
    estimator = load_reference_weights(stored(network, tmp_path))
    (expected,) = reference_outputs(network, raw_series())
    predicted = estimator.predict(raw_series())
    assert list(predicted) == [name]
    if n_outputs == 1:
        np.testing.assert_allclose(predicted[name], expected[:, 0], rtol=1e-6)
    else:
        assert predicted[name].tolist() == expected.argmax(axis=1).tolist()


def test_names_and_classes_are_the_users(tmp_path: Path) -> None:
    network = trained_like()
    classes = ["spring", "summer", "autumn", "winter"]
    estimator = load_reference_weights(
        stored(network, tmp_path),
        classes=classes,
        tasks=("season", "pm25"),
        channels=["dew", "temp", "pres", "wind"],
    )
    expected = reference_outputs(network, raw_series())[0].argmax(axis=1)
    predicted = estimator.predict(
        Samples.from_arrays(raw_series(), channels=["dew", "temp", "pres", "wind"])
    )
    assert list(predicted) == ["season", "pm25"]
    assert predicted["season"].tolist() == [classes[i] for i in expected]
    assert estimator.channels_ == ("dew", "temp", "pres", "wind")


def test_it_can_be_measured_saved_and_loaded(tmp_path: Path) -> None:
    estimator = load_reference_weights(stored(trained_like(), tmp_path))
    X = raw_series()
    y = estimator.predict(X)
    again = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(again.predict(X), y)
    figures = again.evaluate(X, y).set_index(["task", "metric"])["value"]
    assert figures["class", "accuracy"] == 1
    assert figures["number", "rmse"] == 0


def test_training_can_start_from_it_and_its_frozen_backbone_stays(
    tmp_path: Path,
) -> None:
    network = trained_like()
    start = load_reference_weights(stored(network, tmp_path))
    X = raw_series(40)
    y = pd.DataFrame({"load": X.mean(axis=(1, 2))})
    estimator = MultiTaskEstimator(
        backbone=LSTMFCN(),
        inputs=Inputs(scale="none"),
        training=Training(freeze="backbone"),
        max_epochs=1,
        verbose=0,
    ).fit(X, y, start=start)
    state = estimator.model_.network_list[0].state_dict()
    torch.testing.assert_close(
        state["sharing.backbone.blocks.conv2.convolution.weight"],
        network.conv2.weight.data,
        rtol=0,
        atol=0,
    )


def test_everything_that_does_not_fit_is_in_one_message(tmp_path: Path) -> None:
    state: dict[str, Any] = trained_like().state_dict()
    del state["bn2.running_var"]
    state["lstm.weight_ih_l0_reverse"] = torch.zeros(256, 4)
    state["conv3.weight"] = torch.zeros(16)
    torch.save(state, tmp_path / "odd.pt")
    parts = (
        "running_var is missing",
        "l0_reverse is not known",
        "conv3.weight must have",
        "(16,)",
    )
    with refused(*parts, error=StoreError):
        load_reference_weights(tmp_path / "odd.pt")


def test_a_wrong_shape_is_named_with_the_right_one(tmp_path: Path) -> None:
    state = trained_like().state_dict()
    state["fc_2.weight"] = torch.zeros(1, 81)
    torch.save(state, tmp_path / "odd.pt")
    with refused("fc_2.weight", "(1, 80)", "(1, 81)", error=StoreError):
        load_reference_weights(tmp_path / "odd.pt")


def test_another_network_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(3, 2).state_dict(), tmp_path / "linear.pt")
    parts = ("conv1.weight is missing", "there must be a head", "weight is not known")
    with refused(*parts, error=StoreError):
        load_reference_weights(tmp_path / "linear.pt")


class Harm:
    """What a pickle can do when it is loaded."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path(self.target),))

    def __init__(self, target: Path) -> None:
        self.target = str(target)


def test_no_pickle_is_run(tmp_path: Path) -> None:
    target = tmp_path / "harm"
    torch.save({"fc.weight": Harm(target)}, tmp_path / "evil.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Harm(target)))
    for name in ("evil.pt", "plain.pt"):
        with refused(name, "weights", error=StoreError):
            load_reference_weights(tmp_path / name)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"epoch,loss\n1,2\n"])
def test_a_file_that_holds_no_weights_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "best.pt").write_bytes(content)
    with refused("best.pt", "weights", error=StoreError):
        load_reference_weights(tmp_path / "best.pt")


def test_a_file_that_is_not_there_or_holds_a_whole_model(tmp_path: Path) -> None:
    with refused("`path`", "nowhere.pt", error=StoreError):
        load_reference_weights(tmp_path / "nowhere.pt")
    torch.save([torch.zeros(3)], tmp_path / "list.pt")
    with refused("list.pt", "state dict", "got a list", error=StoreError):
        load_reference_weights(tmp_path / "list.pt")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"tasks": ("season",)}, ("`tasks`", "2 different names", "season")),
        ({"tasks": ("season", "season")}, ("`tasks`", "2 different names")),
        ({"classes": ["a", "b"]}, ("`classes`", "4 different", "'class'")),
        ({"classes": {"clas": ["a", "b"]}}, ("`classes`", "['class']", "clas")),
        ({"channels": ["dew"]}, ("`channels`", "4 different names", "dew")),
    ],
)
def test_what_the_user_adds_must_fit(
    tmp_path: Path, options: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with refused(*parts, error=DataError):
        load_reference_weights(stored(trained_like(), tmp_path), **options)
