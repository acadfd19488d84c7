"""A forest of arrays answers as scikit-learn's trees on the same features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from multitide.fitting._grown_boosting import BoostedPart, GrownBoosting
from multitide.fitting._grown_trees import GrownForest, rounded_down
from multitide.network._forest import Forest, ForestShape

N_FEATURES = 12
COLUMNS = np.array([0, 2, 3, 5, 6, 7, 9, 11])


def features(n: int, seed: int = 0, missing: float = 0.2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
    x[:, 3] = np.round(x[:, 3])  # values that fall on thresholds
    x[rng.random(x.shape) < missing] = np.nan
    return x


def labels(x: np.ndarray, n_classes: int) -> np.ndarray:
    """Return classes that depend on values and on what is missing; 0 classes: numbers."""
    rng = np.random.default_rng(1)
    score = np.nan_to_num(x[:, 0]) + np.isnan(x[:, 5]) + 0.5 * rng.normal(size=len(x))
    if not n_classes:
        return score
    edges = np.quantile(score, np.linspace(0, 1, n_classes + 1)[1:-1])
    codes: np.ndarray = np.digitize(score, edges)
    return codes


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("n_classes", [0, 2, 5])
@pytest.mark.parametrize("depth", [1, 3, None])
def test_extra_trees_answer_as_in_scikit_learn(
    n_classes: int, depth: int | None, missing: float
) -> None:
    x = features(300, missing=missing)
    y = labels(x, n_classes)
    kind: Any = ExtraTreesClassifier if n_classes else ExtraTreesRegressor
    model = kind(20, max_depth=depth, random_state=0)
    model.fit(x[:, COLUMNS], y, sample_weight=np.linspace(0.5, 2, 300))
    grown = GrownForest(model, COLUMNS, N_FEATURES, (2,))
    new = features(200, seed=3)
    answer = model.predict_proba if n_classes else model.predict
    expected = answer(new[:, COLUMNS]).reshape(200, -1)
    forest = Forest.of(grown.arrays(2), N_FEATURES)
    assert forest.value.dtype == torch.float32
    found = forest(torch.from_numpy(new)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert forest.depth == max(tree.get_depth() for tree in model.estimators_)


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("n_classes", [0, 2, 5])
def test_boosting_answers_as_in_scikit_learn(n_classes: int, missing: float) -> None:
    x = features(300, missing=missing)
    kind: Any = (
        HistGradientBoostingClassifier if n_classes else HistGradientBoostingRegressor
    )
    model = kind(max_iter=12, max_leaf_nodes=7, min_samples_leaf=5)
    model.fit(x[:, COLUMNS], labels(x, n_classes))
    grown = GrownBoosting([BoostedPart(model, COLUMNS)], N_FEATURES)
    new = features(200, seed=3)
    forest = Forest.of(grown.arrays(12), N_FEATURES)
    raw = model._raw_predict(new[:, COLUMNS])
    assert forest.value.dtype == torch.float64
    np.testing.assert_allclose(
        forest(torch.from_numpy(new)).numpy(), raw, rtol=1e-12, atol=1e-12
    )


def test_fewer_boosted_trees_are_the_stage_of_scikit_learn() -> None:
    x = features(300)
    model = HistGradientBoostingClassifier(max_iter=9).fit(x, labels(x, 3))
    grown = GrownBoosting([BoostedPart(model, np.arange(N_FEATURES))], N_FEATURES)
    raw = list(model.staged_decision_function(x))[3]
    forest = Forest.of(grown.arrays(4), N_FEATURES)
    np.testing.assert_allclose(forest(torch.from_numpy(x)).numpy(), raw, atol=1e-12)
    probabilities = list(model.staged_predict_proba(x))
    variants = list(grown.variants(x))
    assert [setting for setting, _ in variants] == list(range(1, 10))
    for (_, answers), expected in zip(variants, probabilities, strict=True):
        np.testing.assert_array_equal(answers, expected)


def test_a_cut_tree_ends_where_nodes_have_too_few_rows() -> None:
    x = features(300, missing=0.0)
    y = labels(x, 0)
    model = ExtraTreesRegressor(10, max_features=1.0, random_state=0).fit(x, y)
    grown = GrownForest(model, np.arange(N_FEATURES), N_FEATURES, (2, 30))
    new = features(50, seed=4, missing=0.0)
    expected = np.zeros(50)
    for each in model.estimators_:
        tree = each.tree_
        for i, row in enumerate(new):
            node = 0
            while tree.children_left[node] >= 0 and tree.n_node_samples[node] >= 30:
                goes_left = row[tree.feature[node]] <= tree.threshold[node]
                child = tree.children_left if goes_left else tree.children_right
                node = child[node]
            expected[i] += tree.value[node].item() / 10
    found = dict(grown.variants(new))
    np.testing.assert_allclose(found[30][:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(found[2][:, 0], model.predict(new), atol=1e-6)


def test_trees_that_are_too_large_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    x = features(300)
    model = ExtraTreesRegressor(10, random_state=0).fit(x, labels(x, 0))
    columns = np.arange(N_FEATURES)
    whole = GrownForest(model, columns, N_FEATURES, (2, 5)).arrays(2).shape.n_bytes
    for most, settings in ((whole, [2, 5]), (whole - 1, [5]), (whole // 20, [40])):
        monkeypatch.setattr("multitide.fitting._grown_trees.MOST_BYTES", most)
        grown = GrownForest(model, columns, N_FEATURES, (2, 5))
        assert grown.settings == settings
        assert grown.arrays(settings[0]).shape.n_bytes <= most


def test_boosted_trees_that_are_too_many_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = features(300)
    model = HistGradientBoostingRegressor(max_iter=9).fit(x, labels(x, 0))
    parts = [BoostedPart(model, np.arange(N_FEATURES))] * 2
    whole = GrownBoosting(parts, N_FEATURES).arrays(9).shape.n_bytes
    for most, n_trees in ((whole, 9), (whole - 1, 8), (1, 1)):
        monkeypatch.setattr("multitide.fitting._grown_boosting.MOST_BYTES", most)
        grown = GrownBoosting(parts, N_FEATURES)
        assert grown.settings == [n_trees]
        assert len(list(grown.variants(x))) == n_trees


def test_a_number_is_above_the_rounded_threshold_if_above_the_threshold() -> None:
    rng = np.random.default_rng(0)
    thresholds = np.concatenate([rng.normal(size=500) * 1e3, [0.1, -0.1, 0.0, np.inf]])
    rounded = rounded_down(thresholds)
    assert rounded.dtype == np.float32 and np.isfinite(rounded).all()
    for step in (-np.inf, np.inf):
        numbers = np.nextafter(thresholds[:-1].astype(np.float32), np.float32(step))
        np.testing.assert_array_equal(
            numbers > rounded[:-1], numbers.astype(np.float64) > thresholds[:-1]
        )


def test_rows_are_answered_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    x = features(100)
    model = ExtraTreesRegressor(10, random_state=0).fit(x, labels(x, 0))
    arrays = GrownForest(model, np.arange(N_FEATURES), N_FEATURES, (2,)).arrays(2)
    forest, rows = Forest.of(arrays, N_FEATURES), torch.from_numpy(x)
    whole = forest(rows)
    monkeypatch.setattr("multitide.network._forest.MOST_ENTRIES", 70)
    assert torch.equal(forest(rows), whole)


def test_few_rows_are_answered_like_many(monkeypatch: pytest.MonkeyPatch) -> None:
    x = features(100, missing=0.2)
    model = HistGradientBoostingClassifier(max_iter=5, random_state=0)
    model.fit(x, labels(x, 3))
    grown = GrownBoosting([BoostedPart(model, np.arange(N_FEATURES))], N_FEATURES)
    forest = Forest.of(grown.arrays(5), N_FEATURES)
    rows = torch.from_numpy(x)
    one_by_one = torch.cat([forest(rows[[i]]) for i in range(len(x))])
    monkeypatch.setattr("multitide.network._forest.FEW_ENTRIES", 0)
    assert torch.equal(forest(rows), one_by_one)


def test_a_new_forest_answers_zero() -> None:
    forest = Forest(3, ForestShape(n_values=2))
    assert torch.equal(
        forest(torch.full((4, 3), torch.nan)), torch.zeros(4, 2).double()
    )


def no_parent(state: dict[str, torch.Tensor]) -> None:
    state["threshold"][0] = torch.inf


def unknown_feature(state: dict[str, torch.Tensor]) -> None:
    state["feature"][0] = 2 * N_FEATURES


def negative_feature(state: dict[str, torch.Tensor]) -> None:
    state["feature"][0] = -1


def missing_threshold(state: dict[str, torch.Tensor]) -> None:
    state["threshold"][-1] = torch.nan


def unreachable(state: dict[str, torch.Tensor]) -> None:
    # All parents come last: the roots have no children.
    state["threshold"] = state["threshold"].sort(descending=True).values


@pytest.mark.parametrize(
    "damage",
    [no_parent, unknown_feature, negative_feature, missing_threshold, unreachable],
)
def test_arrays_that_are_no_trees_are_refused(damage: Callable[[Any], None]) -> None:
    x = features(100)
    model = ExtraTreesRegressor(10, random_state=0).fit(x, labels(x, 0))
    arrays = GrownForest(model, np.arange(N_FEATURES), N_FEATURES, (2,)).arrays(2)
    forest = Forest.of(arrays, N_FEATURES)
    state = {name: tensor.clone() for name, tensor in forest.state_dict().items()}
    damage(state)
    with pytest.raises(RuntimeError, match="forest"):
        Forest(N_FEATURES, arrays.shape).load_state_dict(state)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_trees": 0},
        {"n_nodes": 2},
        {"n_trees": 3, "n_nodes": 2},
        {"n_trees": 3, "n_nodes": 5, "n_groups": 2},
        {"n_values": 0},
    ],
)
def test_shapes_that_no_trees_have_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a forest must have"):
        ForestShape(**wrong)
