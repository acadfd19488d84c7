"""The backbone "auto": a network and boosted trees; the validation set chooses per task."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import multitide as mt
from makers import make_samples
from multitide import MultiTaskEstimator
from multitide._network_or_default import network_or_default
from multitide.backbones import FCN, LSTMFCN, Trees
from multitide.backbones._linear import Linear
from multitide.data._samples import Samples
from multitide.errors import StoreError
from multitide.fitting._auto_backbone import boosted_trees
from multitide.fitting._choose_fits import GroupFit, choose_fits
from multitide.fitting._training_length import resolve_max_epochs
from multitide.model._store import _record_hash
from multitide.representations import MiniRocket
from multitide.training._trainer import Trainer

SAMPLES = make_samples()


def auto(**params: Any) -> MultiTaskEstimator:
    settings: dict[str, Any] = {"max_epochs": 2, "random_state": 0, "verbose": 0}
    return MultiTaskEstimator(**(settings | params))


@pytest.fixture(scope="module")
def fitted() -> MultiTaskEstimator:
    return auto().fit(SAMPLES)


def test_it_is_the_default() -> None:
    assert MultiTaskEstimator().backbone == "auto"


def test_the_candidates_and_the_choice_are_told(fitted: MultiTaskEstimator) -> None:
    table = fitted.candidates_
    assert list(table["task"]) == ["state", "state", "load", "load"]
    assert set(table["candidate"]) == {"lstm_fcn", "boosting"}
    means = table.groupby("candidate")["loss"].mean()
    chosen = table[table["chosen"]]
    assert list(chosen["candidate"]) == [means.idxmin()] * 2  # few labels


def test_with_many_labels_each_task_has_its_own_choice() -> None:
    estimator = auto(validation=0.5).fit(make_samples(1200))
    for _, rows in estimator.candidates_.groupby("task"):
        assert rows["chosen"].sum() == 1
        assert rows["loss"][rows["chosen"]].item() == rows["loss"].min()


def test_it_predicts_as_the_chosen_candidate_alone(fitted: MultiTaskEstimator) -> None:
    alone = {
        "lstm_fcn": auto(backbone="lstm_fcn").fit(SAMPLES),
        "boosting": auto(backbone=boosted_trees(len(SAMPLES), 3)).fit(SAMPLES),
    }
    chosen = fitted.candidates_[fitted.candidates_["chosen"]]
    predicted = fitted.predict(SAMPLES)
    for row in chosen.to_dict("records"):
        expected = alone[row["candidate"]].predict(SAMPLES)[row["task"]]
        pd.testing.assert_series_equal(predicted[row["task"]], expected)


def test_what_was_chosen_is_stored(fitted: MultiTaskEstimator, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = mt.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(SAMPLES), fitted.predict(SAMPLES))
    pd.testing.assert_frame_equal(loaded.candidates_, fitted.candidates_)


def test_the_lowest_validation_loss_chooses() -> None:
    def fit(name: str, losses: dict[str, float], n_labels: int = 200) -> GroupFit:
        history = []
        for task, loss in losses.items():
            for epoch, factor in ((1, 3.0), (2, 1.0)):
                row = {"task": task, "side": "validation", "epoch": epoch}
                history.append(row | {"loss": factor * loss})
        epochs = dict.fromkeys(losses, 2)
        n_validation = dict.fromkeys(losses, n_labels)
        return GroupFit(name, True, [], [], history, [], epochs, n_validation, 1.0)

    network = fit("network", {"a": 0.5, "b": 0.5, "c": 0.5, "d": float("nan")})
    trees = fit("trees", {"a": 0.4, "b": 0.6, "d": 0.9})
    chosen, candidates = choose_fits([network, trees])
    assert chosen == {"a": 1, "b": 0, "c": 0, "d": 1}
    assert [row["task"] for row in candidates] == ["a", "a", "b", "b", "d", "d"]
    few = [
        fit("network", {"a": 0.5, "b": 0.5}, 199),
        fit("trees", {"a": 0.3, "b": 0.6}, 199),
    ]
    assert choose_fits(few)[0] == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    "params",
    [
        {"weighting": "uncertainty"},
        {"aggregator": "pcgrad"},
        {"sharing": "soft"},
        {"validation": None},
        {"training": {"pretrain": ("load",)}},
    ],
    ids=str,
)
def test_trees_are_left_out_where_the_user_chooses_how_tasks_share(
    params: dict[str, Any],
) -> None:
    estimator = auto(**params).fit(SAMPLES)
    assert not len(estimator.candidates_)
    assert len(estimator.model_.network_list) == 1


def test_several_data_sets_have_a_network_only() -> None:
    estimator = auto().fit({"a": SAMPLES, "b": make_samples(seed=1)})
    assert not len(estimator.candidates_)


def test_tasks_that_trees_cannot_answer_have_the_network() -> None:
    tasks = [
        mt.Regression("load", loss="quantile", quantiles=(0.1, 0.5, 0.9)),
        "state",
    ]
    estimator = auto(tasks=tasks).fit(SAMPLES)
    assert set(estimator.candidates_["task"]) == {"state"}
    assert "load" in estimator.model_.predicted[0]


@pytest.mark.parametrize(
    ("n_rows", "n_channels", "trees"),
    [
        (100, 3, Trees(kind="boosting", n_levels=1)),
        (10_000, 3, Trees(kind="boosting", n_levels=1, steps=True)),
        (100, 5, Trees(kind="boosting", n_levels=0)),
    ],
)
def test_the_features_of_the_trees_follow_the_size_of_the_data(
    n_rows: int, n_channels: int, trees: Trees
) -> None:
    assert boosted_trees(n_rows, n_channels) == trees


def test_very_many_channels_have_a_network_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("multitide.fitting._auto_backbone.MOST_CHANNELS", 2)
    assert not len(auto(max_epochs=1).fit(SAMPLES).candidates_)


def test_short_series_are_padded() -> None:
    short = Samples.from_arrays(
        SAMPLES.values.reshape(len(SAMPLES), 20, -1).transpose(0, 2, 1)[:, :, :6],
        SAMPLES.y,
    )
    assert LSTMFCN().min_timepoints > 6
    estimator = auto().fit(short)
    assert estimator.model_.network_list[0].backbone == LSTMFCN(padding="same")


def test_vectors_of_a_representation_get_linear_heads() -> None:
    inputs = {"representation": MiniRocket(n_features=168)}
    estimator = auto(inputs=inputs).fit(SAMPLES)
    assert estimator.model_.network_list[0].backbone == Linear()


def test_a_study_is_about_the_network() -> None:
    assert network_or_default(None, SAMPLES).backbone == LSTMFCN()
    trees = MultiTaskEstimator(backbone=Trees())
    assert network_or_default(trees, SAMPLES) is trees


def test_the_network_stays_for_features_and_as_a_start(tmp_path: Path) -> None:
    """Also where the trees predict all tasks."""
    model = auto(max_epochs=1, lr=1e-9).fit(SAMPLES)
    assert model.model_.predicted == [[], ["state", "load"]]
    features = mt.representations.ModelFeatures(model).fit(SAMPLES).transform(SAMPLES)
    network = model.model_.network_list[0]
    assert features.shape == (len(SAMPLES), network.sharing.n_features)
    started = auto(backbone="lstm_fcn").fit(SAMPLES, start=model)
    assert started.predict(SAMPLES).shape == (len(SAMPLES), 2)
    assert len(mt.gradient_flow(model, SAMPLES).by_step) == 20


def test_a_table_with_the_name_is_the_same() -> None:
    by_table = auto(backbone={"name": "auto"}).fit(SAMPLES)
    assert len(by_table.candidates_) == 4


@pytest.mark.parametrize(
    ("n_rows", "epochs"), [(40, 100), (1280, 75), (25_600, 12), (1_000_000, 12)]
)
def test_the_number_of_epochs_follows_the_steps(n_rows: int, epochs: int) -> None:
    assert resolve_max_epochs("auto", "auto", n_rows) == epochs
    assert resolve_max_epochs(7, "auto", n_rows) == 7


@dataclasses.dataclass
class OwnBackbone(FCN):
    """A backbone that is in no registry."""


def test_a_backbone_of_the_users_own_needs_no_name() -> None:
    estimator = auto(backbone=OwnBackbone(padding="same")).fit(SAMPLES)
    assert len(estimator.predict(SAMPLES)) == len(SAMPLES)


def test_nothing_is_trained_before_the_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that an error or Ctrl-C in them loses nothing."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    trained = []
    monkeypatch.setattr(Trainer, "run", lambda self: trained.append(self))
    monkeypatch.setattr("multitide.fitting._forests.grow_trees", interrupted)
    with pytest.raises(KeyboardInterrupt):
        auto().fit(SAMPLES)
    assert not trained


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.append(rows[0]),
        lambda rows: rows[0].update(task="other"),
        lambda rows: [row.update(chosen=True) for row in rows],
        lambda rows: [row.update(chosen=False) for row in rows],
    ],
    ids=["twice", "unknown task", "all chosen", "none chosen"],
)
def test_altered_candidates_are_refused(
    fitted: MultiTaskEstimator, tmp_path: Path, change: Callable[[list[Any]], object]
) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    record = json.loads(path.read_text())
    change(record["candidates"])
    record["sha256"] = _record_hash(record)
    path.write_text(json.dumps(record))
    with pytest.raises(StoreError, match="candidates"):
        mt.load(tmp_path / "model")


def test_a_network_without_its_trees_is_refused(
    fitted: MultiTaskEstimator, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    record = json.loads(path.read_text())
    record["networks"][0]["backbone"] = {"name": "trees"}
    record["networks"][0]["forests"] = []
    record["sha256"] = _record_hash(record)
    path.write_text(json.dumps(record))
    with pytest.raises(StoreError, match="has trees if its backbone is 'trees'"):
        mt.load(tmp_path / "model")
