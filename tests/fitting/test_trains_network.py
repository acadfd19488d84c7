"""With few labels, "auto" trains no network, unless a setting asks for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import multitide as mt
from makers import make_samples, plan_of
from multitide.errors import DataError
from multitide.fitting import _auto_backbone
from multitide.fitting._recipe import NETWORK_DEFAULTS
from refusals import refused

SAMPLES = make_samples(60)


def has_network(samples: mt.Samples = SAMPLES, **params: Any) -> bool:
    plan = plan_of(mt.MultiTaskEstimator(random_state=0, **params), samples)
    return bool(plan.groups)


def test_few_labels_need_no_network() -> None:
    assert not has_network()
    assert not has_network(backbone={"name": "auto"})


@pytest.mark.parametrize(
    "params",
    [
        {"max_epochs": 3},
        {"batch_size": 16},
        {"lr": 0.01},
        {"keep": "per_task"},
        {"sharing": "none"},
        {"sharing": "soft"},
        {"weighting": "uncertainty"},
        {"aggregator": "pcgrad"},
        {"training": {"averaging": 0.99}},
        {"training": {"finish": "per_task"}},
        {"training": {"precision": "bf16"}},
        {"inputs": {"encodings": ["difference"]}},
        {"inputs": {"observed": True}},
        {"backbone": "gru"},
        {"validation": None},
    ],
)
def test_a_setting_of_networks_is_not_ignored(params: dict[str, Any]) -> None:
    assert has_network(**params)


@pytest.mark.parametrize(
    "params",
    [
        {"training": {"refit": False}},
        {"training": {"calibrate": "none", "checkpoint_minutes": 1}},
        {"inputs": {"clip": 0.01, "scale": "robust"}},
        {"validation": 0.3},
        {"device": "cpu"},
    ],
)
def test_other_settings_need_no_network(params: dict[str, Any]) -> None:
    assert not has_network(**params)


def test_many_labels_of_one_task_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = SAMPLES.y.copy()
    labels.loc[labels.index[:40], "load"] = np.nan
    few = replace(SAMPLES, y=labels)
    monkeypatch.setattr(_auto_backbone, "MANY_LABELS", 30)
    assert has_network(few)  # the other task has more
    assert not has_network(few, tasks=["load"])


def test_what_no_forest_or_no_linear_head_can_predict_needs_it() -> None:
    quantiles = mt.Regression("load", loss="quantile", quantiles=(0.1, 0.5, 0.9))
    assert has_network(tasks=["state", quantiles])


def test_series_that_are_too_short_for_convolutions_need_it() -> None:
    values = np.random.default_rng(0).normal(size=(len(SAMPLES), 2, 8))
    assert has_network(mt.Samples.from_arrays(values, SAMPLES.y))


@pytest.mark.usefixtures("quick_learners")
def test_the_fit_predicts_and_is_kept(tmp_path: Path) -> None:
    fitted = mt.MultiTaskEstimator(random_state=0, verbose=0).fit(SAMPLES)
    names = set(fitted.candidates_["candidate"])
    assert "lstm_fcn" not in names
    assert {"boosting", "extra_trees", "rocket"} <= names
    folder = fitted.save(tmp_path / "model")
    predicted = fitted.predict(SAMPLES)
    loaded = mt.load(folder)
    pd.testing.assert_frame_equal(loaded.predict(SAMPLES), predicted, check_exact=True)
    start = {"start": str(folder)}
    with refused("`training.start`", "network", "lstm_fcn", error=DataError):
        mt.MultiTaskEstimator(training=start, max_epochs=1, verbose=0).fit(SAMPLES)


def test_the_defaults_are_those_of_the_estimator() -> None:
    params = mt.MultiTaskEstimator().get_params(deep=False)
    for name, default in NETWORK_DEFAULTS.items():
        assert params[name] == default, name


def test_the_plan_names_what_is_fitted() -> None:
    forests = ["extra_trees, quantiles", "extra_trees"]
    trees = ["boosting", "boosting, leaves of 20", *forests]
    assert plan_of(mt.MultiTaskEstimator(), SAMPLES).learners == [*trees, "rocket"]
    trained = plan_of(mt.MultiTaskEstimator(max_epochs=1), SAMPLES)
    assert trained.learners == [*trees, "rocket", "lstm_fcn"]
    assert plan_of(mt.MultiTaskEstimator(backbone="gru"), SAMPLES).learners == ["gru"]


def test_many_tasks_have_a_network_and_no_boosting() -> None:
    labels = SAMPLES.y["load"].to_numpy()
    many = {}
    for i in range(51):
        many[f"load_{i}"] = labels + i
    samples = replace(SAMPLES, y=pd.DataFrame(many, index=SAMPLES.y.index))
    plan = plan_of(mt.MultiTaskEstimator(), samples)
    assert plan.learners == ["extra_trees", "rocket", "lstm_fcn"]
    few = replace(samples, y=samples.y.iloc[:, :50])
    assert "lstm_fcn" not in plan_of(mt.MultiTaskEstimator(), few).learners
