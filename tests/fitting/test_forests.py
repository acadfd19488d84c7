"""Trees as a part: grown on each task's labelled rows, chosen on the validation set, stored."""

from __future__ import annotations

import dataclasses
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from makers import make_arrays, make_samples, small
from multitide import MultiTaskEstimator, Samples
from multitide._plan_fit import plan_fit
from multitide.backbones import Trees
from multitide.data._data_sets import DataSets
from multitide.encodings._inputs import Inputs
from multitide.errors import DataError, ParameterError, StoreError
from multitide.fitting._grow_trees import Rows, grow_trees
from multitide.fitting._grown_boosting import GrownBoosting
from multitide.fitting._grown_trees import GrownForest
from multitide.model._store import (
    MODEL_FILE,
    WEIGHTS_FILE,
    _record_hash,
    _sha256,
)
from multitide.network._forest import Forest
from multitide.network._forest_head import ForestHead
from multitide.sharing import Hard
from multitide.tasks import Classification, Forecast, MultiLabel, Regression
from multitide.training._settings import Training
from refusals import refused

KINDS = ("extra_trees", "boosting")
every_kind = pytest.mark.parametrize("kind", KINDS)


def trees(kind: str = "extra_trees", **params: Any) -> Trees:
    """Return few small trees."""
    own = {"n_trees": 12, "n_levels": 2}
    if kind == "boosting":
        own["min_samples_leaf"] = 5
    return Trees(kind=kind, **(own | params))  # type: ignore[arg-type]


def gappy(n: int = 96, missing: float = 0.3, seed: int = 0) -> Samples:
    """Return series of unequal length with missing steps, and static inputs."""
    rng = np.random.default_rng(seed)
    X, y = make_arrays(n, seed=seed)
    X[rng.random(X.shape) < missing] = np.nan
    series = [x[:, : rng.integers(1, 21)] for x in X]
    static = pd.DataFrame(
        {
            "site": rng.choice(["north", "south"], n),
            "age": rng.normal(50, 9, n).round(1),
        }
    )
    static.loc[3, "age"] = np.nan
    return Samples.from_arrays(series, y, static=static)


def heads(estimator: MultiTaskEstimator) -> dict[str, ForestHead]:
    found = {}
    for network in estimator.model_.network_list:
        for name, head in zip(network.names, network.heads, strict=True):
            assert isinstance(head, ForestHead)
            found[name] = head
    return found


def losses(estimator: MultiTaskEstimator, samples: Samples) -> pd.Series:
    table = estimator.evaluate(samples)
    return table[table["metric"] == "loss"].set_index("task")["value"]


@every_kind
@pytest.mark.parametrize("sharing", ["hard", "none"])
def test_trees_learn_classes_and_numbers(kind: str, sharing: str) -> None:
    estimator = small(backbone=trees(kind), sharing=sharing).fit(make_samples(200))
    assert (losses(estimator, make_samples(200, missing=0, seed=0)) < 0.5).all()
    history = estimator.history_.set_index(["task", "side"])["loss"]
    assert set(history.index) == {
        (task, side) for task in ("state", "load") for side in ("train", "validation")
    }
    assert (history < 1).all()
    assert estimator.best_epoch_ == {"state": 1, "load": 1}


@every_kind
def test_the_losses_of_the_history_are_those_of_the_predictions(kind: str) -> None:
    samples, held_out = gappy(), gappy(40, seed=1)
    estimator = small(backbone=trees(kind), training={"calibrate": "none"})
    estimator.fit(samples, validation=held_out)
    history = estimator.history_.set_index(["side", "task"])["loss"]
    for side, each in (("train", samples), ("validation", held_out)):
        found = losses(estimator, each)
        for task in ("state", "load"):
            assert history[side, task] == pytest.approx(found[task], rel=1e-5)


@every_kind
def test_a_stored_model_predicts_the_same_bits(kind: str, tmp_path: Path) -> None:
    samples = gappy()
    estimator = small(backbone=trees(kind)).fit(samples)
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(
        loaded.predict(samples), estimator.predict(samples), check_exact=True
    )
    before, after = estimator.predict_proba(samples), loaded.predict_proba(samples)
    pd.testing.assert_frame_equal(after["state"], before["state"], check_exact=True)
    assert loaded.backbone == estimator.backbone


@every_kind
def test_the_same_seed_gives_the_same_trees(kind: str) -> None:
    samples = make_samples()
    found = []
    for seed in (0, 0, 1):
        # Boosting draws nothing, but the validation set depends on the seed, too.
        estimator = small(backbone=trees(kind), random_state=seed).fit(samples)
        found.append(estimator.predict(samples)["load"].to_numpy())
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


@every_kind
def test_a_prediction_does_not_depend_on_the_other_series(kind: str) -> None:
    samples = gappy()
    estimator = small(backbone=trees(kind)).fit(samples)
    together = estimator.predict(samples)
    for row in (0, 5, 17):
        alone = estimator.predict(samples[[row]])
        pd.testing.assert_frame_equal(
            alone, together.iloc[[row]].reset_index(drop=True), check_exact=True
        )


def test_the_trees_are_those_of_scikit_learn_on_the_features() -> None:
    samples = gappy()
    spec = trees(min_samples_leaf=3)
    estimator = small(backbone=spec, tasks=["state"], validation=None).fit(samples)
    (network,) = estimator.model_.network_list
    static = torch.tensor(network.encode_static(samples))
    x = torch.tensor(samples.gather(slice(None)))
    (features,) = network.features(x, torch.tensor(samples.lengths), static)
    rows = np.flatnonzero(samples.y["state"].notna())
    differs = pd.DataFrame(features.numpy()[rows]).nunique(dropna=False) > 1
    read = features.numpy()[:, differs]
    model = ExtraTreesClassifier(
        12,
        criterion="entropy",
        max_depth=24,
        max_features=0.1,
        min_samples_leaf=3,
        random_state=0,
    ).fit(read[rows], samples.y["state"].iloc[rows])
    found = heads(estimator)["state"].forest(features).numpy()
    np.testing.assert_allclose(found, model.predict_proba(read), atol=1e-6)
    # The best constant counts like one more tree.
    share = (samples.y["state"].iloc[rows] == "high").mean()
    mixed = (12 * found[:, 0] + share) / 13
    np.testing.assert_allclose(
        estimator.predict_proba(samples)["state"]["high"], mixed, atol=1e-6
    )


@every_kind
def test_each_task_is_grown_on_its_labelled_rows_only(kind: str) -> None:
    samples = make_samples()
    both = small(backbone=trees(kind), validation=None).fit(samples)
    only = small(backbone=trees(kind), validation=None, tasks=["load"]).fit(
        samples.replace(y=samples.y[["load"]])
    )
    np.testing.assert_array_equal(
        both.predict(samples)["load"], only.predict(samples)["load"]
    )


@pytest.mark.slow
@every_kind
def test_class_weights_reach_the_trees(kind: str) -> None:
    X, y = make_arrays(200, missing=0)
    rng = np.random.default_rng(0)
    noisy = X[:, 0].mean(1) + rng.normal(size=200) > 0.9
    y = pd.DataFrame({"rare": np.where(noisy, "yes", "no")})
    shares = []
    for weight in (None, "balanced"):
        task = Classification("rare", class_weight=weight)
        spec = trees(kind, min_samples_leaf=20)
        fitted = small(tasks=[task], backbone=spec, validation=None).fit(X, y)
        shares.append(fitted.predict_proba(X)["rare"]["yes"].mean())
    assert shares[0] + 0.1 < shares[1]


@every_kind
def test_label_smoothing_limits_the_probabilities(kind: str) -> None:
    samples = make_samples(missing=0)
    task = Classification("state", label_smoothing=0.2)
    spec = trees(kind, n_trees=60)
    fitted = small(tasks=[task], backbone=spec, validation=None).fit(samples)
    probabilities = fitted.predict_proba(samples)["state"].to_numpy()
    assert probabilities.min() >= 0.1 - 1e-6
    assert probabilities.min() < 0.15


def test_no_class_is_impossible() -> None:
    samples = make_samples()
    fitted = small(backbone=trees(), validation=None).fit(samples)
    assert fitted.predict_proba(samples)["state"].to_numpy().min() > 0.01


def test_validation_chooses_large_leaves_for_noise_and_small_ones_for_signal() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2, 8)).astype(np.float32)
    clear = X[:, 0, -1]
    y = pd.DataFrame({"clear": clear, "noisy": clear + 3 * rng.normal(size=300)})
    spec = trees(max_features=1.0, n_levels=3)
    found = heads(small(backbone=spec, validation=0.4).fit(X, y))
    clear_shape, noisy_shape = found["clear"].forest.shape, found["noisy"].forest.shape
    assert noisy_shape.n_nodes < clear_shape.n_nodes / 2


def test_validation_chooses_the_number_of_boosted_trees() -> None:
    samples = make_samples(120)
    X, y = samples.gather(slice(None)), samples.y
    rng = np.random.default_rng(0)
    y = y.assign(noise=rng.normal(size=120))
    found = heads(small(backbone=trees("boosting", n_trees=40)).fit(X, y))
    assert found["noise"].forest.shape.n_trees < found["load"].forest.shape.n_trees
    fixed = small(backbone=trees("boosting", n_trees=7), validation=None).fit(X, y)
    assert heads(fixed)["load"].forest.shape.n_trees == 7


@every_kind
def test_a_refit_keeps_the_choices_and_reads_all_rows(kind: str) -> None:
    samples = make_samples()
    spec, refit = trees(kind), Training(refit=True)
    plain = small(backbone=spec).fit(samples)
    again = small(backbone=spec, training=refit).fit(samples)
    for name, head in heads(again).items():
        first = heads(plain)[name]
        assert head.share == first.share
        if kind == "boosting":
            assert head.forest.shape.n_trees == first.forest.shape.n_trees
    columns = ["task", "side", "loss"]
    pd.testing.assert_frame_equal(plain.history_[columns], again.history_[columns])
    assert (plain.predict(samples)["load"] != again.predict(samples)["load"]).any()


def test_missing_values_are_read_and_not_imputed() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2, 10)).astype(np.float32)
    silent = rng.random(120) < 0.5
    X[silent, 1] = np.nan  # imputed, this channel would be an ordinary one
    y = pd.DataFrame({"silent": silent})
    fitted = small(backbone=trees(max_features=0.5)).fit(X, y)
    assert (fitted.predict(X)["silent"] == silent).all()


def test_encodings_and_vectors_are_read() -> None:
    samples = make_samples(unequal=True)
    inputs = Inputs(
        encodings=("difference",), observed=True, elapsed=True, clip=0.01, scale="none"
    )
    fitted = small(backbone=trees(), inputs=inputs).fit(samples)
    assert (losses(fitted, samples) < 0.5).all()
    X, y = make_arrays()
    vectors = X.mean(axis=2, keepdims=True)
    assert (
        losses(small(backbone=trees()).fit(vectors, y), Samples.from_arrays(vectors, y))
        < 0.5
    ).all()


def test_constant_series_give_the_constant() -> None:
    X, y = make_arrays(40, missing=0)
    fitted = small(backbone=trees(), validation=None).fit(np.ones_like(X), y)
    frequency = (y["state"] == "high").mean()
    proba = fitted.predict_proba(X)["state"]["high"]
    np.testing.assert_allclose(proba, frequency, atol=1e-6)
    np.testing.assert_allclose(fitted.predict(X)["load"], y["load"].mean(), rtol=1e-5)


def test_of_very_many_rows_evenly_spaced_ones_are_read(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    samples = make_samples()
    (network,) = small(backbone=trees()).fit(samples).model_.network_list
    n_features = network.sharing.n_features
    monkeypatch.setattr("multitide.fitting._forests.MOST_VALUES", 30 * n_features)
    with caplog.at_level("INFO", logger="multitide"):
        small(backbone=trees()).fit(samples)
    assert "Trees read 30 of" in caplog.text


# -- out of bag ------------------------------------------------------------------------------------


def test_rows_that_a_tree_has_not_drawn_choose_without_a_validation_set() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2, 8)).astype(np.float32)
    clear = X[:, 0, -1]
    y = pd.DataFrame({"clear": clear, "noise": rng.normal(size=300)})
    spec = trees(bootstrap=True, max_features=1.0, n_trees=40)
    fitted = small(backbone=spec, validation=None).fit(X, y)
    history = fitted.history_.set_index(["side", "task"])["loss"]
    assert history["validation", "clear"] < 0.4
    assert 0.9 < history["validation", "noise"] < 1.1 < 2 * history["train", "noise"]
    assert heads(fitted)["noise"].share > 0.1
    # As honest as on new rows:
    X = rng.normal(size=(2000, 2, 8)).astype(np.float32)
    fresh = Samples.from_arrays(
        X, pd.DataFrame({"clear": X[:, 0, -1], "noise": np.nan})
    )
    found = fitted.evaluate(fresh).query("task == 'clear' and metric == 'loss'")
    # Out of bag, a third of the trees answer a row; the losses are those of other rows.
    ratio = history["validation", "clear"] / found["value"].item()
    assert 0.6 < ratio < 1.7


def test_out_of_bag_answers_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5)).astype(np.float32)
    model = ExtraTreesRegressor(9, bootstrap=True, oob_score=True, random_state=0)
    with warnings.catch_warnings(action="ignore"):  # some rows are in every bag
        model.fit(x, x[:, 0])
    ((_, answers),) = GrownForest(model, np.arange(5), 5, (2,)).out_of_bag(x)
    known = ~np.isnan(answers[:, 0])
    assert 0 < (~known).sum() < 10
    np.testing.assert_allclose(
        answers[known, 0], model.oob_prediction_[known], atol=1e-6
    )


def test_windows_of_one_series_do_not_choose_out_of_bag() -> None:
    samples = make_samples()
    windows = samples.replace(series=np.repeat(np.arange(48), 2))
    spec = trees(bootstrap=True)
    fitted = small(backbone=spec, validation=None).fit(windows)
    assert set(fitted.history_["side"]) == {"train"}


def test_leaves_of_drawn_rows_answer_with_their_known_labels() -> None:
    samples = several()
    spec = trees(bootstrap=True, n_trees=40, max_features=0.5)
    fitted = small(tasks=SEVERAL, backbone=spec, validation=None).fit(samples)
    history = fitted.history_.set_index(["side", "task"])["loss"]
    for task in ("flags", "next"):
        assert history["train", task] < history["validation", task] < 0.8


# -- several labels per row ------------------------------------------------------------------------

SEVERAL = [MultiLabel("flags", columns=["up", "wide"]), Forecast("next", horizon=3)]


def several(n: int = 160, missing: float = 0.3) -> Samples:
    """Return series with two yes/no labels and three steps to forecast, each missing on its own."""
    rng = np.random.default_rng(0)
    X, _ = make_arrays(n)
    level = X.mean(axis=2)
    y = pd.DataFrame({"up": level[:, 0] > 0, "wide": level[:, 1] > 0}, dtype=object)
    for step in (1, 2, 3):
        y[f"next[+{step}]"] = 50 + step * level[:, 2] + 0.1 * rng.normal(size=n)
    return Samples.from_arrays(X, y.mask(rng.random(y.shape) < missing))


@every_kind
def test_trees_answer_several_labels(kind: str, tmp_path: Path) -> None:
    samples = several()
    spec = trees(kind, n_trees=30)
    estimator = small(tasks=SEVERAL, backbone=spec).fit(samples)
    assert (losses(estimator, samples) < 0.5).all()
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    predicted = estimator.predict(samples)
    pd.testing.assert_frame_equal(loaded.predict(samples), predicted)
    assert list(predicted) == ["up", "wide", "next[+1]", "next[+2]", "next[+3]"]
    probabilities = estimator.predict_proba(samples)["flags"].to_numpy()
    assert 0 < probabilities.min() < 0.1


@pytest.mark.parametrize(
    ("spec", "n_features", "share"),
    [
        (Trees(kind="boosting"), 3, 1.0),
        (Trees(kind="boosting"), 12, 0.5),
        (Trees(kind="boosting"), 400, 0.2),
        (Trees(kind="boosting", max_features=0.7), 400, 0.7),
    ],
)
def test_each_split_of_boosting_is_chosen_among_some_features(
    spec: Trees, n_features: int, share: float
) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, n_features)).astype(np.float32)
    labels = pd.DataFrame({"load": features[:, 0] + rng.normal(size=60)})
    target = Regression("load").fit_target(labels)
    codes = target.encode(labels)
    rows = Rows(features, codes, labels["load"].to_numpy())
    grown = grow_trees(dataclasses.replace(spec, n_trees=5), target, rows, (5,), 0)
    expected = HistGradientBoostingRegressor(
        max_iter=5,
        max_depth=24,
        min_samples_leaf=3,
        max_features=share,
        max_bins=63,
        random_state=0,
    )
    expected.fit(features, codes)
    assert isinstance(grown, GrownBoosting)
    *_, found = grown._parts[0].stages(features, yes_only=False)
    np.testing.assert_allclose(found[:, 0], expected.predict(features))


def features_of_rows(estimator: MultiTaskEstimator, samples: Samples) -> np.ndarray:
    (network,) = estimator.model_.network_list
    (features, *_) = network.features(torch.tensor(samples.gather(slice(None))))
    return features.numpy()


def test_boosted_labels_are_those_of_scikit_learn_on_their_known_rows() -> None:
    samples = several()
    spec = trees("boosting", min_samples_leaf=5, max_features=1.0)
    estimator = small(tasks=SEVERAL, backbone=spec, validation=None).fit(samples)
    read = features_of_rows(estimator, samples)
    shared = {"max_iter": 12, "max_depth": 24, "min_samples_leaf": 5, "max_bins": 63}
    probabilities = estimator.predict_proba(samples)["flags"]
    for label in ("up", "wide"):
        known = samples.y[label].notna().to_numpy()
        answers = samples.y[label][known].astype(bool)
        model = HistGradientBoostingClassifier(early_stopping=False, **shared)
        expected = model.fit(read[known], answers).predict_proba(read)[:, 1]
        np.testing.assert_allclose(probabilities[label], expected, atol=1e-6)
    found = heads(estimator)["next"].forest(torch.from_numpy(read)).numpy()
    numbers = samples.y.filter(like="next").to_numpy(float)
    codes = (numbers - np.nanmean(numbers)) / np.nanstd(numbers)
    for step, labels in enumerate(codes.astype(np.float32).T):
        known = ~np.isnan(labels)
        model = HistGradientBoostingRegressor(early_stopping=False, **shared)
        expected = model.fit(read[known], labels[known]).predict(read)
        np.testing.assert_allclose(found[:, step], expected, atol=1e-6)


def test_a_step_without_a_label_has_the_constant() -> None:
    samples = several()
    hidden = samples.replace(y=samples.y.assign(**{"next[+2]": np.nan}))
    task = SEVERAL[1]
    fitted = small(tasks=[task], backbone=trees("boosting"), validation=None)
    predicted = fitted.fit(hidden).predict(samples)
    known = hidden.y.filter(like="next").to_numpy(float)
    np.testing.assert_allclose(predicted["next[+2]"], np.nanmean(known), rtol=1e-5)
    assert predicted["next[+1]"].nunique() > 10


def test_labels_of_one_answer_have_their_share() -> None:
    """Of very many rows only some are read, and a rare answer may be in none of them."""
    samples = several()
    target = SEVERAL[0].fit_target(samples.y[["up", "wide"]])
    read = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    codes = np.stack([np.ones(40), read[:, 0] > 0], axis=1)
    grown = grow_trees(trees("boosting"), target, Rows(read, codes, codes), (5,), 0)
    forest = Forest.of(grown.arrays(5), 3)
    found = forest(torch.from_numpy(read)).sigmoid().numpy()
    np.testing.assert_allclose(found[:, 0], target.constant(1)[0, 0], atol=1e-6)
    assert found[:, 1].std() > 0.1


def test_complete_forecasts_are_those_of_scikit_learn() -> None:
    samples = several(missing=0)
    spec = trees(min_samples_leaf=4)
    estimator = small(tasks=SEVERAL[1:], backbone=spec, validation=None).fit(samples)
    (network,) = estimator.model_.network_list
    (features,) = network.features(torch.tensor(samples.gather(slice(None))))
    differs = pd.DataFrame(features.numpy()).nunique(dropna=False) > 1
    read, labels = features.numpy()[:, differs], samples.y.filter(like="next")
    model = ExtraTreesRegressor(
        12, max_depth=24, max_features=0.1, min_samples_leaf=4, random_state=0
    ).fit(read, (labels - labels.to_numpy().mean()) / labels.to_numpy().std())
    found = heads(estimator)["next"].forest(features).numpy()
    np.testing.assert_allclose(found, model.predict(read), atol=1e-6)


def test_leaves_answer_with_the_known_labels_of_their_rows() -> None:
    samples = several()
    spec = trees(n_trees=1, max_depth=3)
    estimator = small(tasks=SEVERAL[1:], backbone=spec, validation=None).fit(samples)
    (network,) = estimator.model_.network_list
    (features,) = network.features(torch.tensor(samples.gather(slice(None))))
    leaf = heads(estimator)["next"].forest.leaves(features).numpy()
    predicted = estimator.predict(samples)
    for step in predicted:
        means = samples.y[step].astype(float).groupby(leaf).mean()
        known = means[leaf].notna().to_numpy()
        assert known.mean() > 0.9
        np.testing.assert_allclose(
            predicted[step][known], means[leaf][known], rtol=1e-5
        )


# -- quantiles -------------------------------------------------------------------------------------


def test_boosted_quantiles_are_those_of_scikit_learn(tmp_path: Path) -> None:
    samples = make_samples(200)
    levels = (0.1, 0.5, 0.8)
    task = Regression("load", loss="quantile", quantiles=levels)
    spec = trees("boosting", n_trees=30, max_features=1.0)
    estimator = small(tasks=[task], backbone=spec, validation=None).fit(samples)
    read = features_of_rows(estimator, samples)
    known = samples.y["load"].notna().to_numpy()
    labels = samples.y["load"][known].astype(float)
    codes = ((labels - labels.mean()) / labels.std(ddof=0)).astype(np.float32)
    expected = []
    for level in levels:
        model = HistGradientBoostingRegressor(
            loss="quantile",
            quantile=level,
            max_iter=30,
            max_depth=24,
            min_samples_leaf=5,
            max_bins=63,
            early_stopping=False,
        )
        expected.append(model.fit(read[known], codes).predict(read))
    numbers = np.sort(np.stack(expected, axis=1), axis=1)
    apart = (np.diff(numbers) > 1e-3).all(axis=1)
    assert apart.mean() > 0.8
    found = estimator.predict_quantiles(samples)["load"].to_numpy()
    codes_found = (found - labels.mean()) / labels.std(ddof=0)
    np.testing.assert_allclose(codes_found[apart], numbers[apart], atol=2e-6)
    assert (np.diff(found) > 0).all()
    loaded = MultiTaskEstimator.load(estimator.save(tmp_path / "model"))
    again = loaded.predict_quantiles(samples)["load"].to_numpy()
    np.testing.assert_array_equal(again, found)


def test_intervals_of_boosted_quantiles_are_wide_where_the_noise_is_large() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 1, 6)).astype(np.float32)
    spread = np.where(X[:, 0, -1] > 0, 3.0, 0.5)
    y = pd.DataFrame({"load": X[:, 0, 0] + spread * rng.normal(size=900)})
    task = Regression("load", loss="quantile", quantiles=(0.1, 0.5, 0.9))
    spec = trees("boosting", n_trees=60, min_samples_leaf=20, max_leaf_nodes=4)
    fitted = small(tasks=[task], backbone=spec).fit(X[:600], y[:600])
    held_out = Samples.from_arrays(X[600:], y[600:])
    table = fitted.evaluate(held_out).set_index("metric")["value"]
    assert table["coverage"] == pytest.approx(0.8, abs=0.1)
    assert table["loss"] < 0.95
    quantiles = fitted.predict_quantiles(held_out)["load"]
    width = (quantiles[0.9] - quantiles[0.1]).to_numpy()
    wide = X[600:, 0, -1] > 0
    assert width[wide].mean() > 2 * width[~wide].mean()


# -- wrong input -----------------------------------------------------------------------------------


def test_quantiles_by_extra_trees_are_refused_before_training() -> None:
    samples = make_samples(40)
    params = small(
        tasks=[Regression("load", loss="quantile")], backbone=trees()
    ).get_params(deep=False)
    with refused("`tasks`", "'load' (regression)", "Use kind='boosting'"):
        plan_fit(params, DataSets(samples), {})


@pytest.mark.parametrize(
    ("params", "parts"),
    [
        ({"backbone": Trees(learning_rate=0.3)}, ["`backbone.learning_rate`", "0.3"]),
        ({"backbone": Trees(max_leaf_nodes=5)}, ["`backbone.max_leaf_nodes`", "5"]),
        (
            {"backbone": Trees(kind="boosting", bootstrap=True)},
            ["`backbone.bootstrap`", "True"],
        ),
        ({"backbone": Trees(kind="oak")}, ["`backbone.kind`", "'oak'"]),  # type: ignore[arg-type]
        ({"backbone": Trees(max_depth=0)}, ["`backbone.max_depth`", "got 0"]),
        (
            {"backbone": "trees", "sharing": "soft"},
            ["`sharing`", "with backbone 'trees'"],
        ),
        (
            {"backbone": "trees", "sharing": Hard(head_units=3)},
            ["`sharing`", "without `head_units`"],
        ),
        (
            {"backbone": "trees", "aggregator": "pcgrad"},
            ["`aggregator` must be None", "'trees'"],
        ),
        (
            {"backbone": "trees", "inputs": Inputs(impute="zero")},
            ["`inputs.impute`", "reads missing values", "'zero'"],
        ),
        (
            {"backbone": "trees", "training": Training(pretrain=("load",))},
            ["`training.start` and `pretrain`", "'trees'"],
        ),
    ],
)
def test_what_trees_do_not_use_is_refused(params: Any, parts: list[str]) -> None:
    with refused(*parts, error=ParameterError):
        small(**params).fit(make_samples(40))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("models") / "model"
    return small(backbone=trees()).fit(make_samples()).save(place)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_nodes", 10**12),
        ("n_nodes", 1),
        ("n_trees", 11),
        ("n_trees", 0),
        ("n_groups", 2),
        ("n_values", 3),
        ("averaged", False),
        ("start", 0),
        ("start", 10**6),
        (None, []),
        (None, [{}]),
    ],
)
def test_a_record_of_other_trees_is_refused(
    folder: Path, tmp_path: Path, field: str | None, value: object
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    record = json.loads((folder / MODEL_FILE).read_text("utf-8"))
    if field is None:
        record["networks"][0]["forests"] = value
    else:
        record["networks"][0]["forests"][0][field] = value
    rewrite(tmp_path / "model", record)
    with refused(str(tmp_path / "model"), error=StoreError):
        MultiTaskEstimator.load(tmp_path / "model")


def test_stored_arrays_that_are_no_trees_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "model")
    path = tmp_path / "model" / WEIGHTS_FILE
    weights = safetensors.torch.load_file(path)
    weights["0.heads.0.forest.feature"] += 10**6
    safetensors.torch.save_file(weights, path)
    record = json.loads((folder / MODEL_FILE).read_text("utf-8"))
    record["weights_sha256"] = _sha256(path.read_bytes())
    rewrite(tmp_path / "model", record)
    with refused("do not fit", "reads a feature", error=StoreError):
        MultiTaskEstimator.load(tmp_path / "model")


def rewrite(folder: Path, record: dict[str, Any]) -> None:
    """Write a record with its hash computed again."""
    record["sha256"] = _record_hash(record)
    (folder / MODEL_FILE).write_text(json.dumps(record), "utf-8")


def test_other_channels_are_refused(folder: Path) -> None:
    X, _ = make_arrays(n_channels=2)
    with refused("`X`", error=DataError):
        MultiTaskEstimator.load(folder).predict(X)
