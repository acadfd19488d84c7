"""Thresholds of fitted models: chosen on held-out samples, stored, and used everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from makers import make_arrays, small
from multitide import Ensemble, MultiTaskEstimator, Samples, load
from multitide.backbones import Trees
from multitide.errors import MultitideWarning, StoreError
from multitide.tasks import Classification, MultiLabel, Regression
from refusals import refused


def make(n: int = 120, seed: int = 0) -> Samples:
    X, y = make_arrays(n=n, seed=seed, missing=0.1)
    rng = np.random.default_rng(seed)
    level = X[:, 0].mean(1)
    y["fault"] = np.where(level + rng.normal(size=n) > 1, "failing", "healthy")
    y["wet"] = (X[:, 1].mean(1) + rng.normal(size=n) > 0.8).astype(int)
    y["hot"] = (X[:, 2].mean(1) + rng.normal(size=n) > 0.8).astype(int)
    return Samples.from_arrays(X, y)


TASKS = [
    Classification("fault", threshold="f1"),
    MultiLabel("weather", columns=["wet", "hot"], threshold="recall>=0.9"),
    Regression("load"),
]
FITS: list[Any] = [
    {"backbone": "fc", "keep": "per_task", "training": {"refit": True}},
    {"backbone": Trees(n_trees=5)},
    pytest.param({"backbone": "fc", "sharing": "none"}, marks=pytest.mark.slow),
]


def fitted(**params: Any) -> MultiTaskEstimator:
    options = {"tasks": TASKS, "max_epochs": 1, "verbose": 0, "validation": 0.4}
    return small(**(options | params)).fit(make())


@pytest.mark.parametrize("params", FITS, ids=str)
def test_predictions_follow_thresholds_that_survive_saving(
    params: dict[str, Any], tmp_path: Path
) -> None:
    estimator, samples = fitted(**params), make(seed=1)
    decisions = estimator.decisions_
    assert decisions["task"].tolist() == ["fault", "weather", "weather"]
    assert decisions["positive"].tolist() == ["failing", 1, 1]
    assert (decisions["value"] >= decisions["at_half"] - 1e-9)[:1].all()
    estimator.save(tmp_path / "model")
    probabilities: Any = estimator.predict_proba(samples)
    for model in (estimator, load(tmp_path / "model")):
        predicted: Any = model.predict(samples)
        said = probabilities["fault"]["failing"] >= decisions["threshold"][0]
        assert predicted["fault"].eq("failing").equals(said)
        said = probabilities["weather"]["hot"] >= decisions["threshold"][2]
        assert predicted["hot"].eq(1).equals(said)
        pd.testing.assert_frame_equal(model.decisions_, decisions, check_dtype=False)
        table = model.evaluate(samples).set_index(["task", "metric"])["value"]
        accuracy = predicted["fault"].eq(samples.y["fault"]).mean()
        assert table["fault", "accuracy"] == pytest.approx(accuracy)
        assert model.positive_classes_ == {"fault": "failing"}


@pytest.mark.parametrize("threshold", [0.05, None])
def test_a_threshold_leaves_the_best_constant_accuracy(threshold: float | None) -> None:
    """A low one says yes to every row, which is the best constant for F1 only."""
    tasks = [
        Classification("fault", threshold=threshold),
        MultiLabel("weather", columns=["wet", "hot"], threshold=threshold),
    ]
    model = fitted(tasks=tasks, backbone=Trees(n_trees=2))
    y = make(seed=1).y
    table = model.evaluate(make(seed=1)).set_index(["task", "metric"])["trivial"]
    fault = y["fault"].dropna()
    assert table["fault", "accuracy"] == pytest.approx(fault.eq("healthy").mean())
    share = fault.eq("failing").mean()
    of_yes = 2 * share / (1 + share) if threshold else 0.0
    assert table["fault", "f1"] == pytest.approx(of_yes)
    weather = y[["wet", "hot"]].stack()
    assert table["weather", "hamming_loss"] == pytest.approx(weather.eq(1).mean())


def test_an_altered_threshold_is_refused(tmp_path: Path) -> None:
    estimator = fitted(backbone=Trees(n_trees=2))
    estimator.save(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    record = json.loads(path.read_text())
    record["decisions"][0]["threshold"] = 0.99
    path.write_text(json.dumps(record))
    with pytest.raises(StoreError):
        load(tmp_path / "model")


def test_several_data_sets_choose_one_threshold_together() -> None:
    one, two = make(), make(seed=2)
    task = [Classification("fault", threshold="balanced")]
    model = small(backbone="fc", max_epochs=1, verbose=0, tasks=task, validation=0.3)
    model.fit({"a": one, "b": two})
    (row,) = model.decisions_.to_dict("records")
    assert row["n_labels"] > 0.3 * len(one)
    predicted: Any = model.predict({"a": one, "b": two})
    probabilities: Any = model.predict_proba({"a": one, "b": two})
    for name in ("a", "b"):
        said = probabilities[name]["fault"]["failing"] >= row["threshold"]
        assert predicted[name]["fault"].eq("failing").equals(said)


@pytest.mark.slow
def test_an_ensemble_has_a_threshold_of_its_own(tmp_path: Path) -> None:
    samples = make()
    members = {
        "a": small(backbone=Trees(n_trees=3), tasks=TASKS),
        "b": small(backbone=Trees(n_trees=3, kind="boosting"), tasks=TASKS),
    }
    ensemble = Ensemble(members, n_seeds=1, n_jobs=1, random_state=0, verbose=0)
    ensemble.fit(samples).save(tmp_path / "ensemble")
    decisions = ensemble.decisions_
    assert decisions["task"].tolist() == ["fault", "weather", "weather"]
    for model in (ensemble, load(tmp_path / "ensemble")):
        probabilities: Any = model.predict_proba(samples)
        said = probabilities["fault"]["failing"] >= decisions["threshold"][0]
        predicted: Any = model.predict(samples)
        assert predicted["fault"].eq("failing").equals(said)
        pd.testing.assert_frame_equal(model.decisions_, decisions, check_dtype=False)


def test_a_rule_needs_held_out_labels() -> None:
    with refused("`fault.threshold`", "'f1'", "validation set"):
        fitted(validation=None)
    number = [Classification("fault", threshold=0.2)]
    model = fitted(validation=None, tasks=number, backbone="fc")
    assert not len(model.decisions_)
    probabilities: Any = model.predict_proba(make())
    said = probabilities["fault"]["failing"] >= 0.2
    predicted: Any = model.predict(make())
    assert predicted["fault"].eq("failing").equals(said)


def test_one_answer_in_the_validation_set_keeps_the_threshold_at_half() -> None:
    samples = make()
    only_healthy = samples[samples.y["fault"].eq("healthy").to_numpy()]
    model = small(backbone=Trees(n_trees=2), tasks=[TASKS[0]])
    with pytest.warns(MultitideWarning, match="stays at 0.5"):
        model.fit(samples, validation=only_healthy)
    assert model.decisions_["threshold"].isna().all()
    probabilities: Any = model.predict_proba(samples)
    predicted: Any = model.predict(samples)
    said = probabilities["fault"]["failing"] > 0.5
    assert predicted["fault"].eq("failing").equals(said)
