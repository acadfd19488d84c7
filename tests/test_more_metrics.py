"""Metrics by class, metrics that are quoted, and metrics of the user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from fakes import RANDOM, Quick, make_study_samples
from makers import make_arrays, small
from multitide import Metric, MultiTaskEstimator, Samples, load
from multitide.study import Comparison, compare
from multitide.tasks import Classification, MultiLabel, Regression
from refusals import refused


@pytest.fixture(scope="module")
def samples() -> Samples:
    X, y = make_arrays(n=80)
    y["warm"] = (X[:, 0].mean(1) > 0.2).astype(int)
    y["wet"] = np.where(X[:, 1].mean(1) > 0.2, "yes", "no")
    return Samples.from_arrays(X, y)


@pytest.fixture(scope="module")
def fitted(samples: Samples) -> MultiTaskEstimator:
    tasks = [
        Classification("state"),
        Regression("load", metrics=("nasa_score", "rmse_over_std")),
        MultiLabel("both", columns=["warm", "wet"]),
    ]
    return small(backbone="fc", max_epochs=2, tasks=tasks, verbose=0).fit(samples)


def known(samples: Samples, fitted: MultiTaskEstimator, name: str) -> Any:
    labels = samples.y[name]
    rows = labels.notna().to_numpy()
    return labels[rows], fitted.predict(samples)[name][rows], rows


@pytest.mark.parametrize("weighted", [False, True])
def test_tables_by_class_are_scikit_learns(
    samples: Samples, fitted: MultiTaskEstimator, weighted: bool
) -> None:
    weights = None
    if weighted:
        weights = np.random.default_rng(0).random(len(samples)) + 0.1
    tables: Any = fitted.class_tables(samples, sample_weight=weights)
    matrices: Any = fitted.confusion_matrices(samples, sample_weight=weights)
    true, predicted, rows = known(samples, fitted, "state")
    own = None if weights is None else weights[rows]
    classes = fitted.classes_["state"]
    assert list(tables) == ["state", "both"] and list(matrices) == ["state"]
    expected = sk.precision_recall_fscore_support(
        true, predicted, labels=classes, sample_weight=own
    )
    table = tables["state"]
    assert list(table.index) == classes
    np.testing.assert_allclose(table[["precision", "recall", "f1"]].T, expected[:3])
    assert table["support"].tolist() == [(true == value).sum() for value in classes]
    counts = sk.confusion_matrix(true, predicted, labels=classes, sample_weight=own)
    np.testing.assert_allclose(matrices["state"], counts)
    recall = sk.recall_score(
        samples.y["wet"] == "yes",
        fitted.predict(samples)["wet"] == "yes",
        sample_weight=weights,
    )
    assert tables["both"].loc["wet", "recall"] == pytest.approx(recall)


def test_a_class_that_training_has_not_seen_has_a_row(
    samples: Samples, fitted: MultiTaskEstimator
) -> None:
    y = samples.y.copy()
    y.loc[:4, "state"] = "new"
    tables: Any = fitted.class_tables(samples.replace(y=y))
    matrices: Any = fitted.confusion_matrices(samples.replace(y=y))
    assert tables["state"].loc["new", ["recall", "support"]].tolist() == [0, 5]
    assert matrices["state"].loc["new"].sum() == 5
    assert list(matrices["state"]) == fitted.classes_["state"]
    with refused("`y`", "'state'", "none"):
        fitted.class_tables(samples.replace(y=y.assign(state=None)))


def test_quoted_metrics_are_in_every_table_of_the_task(
    samples: Samples, fitted: MultiTaskEstimator, tmp_path: Path
) -> None:
    true, predicted, _ = known(samples, fitted, "load")
    late = (predicted - true).to_numpy()
    score = np.where(late > 0, np.exp(late / 10), np.exp(-late / 13)).sum() - len(late)
    fitted.save(tmp_path / "model")
    for model in (fitted, load(tmp_path / "model")):
        table = model.evaluate(samples).query("task == 'load'").set_index("metric")
        assert table.loc["nasa_score", "value"] == pytest.approx(score)
        rmse = sk.root_mean_squared_error(true, predicted) / true.std(ddof=0)
        assert table.loc["rmse_over_std", "value"] == pytest.approx(rmse)
        assert table.loc["rmse_over_std", "trivial"] == pytest.approx(1, abs=0.2)
        assert not table.loc[["nasa_score", "rmse_over_std"], "higher_is_better"].any()


def half_error(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    return float(np.average(np.abs(y_true - y_pred), weights=sample_weight)) / 2


def test_own_metrics_get_labels_and_predictions_as_the_user_wrote_them(
    samples: Samples, fitted: MultiTaskEstimator
) -> None:
    f2 = Metric(lambda *args: sk.fbeta_score(*args, beta=2, pos_label="low"), name="f2")
    own = {
        "load": [half_error],
        "state": {"kappa": sk.cohen_kappa_score},
        "both": [Metric(lambda t, p: float((t == p).mean()), name="right")],
    }
    own["state"] = [Metric(sk.cohen_kappa_score, "kappa"), f2]  # type: ignore[list-item]
    weights = np.random.default_rng(0).random(len(samples))
    table = fitted.evaluate(samples, sample_weight=weights, metrics=own)
    rows = table.set_index(["task", "metric"])
    true, predicted, there = known(samples, fitted, "load")
    value = half_error(true, predicted, weights[there])
    assert rows.loc[("load", "half_error"), "value"] == pytest.approx(value)
    assert not rows.loc[("load", "half_error"), "higher_is_better"]
    true, predicted, _ = known(samples, fitted, "state")
    kappa = sk.cohen_kappa_score(true, predicted, sample_weight=None)
    assert rows.loc[("state", "f2"), "higher_is_better"]
    assert rows.loc[("state", "f2"), "trivial"] <= 1
    assert -1 <= rows.loc[("state", "kappa"), "value"] <= 1 and kappa is not None
    auc = Metric(
        lambda t, p: sk.roc_auc_score(t == "low", p), "auc", None, "probability"
    )
    plain = fitted.evaluate(samples, metrics={"state": [auc]}).set_index(
        ["task", "metric"]
    )
    area = plain.loc[("state", "roc_auc"), "value"]
    assert plain.loc[("state", "auc"), "value"] == pytest.approx(area)


def broken(y_true: Any, y_pred: Any) -> float:
    raise RuntimeError("no")


@pytest.mark.parametrize(
    ("metrics", "parts"),
    [
        ({"lod": [half_error]}, ("`metrics`", "'lod'", "Did you mean 'load'")),
        ([half_error], ("`metrics`", "list", "dict")),
        ({"load": ["rmse"]}, ("`metrics`", "'rmse'", "functions")),
        ({"load": [lambda t, p: 0.0]}, ("`name`", "Metric(function, name=")),
        ({"load": [broken]}, ("'broken'", "RuntimeError: no")),
        ({"load": {"twice": lambda t, p: [1, 2]}}, ("'twice'", "list")),
        ({"load": [Metric(half_error, "h", None, "probability")]}, ("'h'", "'load'")),
    ],
)
def test_wrong_metrics_are_refused_with_one_message(
    samples: Samples, fitted: MultiTaskEstimator, metrics: Any, parts: tuple[str, ...]
) -> None:
    with refused(*parts):
        fitted.evaluate(samples, metrics=metrics)


def test_a_study_compares_arms_by_an_own_metric() -> None:
    study: Comparison = compare(
        make_study_samples(120),
        ["state", "load"],
        estimator=Quick(),
        n_seeds=2,
        split=RANDOM,
        n_jobs=1,
        verbose=0,
    )
    own = study.gains_in(half_error, "load")
    expected = study.gains_in("mae", "load")
    pd.testing.assert_series_equal(own["gain"] * 2, expected["gain"], check_exact=False)
    kappa = study.gains_in(sk.cohen_kappa_score, "state")
    assert kappa["gain"].between(-1, 1).all()
    with refused("`task`", "'half_error'"):
        study.gains_in(half_error)
