"""Studies, ensembles and commands use the weights of samples, and keep them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fakes import RANDOM, Quick, make_study_samples
from makers import make_samples, small, write_runs
from multitide import Ensemble, Samples, load
from multitide.backbones import Trees
from multitide.cli import app
from multitide.errors import StoreError
from multitide.study import Comparison, compare
from refusals import refused


def weighted_samples() -> Samples:
    samples = make_study_samples(120)
    weights = np.random.default_rng(0).integers(0, 5, size=120) / 2
    return samples.replace(weights=pd.DataFrame({"load": weights}))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    folder = tmp_path_factory.mktemp("weighted") / "study"
    comparison = compare(
        weighted_samples(),
        ["state", "load"],
        arms=["hard", "boosting"],
        estimator=Quick(),
        n_seeds=2,
        split=RANDOM,
        n_jobs=1,
        verbose=0,
        folder=folder,
    )
    return comparison, folder


def test_figures_and_gains_are_of_weighted_rows(
    study: tuple[Comparison, Path],
) -> None:
    comparison, _ = study
    evidence = comparison.evidence
    rows = evidence.protocol.only.test["row"].to_numpy()
    weights = weighted_samples().weights["load"].to_numpy()[rows]  # type: ignore[index]
    means = {}
    for arm in evidence.arm_names:
        losses = np.stack([evidence.losses(arm, "load", seed) for seed in (0, 1)])
        known = ~np.isnan(losses[0])
        assert not known[weights == 0].any()
        means[arm] = np.average(losses[:, known], axis=1, weights=weights[known]).mean()
    figures = comparison.figures.query("task == 'load' and metric == 'loss'")
    found = figures.set_index("arm")["mean"]
    for arm, mean in means.items():
        assert found[arm] == pytest.approx(mean)
    gains = comparison.gains.query("task == 'load'").set_index("arm")["gain"]
    for arm, gain in gains.items():
        assert gain == pytest.approx(means[evidence.reference] - means[str(arm)])
    plain = compare(
        weighted_samples().replace(weights=None),
        ["state", "load"],
        arms=["hard", "boosting"],
        estimator=Quick(),
        n_seeds=2,
        split=RANDOM,
        n_jobs=1,
        verbose=0,
    )
    other = plain.gains.query("task == 'load'").set_index("arm")["gain"]
    assert not np.allclose(gains, other)


def test_a_stored_study_has_its_weights(
    study: tuple[Comparison, Path], tmp_path: Path
) -> None:
    comparison, folder = study
    loaded = Comparison.load(folder)
    for name in ("gains", "figures"):
        pd.testing.assert_frame_equal(
            getattr(loaded, name), getattr(comparison, name), check_exact=True
        )
    altered = tmp_path / "altered"
    shutil.copytree(folder, altered)
    table = pd.read_parquet(altered / "weights.parquet")
    (-table).to_parquet(altered / "weights.parquet")
    with pytest.raises(StoreError, match="weights"):
        Comparison.load(altered)


@pytest.mark.slow
def test_an_ensemble_weighs_its_members_by_weighted_rows() -> None:
    samples = make_samples(n=60)
    heavy = np.where(np.arange(60) % 2, 0.01, 20.0)
    ensemble = Ensemble(
        {"a": small(backbone="linear"), "b": small(backbone=Trees(n_trees=5))},
        n_seeds=1,
        n_jobs=1,
        random_state=0,
        verbose=0,
    )
    X, y = np.asarray(samples.X), samples.y
    own = ensemble.fit(X, y, sample_weight=heavy).contributions_
    of_samples = ensemble.fit(samples.replace(weights=pd.DataFrame({"": heavy})))
    pd.testing.assert_frame_equal(of_samples.contributions_, own)
    plain = ensemble.fit(samples).contributions_
    assert not own["validation_loss"].equals(plain["validation_loss"])
    with refused("`weights` of 'state'", "-1"):
        ensemble.fit(X, y, sample_weight=-np.ones(60))


def test_the_command_and_the_configuration_read_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_runs(tmp_path, n_runs=30)
    data = pd.read_csv("data.csv")
    data["w"] = data["run"] % 3
    data.to_csv("data.csv", index=False)
    options = ["--series", "run", "--label", "load", "--label", "state"]
    training = ["--backbone", "linear", "--random-state", "0", "--output", "run"]
    arguments = ["fit", "data.csv", *options, "--weight", "w", *training]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert 'weight = "w"' in Path("run/config.toml").read_text()
    model = load("run")
    assert sum(model.n_labelled_["load"].values()) <= 20
    evaluated = CliRunner().invoke(app, ["evaluate", "run", "data.csv"])
    assert evaluated.exit_code == 0, evaluated.output
    predicted = ["predict", "run", "unlabelled.csv", "--output", "p.csv"]
    data[["run", "a"]].to_csv("unlabelled.csv", index=False)
    assert CliRunner().invoke(app, predicted).exit_code == 0
    wrong = CliRunner().invoke(app, [*arguments[:-1], "other", "--weight", "ww"])
    assert wrong.exit_code == 2
    assert "`weight`" in wrong.output and "Did you mean 'w'" in wrong.output
