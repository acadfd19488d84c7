"""Models with a survival task beside others: every way to fit, keep and read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import multitide as mt
from makers import make_arrays, small
from multitide.cli import app
from multitide.ensemble._average import reference_targets
from multitide.model._aligned import aligned
from refusals import refused

STAY = mt.Survival("stay", time="hours", event="left", n_bins=5)


def make(n: int = 96, seed: int = 0) -> mt.Samples:
    """Series whose first channel shortens the time to the event."""
    X, y = make_arrays(n, seed=seed, missing=0.1)
    rng = np.random.default_rng(seed)
    level = X[:, 0].mean(axis=1)
    life = 20 * np.exp(-level) * rng.exponential(1, n)
    watched = rng.exponential(60, n)
    y["hours"] = np.minimum(life, watched).round(2)
    y["left"] = (life <= watched).astype(float)
    y.loc[::7, "hours"] = np.nan
    return mt.Samples.from_arrays(X, y)


@pytest.fixture(scope="module")
def samples() -> mt.Samples:
    return make()


@pytest.fixture(scope="module")
def model(samples: mt.Samples) -> mt.MultiTaskEstimator:
    return small(tasks=["state", STAY], max_epochs=8, lr=0.01).fit(samples)


def test_it_predicts_times_curves_and_risks(
    model: mt.MultiTaskEstimator, samples: mt.Samples
) -> None:
    predicted = model.predict(samples)
    assert list(predicted) == ["state", "hours", "left"]
    horizon = samples.y["hours"].max()
    assert predicted["hours"].between(0, horizon).all()
    assert set(predicted["left"]) <= {0, 1}
    curves = model.predict_survival(samples)["stay"]
    assert isinstance(curves, pd.DataFrame)
    assert curves.shape == (96, 5)
    assert (np.diff(curves.to_numpy(), axis=1) <= 0).all()
    risk = model.predict_risk(samples)
    assert isinstance(risk, pd.DataFrame)
    assert risk["stay"].between(0, 1).all()
    assert risk["stay"].corr(predicted["hours"], method="spearman") < -0.8
    metrics = model.evaluate(samples).query("task == 'stay'").set_index("metric")
    assert list(metrics.index) == ["c_index", "integrated_brier", "loss"]
    assert metrics.loc["c_index", "value"] > 0.6
    assert metrics.loc["c_index", "trivial"] == 0.5
    assert metrics.loc["loss", "trivial"] == pytest.approx(1, abs=0.2)
    n_complete = int(samples.y[["hours", "left"]].notna().all(axis=1).sum())
    assert (metrics["n_labelled"] == n_complete).all()


@pytest.mark.parametrize("keep", ["joint", "per_task"])
def test_it_is_saved_and_loaded(
    model: mt.MultiTaskEstimator, samples: mt.Samples, tmp_path: Path, keep: str
) -> None:
    if keep == "per_task":
        model = small(tasks=["load", STAY], max_epochs=2, keep=keep).fit(samples)
    loaded = mt.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.predict(samples), model.predict(samples))
    pd.testing.assert_frame_equal(loaded.evaluate(samples), model.evaluate(samples))


def test_a_capped_regression_counts_larger_labels_as_the_cap(
    samples: mt.Samples,
) -> None:
    capped = mt.Regression("hours", cap=15)
    cut = samples.replace(y=samples.y.assign(hours=samples.y["hours"].clip(upper=15)))
    one = small(tasks=[capped], max_epochs=1).fit(samples)
    other = small(tasks=["hours"], max_epochs=1).fit(cut)
    pd.testing.assert_frame_equal(one.predict(samples), other.predict(samples))
    pd.testing.assert_frame_equal(one.evaluate(samples), other.evaluate(cut))
    with refused("`hours`", "differ", "`cap` is -1", error=mt.DataError):
        small(tasks=[mt.Regression("hours", cap=-1)]).fit(samples)


def test_trees_refuse_it_and_auto_leaves_them_out(samples: mt.Samples) -> None:
    with refused("`tasks`", "'stay' (survival)", "train a network"):
        small(tasks=[STAY], backbone="trees").fit(samples)
    with refused("`tasks`", "'stay' (survival)"):
        small(tasks=[STAY], backbone="linear").fit(samples)
    auto = small(tasks=[STAY], backbone="auto", max_epochs=1).fit(samples)
    assert auto.evaluate(samples)["value"].notna().all()
    assert not any(
        "tree" in str(each) for each in auto.candidates_.get("candidate", [])
    )


def test_fits_with_other_intervals_are_averaged_on_one_grid(
    model: mt.MultiTaskEstimator, samples: mt.Samples
) -> None:
    other = small(tasks=["state", STAY], max_epochs=1).fit(samples[:60])
    targets = reference_targets([model.model_, other.model_], ["stay"])
    decoded = other.decode(samples)
    assert isinstance(decoded, dict)
    own = other.model_.target("stay")
    matching = aligned({"stay": decoded["stay"]}, other.model_, targets)["stay"]  # type: ignore[dict-item]
    reference = targets["stay"]
    assert matching.shape == (len(samples), reference.n_outputs)
    row = np.append(1.0, decoded["stay"][0])  # type: ignore[call-overload]
    expected = np.interp(reference.edges[1:], own.edges, row)  # type: ignore[union-attr]
    np.testing.assert_allclose(matching[0], expected)


def test_several_data_sets_share_it(samples: mt.Samples) -> None:
    sets = {"first": samples, "second": make(60, seed=1)}
    model = small(tasks=[STAY], max_epochs=1).fit(sets)
    curves = model.predict_survival(sets)
    assert curves["second"]["stay"].shape == (60, 5)  # type: ignore[union-attr]


def test_it_is_explained_and_checked_for_drift(
    model: mt.MultiTaskEstimator, samples: mt.Samples
) -> None:
    found = mt.explain(model, samples, row=0, n_repeats=2, n_segments=1)
    rows = found.importance.query("task == 'stay'")
    assert rows["input"].iloc[0] == "0"
    assert found.sample is not None
    assert "survival curve" in found.sample.tasks["stay"].answer
    assert not mt.check_data(model, make(seed=2)).drifted


CONFIG = """
max_epochs = 2
random_state = 0
batch_size = 32
device = "cpu"
backbone = "fcn"

[data]
path = "runs.csv"
series = "run"

[split]
by = "random"

[[tasks]]
name = "stay"
kind = "survival"
time = "hours"
event = "left"
n_bins = 4
"""


@pytest.mark.usefixtures("blank_figures")
def test_the_command_fits_predicts_and_evaluates(
    samples: mt.Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    steps = samples.n_timepoints
    table = pd.DataFrame(samples.values, columns=["a", "b", "c"])
    table.insert(0, "run", np.repeat(np.arange(len(samples)), steps))
    for name in ("hours", "left"):
        table[name] = samples.y[name].repeat(steps).to_numpy()
    table.to_csv("runs.csv", index=False)
    Path("run.toml").write_text(CONFIG)
    for words in (
        ["check", "run.toml"],
        ["fit", "run.toml", "--output", "run", "--quiet"],
        ["evaluate", "run", "runs.csv"],
        ["predict", "run", "runs.csv", "--output", "out.csv"],
    ):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        if words[0] == "evaluate":
            assert "c_index" in done.output
    found = pd.read_csv("out.csv")
    assert list(found) == ["run", "hours", "left", "risk(stay)"]
    Path("run.toml").write_text(CONFIG.replace('event = "left"\n', ""))
    done = CliRunner().invoke(app, ["check", "run.toml"])
    assert done.exit_code == 2
    assert "name of a column" in done.output
