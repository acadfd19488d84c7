"""Integrated gradients of fitted networks for one sample."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import multitide as mt
from makers import SMALL, make_arrays, small
from multitide._require_extra import EXTRAS
from multitide.errors import MissingDependencyError
from multitide.network._network import Predictor
from multitide.reasons._gradients import N_STEPS, integrated_gradients
from pages import Page
from refusals import refused


def make() -> mt.Samples:
    X, y = make_arrays(missing=0.0)
    X[::2, 2, 5:9] = np.nan
    rng = np.random.default_rng(1)
    static = pd.DataFrame({"size": rng.normal(size=len(X)), "kind": ["u", "v"] * 48})
    static.loc[::3, "size"] = np.nan
    y["range"] = y["load"]
    y["ahead[+1]"], y["ahead[+2]"] = y["load"], -y["load"]
    y["hot"] = (y["load"] > 100).astype(int)
    y["wet"] = (y["load"] < 103).astype(int)
    return mt.Samples.from_arrays(X, y, static=static, channels=["a", "b", "c"])


@pytest.fixture(scope="module")
def samples() -> mt.Samples:
    return make()


@pytest.fixture(scope="module")
def model(samples: mt.Samples) -> mt.MultiTaskEstimator:
    tasks = [
        mt.Classification("state"),
        mt.Regression("load"),
        mt.Regression("range", loss="quantile"),
        mt.Forecast("ahead", horizon=2),
        mt.MultiLabel("sky", columns=["hot", "wet"]),
    ]
    return small(tasks=tasks, lr=0.01).fit(samples)


@pytest.fixture(scope="module")
def found(model: mt.MultiTaskEstimator, samples: mt.Samples) -> mt.Explanation:
    return mt.explain(model, samples, row=2, n_segments=2, n_repeats=1)


def test_the_contributions_sum_to_the_difference_from_the_baseline(
    found: mt.Explanation, model: mt.MultiTaskEstimator, samples: mt.Samples
) -> None:
    assert found.sample is not None
    table = found.sample.table
    assert list(found.sample.tasks) == ["state", "load", "range", "ahead", "sky"]
    for task, reasons in found.sample.tasks.items():
        total = table.loc[table["task"] == task, "contribution"].sum()
        gap = reasons.value - reasons.baseline
        assert total == pytest.approx(gap, abs=0.02 * abs(gap) + 1e-4)
        assert reasons.rest == pytest.approx(gap - total)
    predicted = model.predict(samples[[2]])
    assert found.sample.tasks["load"].value == pytest.approx(predicted["load"].item())
    assert found.sample.tasks["range"].value == pytest.approx(predicted["range"].item())
    state = predicted["state"].item()
    assert found.sample.tasks["state"].answer == f"p(state = {state})"
    probability = model.predict_proba(samples[[2]])["state"][state].item()
    assert found.sample.tasks["state"].value == pytest.approx(probability)
    assert found.sample.tasks["sky"].answer in ("p(hot)", "p(wet)")


def test_gaps_and_categories_contribute_nothing(found: mt.Explanation) -> None:
    assert found.sample is not None
    missing = np.isnan(found.sample.series)
    assert missing.any()
    for reasons in found.sample.tasks.values():
        assert (reasons.steps[missing] == 0).all()
        assert (reasons.steps[~missing] != 0).any()
        assert reasons.static["kind"] == 0
    assert found.notes == []


def test_the_page_has_one_picture_per_task(
    found: mt.Explanation, tmp_path: Path
) -> None:
    page = Page(mt.write_explanation(found, tmp_path / "one.html").read_text())
    labels = [attrs.get("aria-label", "") for tag, attrs in page.tags if tag == "svg"]
    assert sum(label.startswith("Reasons of sample 2") for label in labels) == 5
    assert "could not be drawn" not in page.text
    assert len(page.figures("answer")) == 5


def test_it_is_the_integral_of_the_gradient() -> None:
    """For x0 * x1^2 from (0, 0) the contributions are x0 x1^2 / 3 and 2 x0 x1^2 / 3."""
    x = torch.tensor([[2.0, 3.0]], dtype=torch.float64)
    (found,) = integrated_gradients(
        lambda each: each[:, 0] * each[:, 1] ** 2, (x,), (torch.zeros_like(x),)
    )
    assert found[0].tolist() == pytest.approx([6, 12], rel=1 / N_STEPS**2)


def test_unlabelled_data_are_explained_without_permutation(
    model: mt.MultiTaskEstimator, samples: mt.Samples
) -> None:
    bare = samples.replace(y=samples.y[[]])
    found = mt.explain(model, bare, row=0)
    assert found.sample is not None
    assert len(found.importance) == 0
    assert "no labels" in found.notes[-1]


@pytest.fixture(scope="module")
def trees(samples: mt.Samples) -> mt.MultiTaskEstimator:
    return small(tasks=["load"], backbone=mt.backbones.Trees()).fit(samples[:60])


def test_trees_alone_are_refused_and_permuted(
    trees: mt.MultiTaskEstimator, samples: mt.Samples
) -> None:
    with refused("`row`", "trees", "Permutation"):
        mt.explain(trees, samples, row=0)
    found = mt.explain(trees, samples, n_repeats=2, n_segments=2)
    assert found.importance["input"].iloc[0] == "b"


def test_the_weight_of_trees_is_told(
    trees: mt.MultiTaskEstimator, model: mt.MultiTaskEstimator, samples: mt.Samples
) -> None:
    both = copy.copy(trees)
    networks = [*model.model_.networks, *trees.model_.networks]
    shares = [{"load": 0.25}, {"load": 0.75}]
    both.model_ = Predictor(networks, [["load"], ["load"]], shares)
    found = mt.explain(both, samples, row=0, n_repeats=1, n_segments=1)
    assert found.sample is not None
    reasons = found.sample.tasks["load"]
    assert reasons.tree_share == 0.75
    assert "load 75%" in found.notes[0]
    assert abs(reasons.rest) > 0.01  # what the trees say


def test_without_captum_the_message_says_how_to_install_it(
    model: mt.MultiTaskEstimator, samples: mt.Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRAS, "explain", ("captum_that_is_not_there",))
    with refused("captum", "multitide[explain]", error=MissingDependencyError):
        mt.explain(model, samples, row=0, n_repeats=1, n_segments=1)


@pytest.mark.slow
def test_an_ensemble_is_permuted(samples: mt.Samples) -> None:
    one = mt.MultiTaskEstimator(["load"], backbone=SMALL, max_epochs=4, batch_size=32)
    ensemble = mt.Ensemble(one, n_seeds=2, random_state=0, verbose=0, n_jobs=1)
    found = mt.explain(ensemble.fit(samples), samples, n_repeats=2)
    assert found.importance["input"].iloc[0] == "b"


@pytest.mark.slow
def test_the_rig_rests_on_what_its_physics_says() -> None:
    """Valve, pump and bearing show in pressure, flow and vibration; the operator's hand in trim."""
    samples = mt.simulate_rig(n_runs=600, random_state=1)
    model = small(backbone="fcn", max_epochs=15, batch_size="auto").fit(samples[:450])
    found = mt.explain(model, samples[450:], groups="correlated", n_segments=2)
    table = found.importance[found.importance["kind"] != "segment"]
    wear = {"pressure + current", "flow", "vibration", "command"}
    for task, rows in table.groupby("task"):
        first = rows["input"].tolist()
        if task == "operator":
            assert first[0] == "trim"
        else:
            assert set(first[:3]) < wear
