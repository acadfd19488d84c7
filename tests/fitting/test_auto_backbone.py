"""The backbone "auto": a network and boosted trees; the validation set chooses per task."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import multitide as mt
from makers import FEW_BOOSTED, a_third_now, make_samples
from multitide import MultiTaskEstimator
from multitide._network_or_default import network_or_default
from multitide.backbones import FCN, GRU, LSTMFCN, Trees
from multitide.backbones._linear import Linear
from multitide.data._data_sets import DataSets
from multitide.data._samples import Samples
from multitide.encodings import Inputs
from multitide.errors import StoreError
from multitide.fitting import _auto_backbone, _cross_fit, _weigh_fits
from multitide.fitting._auto_backbone import boosted_trees, forest_for_many
from multitide.fitting._held_out import HeldOut, shares_of_fits
from multitide.fitting._training_length import resolve_max_epochs
from multitide.model._sizes import sizes_by_task, tasks_without_epochs
from multitide.model._store import _record_hash
from multitide.network._network import Network, Predictor
from multitide.representations import MiniRocket
from multitide.training._decode_samples import decode_samples
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


def test_the_candidates_and_their_weights_are_told(fitted: MultiTaskEstimator) -> None:
    table = fitted.candidates_
    assert list(table["task"]) == ["state"] * 6 + ["load"] * 6
    trees = ["boosting", "boosting, leaves of 20"]
    trees += ["extra_trees, quantiles", "extra_trees"]
    names = ["lstm_fcn", *trees, "rocket"]
    assert list(table["candidate"]) == names * 2
    sums = table.groupby("task")["weight"].sum()
    assert sums.tolist() == pytest.approx([1, 1])
    assert (table.groupby("task")["mean_loss"].nunique() == 1).all()


@pytest.mark.usefixtures("quick_learners")
def test_few_rows_are_also_judged_by_the_fits_of_folds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judged = []

    def shares(
        parts: list[HeldOut], seed: int, crossed: list[HeldOut | None]
    ) -> tuple[list[float], float]:
        judged.append([part is not None and len(part.truth) for part in crossed])
        return shares_of_fits(parts, seed, crossed)

    monkeypatch.setattr(_weigh_fits, "shares_of_fits", shares)
    monkeypatch.setattr(_cross_fit, "MOST_ROWS", 200)
    fitted = auto(max_epochs=1).fit(SAMPLES)
    for task, rows in zip(("state", "load"), judged, strict=True):
        n_train = fitted.n_labelled_[task]["train"]
        assert rows == [False, *[n_train] * 5]  # not the network
    monkeypatch.setattr(_cross_fit, "MOST_ROWS", 0)
    auto(max_epochs=1).fit(SAMPLES)
    assert judged[2:] == [[False] * 6] * 2


def with_shares(
    monkeypatch: pytest.MonkeyPatch, of_trees: float, **params: Any
) -> MultiTaskEstimator:
    """Return a default whose trees have this weight."""

    def shares(
        parts: list[HeldOut], seed: int, crossed: list[HeldOut | None]
    ) -> tuple[list[float], float]:
        return [1 - of_trees, of_trees], 0.5

    monkeypatch.setattr(_weigh_fits, "shares_of_fits", shares)
    monkeypatch.setattr(_auto_backbone, "boosted_trees", lambda *sizes: FEW_BOOSTED)
    for name in ("FEW_LABELS", "MANY_LABELS"):  # one group of trees
        monkeypatch.setattr(_auto_backbone, name, 0)
    return auto(**params).fit(SAMPLES)


def decoded(model: MultiTaskEstimator | Network) -> dict[str, np.ndarray]:
    if isinstance(model, Network):
        predictor = Predictor([model], [model.names])
        return decode_samples(predictor, SAMPLES, torch.device("cpu"), "")
    (by_task,) = model.decode_data_sets(DataSets(SAMPLES)).values()
    return by_task


@pytest.mark.parametrize("refit", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_it_predicts_the_weighted_mean(
    refit: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    training = {"refit": refit}
    estimator = with_shares(monkeypatch, 0.25, training=training)
    network = auto(backbone="lstm_fcn", training=training).fit(SAMPLES)
    trees = auto(backbone=FEW_BOOSTED, training=training)
    predicted = decoded(estimator)
    of_network, of_trees = decoded(network), decoded(trees.fit(SAMPLES))
    for task in ("state", "load"):
        expected = 0.75 * of_network[task] + 0.25 * of_trees[task]
        np.testing.assert_allclose(predicted[task], expected, rtol=1e-5)
    estimator.save(tmp_path / "model")
    loaded = mt.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(SAMPLES), estimator.predict(SAMPLES))
    pd.testing.assert_frame_equal(loaded.candidates_, estimator.candidates_)
    assert (sizes_by_task(loaded.model_)["shared"] > 0).all()
    assert not tasks_without_epochs(loaded.model_)
    assert loaded.best_epoch_ == network.best_epoch_


@pytest.mark.slow
def test_a_candidate_without_weight_takes_no_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    estimator = with_shares(monkeypatch, 1.0)
    again = {"refit": "trees"}
    trees = auto(backbone=FEW_BOOSTED, training=again).fit(SAMPLES)
    for task, values in decoded(estimator).items():
        np.testing.assert_array_equal(values, decoded(trees)[task])
    assert tasks_without_epochs(estimator.model_) == ["state", "load"]
    only_network = with_shares(monkeypatch, 0.0)
    assert len(only_network.model_.network_list) == 1


@pytest.mark.slow
def test_trees_for_few_labels_are_grown_only_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = SAMPLES.y["load"].notna() & (np.arange(len(SAMPLES)) < len(SAMPLES) // 2)
    samples = SAMPLES.replace(y=SAMPLES.y.assign(load=SAMPLES.y["load"].where(few)))
    n_half = len(SAMPLES) // 2
    for name in ("FEW_LABELS", "MANY_LABELS"):
        monkeypatch.setattr(_auto_backbone, name, n_half + 1)
    table = auto().fit(samples).candidates_
    assert (table["task"] == "state").sum() == 2
    assert (table["task"] == "load").sum() == 6


@pytest.mark.usefixtures("quick_learners")
def test_the_loss_of_the_mean_is_that_of_evaluate() -> None:
    validation = make_samples(80, seed=7)
    raw = {"calibrate": "none"}
    fitted = auto(training=raw).fit(SAMPLES, validation=validation)
    metrics = fitted.evaluate(validation)
    losses = metrics[metrics["metric"] == "loss"].set_index("task")["value"]
    found = fitted.candidates_.groupby("task")["mean_loss"].first()
    # A refit has seen the validation set, which must not change the weights.
    again = auto(training=raw | {"refit": True})
    refitted = again.fit(SAMPLES, validation=validation)
    for task in losses.index:
        assert found[task] == pytest.approx(losses[task], rel=1e-5)
    for name in ("weight", "mean_loss"):
        pd.testing.assert_series_equal(
            refitted.candidates_[name], fitted.candidates_[name]
        )


def test_trees_are_grown_again_on_all_rows_and_own_validation_samples_stay_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule = mt.Splitter(by="random", validation=0.3)
    split = rule.split(SAMPLES)
    train, validation = SAMPLES[split.train], SAMPLES[split.validation]

    def answers(refit: object, **more: Any) -> np.ndarray:
        training = {"refit": refit, "calibrate": "none"}
        estimator = with_shares(monkeypatch, 1.0, training=training)
        return decoded(estimator.fit(train, validation=validation, **more))["load"]

    once, again = answers(False), answers("trees")
    assert (once != again).any()
    np.testing.assert_array_equal(answers("auto"), once)
    held_out_by_the_fit = with_shares(monkeypatch, 1.0)
    not_again = with_shares(monkeypatch, 1.0, training={"refit": False})
    assert (decoded(held_out_by_the_fit)["load"] != decoded(not_again)["load"]).any()


def test_what_the_validation_set_chose_is_that_of_the_first_trees(
    fitted: MultiTaskEstimator,
) -> None:
    once = auto(training={"refit": False}).fit(SAMPLES)
    pd.testing.assert_frame_equal(
        fitted.candidates_.drop(columns="seconds"),
        once.candidates_.drop(columns="seconds"),
    )
    assert fitted.stored_.calibrated == once.stored_.calibrated
    assert fitted.stored_.decisions == once.stored_.decisions
    # Answers for new rows are compared with those for rows that the model had not seen.
    (profile,), (first,) = fitted.stored_.profiles, once.stored_.profiles
    assert profile.columns == first.columns


def held_out(error: float, seed: int) -> HeldOut:
    """Return predictions of 400 numbers with an error of its own."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=400)
    noise = np.random.default_rng(seed).normal(size=400)
    target = mt.Regression("load").fit_target(pd.DataFrame({"load": truth}))
    return HeldOut(target, truth, np.arange(400), truth + error * noise)


def test_the_weights_follow_the_validation_loss() -> None:
    weights, loss = shares_of_fits([held_out(1.0, 1), held_out(1.0, 2)], 0)
    assert weights == pytest.approx([0.5, 0.5], abs=0.1)
    for alone in (held_out(1.0, 1), held_out(1.0, 2)):
        assert loss < 0.7 * alone.loss_of(alone.decoded)
    weights, _ = shares_of_fits([held_out(3.0, 1), held_out(0.1, 2)], 0)
    assert weights == [0.0, 1.0]  # below a twentieth counts as 0
    assert shares_of_fits([held_out(1.0, 1), held_out(1.0, 2)], 0)[0] != [0.0, 1.0]


def test_what_was_chosen_is_stored(fitted: MultiTaskEstimator, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = mt.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(SAMPLES), fitted.predict(SAMPLES))
    pd.testing.assert_frame_equal(loaded.candidates_, fitted.candidates_)


@pytest.mark.slow
def test_without_a_validation_label_the_network_predicts() -> None:
    validation = make_samples(20, seed=3)
    validation = validation.replace(y=validation.y.assign(load=np.nan))
    fitted = auto().fit(SAMPLES, validation=validation)
    weights = fitted.candidates_.set_index(["task", "candidate"])["weight"]
    assert weights["load", "lstm_fcn"] == 1


@pytest.mark.parametrize(
    "params",
    a_third_now(
        [
            {"weighting": "uncertainty"},
            {"aggregator": "pcgrad"},
            {"sharing": "soft"},
            {"validation": None},
            {"training": {"pretrain": ("load",)}},
        ]
    ),
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


def several_labels() -> Samples:
    """Return the samples with a multi-label task and forecasts of a channel."""
    y = SAMPLES.y.copy()
    walk = SAMPLES.gather(slice(None))[:, 0, -1]
    for label in range(8):
        y[f"is_{label}"] = walk > 0.1 * label
    for step in range(1, 7):
        y[f"walk[+{step}]"] = walk + step
        y[f"soon[+{step}]"] = walk - step
    return SAMPLES.replace(y=y, channels=("walk", "b", "c"))


@pytest.mark.usefixtures("quick_learners")
def test_trees_take_part_in_tasks_of_every_kind(tmp_path: Path) -> None:
    samples = several_labels()
    tasks = [
        mt.Regression("load", loss="quantile", quantiles=(0.1, 0.5, 0.9)),
        mt.MultiLabel("few", columns=["is_0", "is_1"]),
        mt.MultiLabel("many", columns=[f"is_{i}" for i in range(2, 8)]),
        mt.Forecast("soon", column="walk", horizon=2),
        mt.Forecast("walk", horizon=6),
    ]
    estimator = auto(tasks=tasks, max_epochs=1).fit(samples)
    found = estimator.candidates_.groupby("task")["candidate"].agg(list)
    boosted = ["lstm_fcn", "boosting", "boosting, leaves of 20"]
    assert found["load"] == boosted
    forests = ["extra_trees, quantiles", "extra_trees"]
    assert found["few"] == found["soon"] == [*boosted, *forests]
    assert found["many"] == found["walk"] == ["lstm_fcn", "extra_trees"]
    # The forecasts are the last value and the number of steps.
    weights = estimator.candidates_.set_index(["task", "candidate"])["weight"]
    assert weights["walk", "extra_trees"] > 0.9
    loaded = mt.load(estimator.save(tmp_path / "model"))
    predicted = estimator.predict(samples)
    pd.testing.assert_frame_equal(loaded.predict(samples), predicted, check_exact=True)


@pytest.mark.usefixtures("quick_learners")
def test_many_quantiles_have_the_network_only() -> None:
    levels = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)
    tasks = [mt.Regression("load", loss="quantile", quantiles=levels), "state"]
    estimator = auto(tasks=tasks, max_epochs=1).fit(SAMPLES)
    assert set(estimator.candidates_["task"]) == {"state"}


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


@pytest.mark.parametrize(
    ("n_rows", "n_channels", "forest"),
    [
        (100, 3, Trees(n_trees=100, max_features=0.3, n_levels=1)),
        (100, 90, Trees(n_trees=100, max_features=0.1, n_levels=0)),
        (
            10_000,
            3,
            Trees(
                n_trees=50,
                min_samples_leaf=5,
                max_features=0.1,
                n_levels=1,
                steps=True,
            ),
        ),
    ],
)
def test_the_forest_for_many_labels_is_smaller_on_larger_data(
    n_rows: int, n_channels: int, forest: Trees
) -> None:
    assert forest_for_many(n_rows, n_channels) == forest


def test_very_many_channels_have_a_network_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("multitide.fitting._auto_backbone.MOST_CHANNELS", 2)
    assert not len(auto(max_epochs=1).fit(SAMPLES).candidates_)


@pytest.mark.slow
def test_short_series_are_padded() -> None:
    short = Samples.from_arrays(
        SAMPLES.values.reshape(len(SAMPLES), 20, -1).transpose(0, 2, 1)[:, :, :6],
        SAMPLES.y,
    )
    assert LSTMFCN().min_timepoints > 6
    estimator = auto().fit(short)
    assert estimator.model_.network_list[0].backbone == LSTMFCN(padding="same")


def with_gaps(share: float) -> Samples:
    samples = make_samples()
    values = samples.values.copy()
    values[np.random.default_rng(0).random(values.shape) < share] = np.nan
    return samples.replace(values=values)


@pytest.mark.usefixtures("quick_learners")
def test_where_much_is_missing_a_gru_reads_what_was_measured(tmp_path: Path) -> None:
    samples = with_gaps(0.5)
    estimator = auto().fit(samples)
    network, *trees = estimator.model_.network_list
    assert isinstance(network.backbone, GRU)
    spec = network.stems[0].inputs.spec
    assert (spec.observed, spec.elapsed, spec.clip) == (True, True, 0.001)
    for each in trees:
        of_trees = each.stems[0].inputs.spec
        assert (of_trees.observed, of_trees.clip) == (False, None)
    loaded = mt.load(estimator.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.predict(samples), estimator.predict(samples))


@pytest.mark.parametrize(
    ("share", "inputs"), [(0.1, None), (0.5, Inputs(impute="mean"))]
)
def test_few_gaps_or_chosen_inputs_keep_the_network(
    share: float, inputs: Inputs | None
) -> None:
    study = network_or_default(MultiTaskEstimator(inputs=inputs), with_gaps(share))
    assert isinstance(study.backbone, LSTMFCN)
    assert study.inputs == inputs


@pytest.mark.parametrize(
    ("n_samples", "n_channels", "is_gru"),
    [(10_000, 3, True), (9_999, 3, False), (10_000, 21, False)],
)
def test_many_samples_of_few_channels_are_encoded_for_a_gru(
    n_samples: int, n_channels: int, is_gru: bool
) -> None:
    series = np.random.default_rng(0).normal(size=(n_samples, n_channels, 12))
    samples = Samples.from_arrays(series, pd.DataFrame({"load": series[:, 0, 0]}))
    study = network_or_default(None, samples)
    assert isinstance(study.backbone, GRU if is_gru else LSTMFCN)
    if is_gru:
        assert isinstance(study.inputs, Inputs)
        assert study.inputs.encodings == ("difference", "piecewise_linear")


def test_a_study_of_series_with_gaps_is_about_the_gru() -> None:
    study = network_or_default(None, with_gaps(0.5))
    assert isinstance(study.backbone, GRU)
    assert isinstance(study.inputs, Inputs)
    assert study.inputs.observed


def test_vectors_of_a_representation_get_linear_heads() -> None:
    inputs = {"representation": MiniRocket(n_features=168)}
    estimator = auto(inputs=inputs).fit(SAMPLES)
    assert estimator.model_.network_list[0].backbone == Linear()


def test_a_study_is_about_the_network() -> None:
    assert network_or_default(None, SAMPLES).backbone == LSTMFCN()
    trees = MultiTaskEstimator(backbone=Trees())
    assert network_or_default(trees, SAMPLES) is trees


@pytest.mark.slow
def test_the_network_stays_for_features_and_as_a_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where the trees predict all tasks."""
    model = with_shares(monkeypatch, 1.0)
    assert model.model_.predicted == [[], ["state", "load"]]
    features = mt.representations.ModelFeatures(model).fit(SAMPLES).transform(SAMPLES)
    network = model.model_.network_list[0]
    assert features.shape == (len(SAMPLES), network.sharing.n_features)
    started = auto(backbone="lstm_fcn").fit(SAMPLES, start=model)
    assert started.predict(SAMPLES).shape == (len(SAMPLES), 2)
    assert len(mt.gradient_flow(model, SAMPLES).by_step) == 20


@pytest.mark.slow
def test_a_table_with_the_name_is_the_same() -> None:
    by_table = auto(backbone={"name": "auto"}).fit(SAMPLES)
    assert len(by_table.candidates_) == 12


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
        lambda rows: [row.update(weight=1.0) for row in rows],
        lambda rows: [row.update(weight=0.0) for row in rows],
    ],
    ids=["twice", "unknown task", "all weights 1", "all weights 0"],
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
