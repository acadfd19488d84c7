"""Runs with an ensemble: the configuration, the run folder, and the commands that read it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import multitide as mt
from multitide.cli import app
from multitide.config._load_config import load_config, parse_config
from multitide.ensemble import _train_members
from multitide.model._store import MODEL_FILE
from refusals import refused

CONFIG = """
max_epochs = 1
random_state = 0
device = "cpu"

[data]
path = "data.csv"
series = "run"

[split]
by = "random"

[[tasks]]
name = "load"

[[tasks]]
name = "state"

[ensemble]
n_seeds = 2
n_jobs = 1

[[members]]
name = "Small network"
backbone = {name = "fcn", filters = [4, 4, 4], kernel_sizes = [3, 3, 3]}

[[members]]
name = "gru"
backbone = {name = "gru", hidden_size = 4}
lr = 0.01
"""


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write_table(folder: Path) -> None:
    rng = np.random.default_rng(0)
    level = rng.normal(size=60).repeat(12)
    table = pd.DataFrame(
        {"run": np.arange(60).repeat(12), "a": level + rng.normal(size=720)}
    )
    table["load"] = level.round(3)
    table["state"] = np.where(level > 0, "high", "low")
    table.to_csv(folder / "data.csv", index=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, a configuration and its run."""
    folder = tmp_path_factory.mktemp("ensemble")
    write_table(folder)
    (folder / "run.toml").write_text(CONFIG)
    mt.run_fit(folder / "run.toml", folder / "run", verbose=0)
    return folder


def test_the_run_folder_holds_the_ensemble_and_its_report(made: Path) -> None:
    run = made / "run"
    assert {path.name for path in run.iterdir()} == {
        "config.toml",
        "ensemble.json",
        "figures",
        "history.jsonl",
        "members",
        "metrics.parquet",
        "report.md",
    }
    assert len(list((run / "members").iterdir())) == 4
    report = (run / "report.md").read_text()
    assert "## Members" in report
    assert "Small network" in report


def test_the_configuration_of_the_run_repeats_it(made: Path, tmp_path: Path) -> None:
    again = mt.run_fit(made / "run" / "config.toml", tmp_path / "again", verbose=0)
    pd.testing.assert_frame_equal(
        again.metrics, pd.read_parquet(made / "run" / "metrics.parquet")
    )


def test_the_first_seed_has_the_validation_set_of_the_split(made: Path) -> None:
    prepared = mt.config._prepare.prepare(load_config(made / "run.toml"))
    first, second = prepared.splits_of_seeds(2)
    (data,) = prepared.data
    assert len(first[0].split.validation) == len(data.split.validation)
    pd.testing.assert_frame_equal(first[0].validation_set.y, data.validation_set.y)
    assert set(second[0].split.validation) != set(first[0].split.validation)
    test = set(data.test_set.series)
    for each in (first, second):
        assert not test & set(each[0].samples.series)


def test_the_commands_read_it(made: Path, tmp_path: Path) -> None:
    run, data = made / "run", made / "data.csv"
    info = invoke("info", run)
    assert info.exit_code == 0, info.output
    assert "Small network" in info.output
    predictions = tmp_path / "predictions.csv"
    assert invoke("predict", run, data, "--output", predictions).exit_code == 0
    table = pd.read_csv(predictions)
    assert list(table) == ["run", "load", "state", "p(state=high)", "p(state=low)"]
    assert len(table) == 60
    evaluated = invoke("evaluate", run, data)
    assert evaluated.exit_code == 0, evaluated.output
    checked = invoke("check", run / "config.toml")
    assert checked.exit_code == 0, checked.output
    assert "Memory" in checked.output


def test_loading_gives_the_ensemble(made: Path) -> None:
    model = mt.load(made / "run")
    assert isinstance(model, mt.Ensemble)
    assert list(model.members_) == ["Small network", "gru"]


def test_an_interrupted_run_continues(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load_config(made / "run.toml")
    train, n_calls = _train_members.train, 0

    def interrupted(*arguments: object) -> mt.MultiTaskEstimator:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 3:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(_train_members, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mt.run_fit(whole, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()
    assert len(list((tmp_path / "run.partial" / "members").iterdir())) == 2
    run = mt.run_fit(whole, tmp_path / "run", verbose=0)
    assert n_calls == 5
    assert not (tmp_path / "run.partial").exists()
    pd.testing.assert_frame_equal(
        run.metrics, pd.read_parquet(made / "run" / "metrics.parquet")
    )


def test_best_makes_members_for_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    options = ("--label", "load", "--series", "run", "--max-epochs", 1, "--n-seeds", 1)
    result = invoke(
        "fit", "data.csv", *options, "--best", "--budget", "1s", "--output", "run"
    )
    assert result.exit_code == 0, result.output
    assert "Members" in result.output
    assert isinstance(mt.load("run"), mt.Ensemble)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            'name = "gru"\nb',
            'name = "Small network"\nb',
            ("`members.1.name`", "Small network"),
        ),
        ("lr = 0.01", "lr = -1", ("`members.gru`", "-1")),
        ("lr = 0.01", "learning = 1", ("`members.gru`", "learning")),
        ("n_seeds = 2", "n_seeds = 0", ("`ensemble.n_seeds`", "0")),
        ("n_seeds = 2", "seeds = 2", ("`ensemble`", "seeds", "n_seeds")),
        ("n_seeds = 2", 'budget = "soon"', ("`budget`", "soon")),
    ],
)
def test_wrong_configurations_are_refused_before_training(
    old: str, new: str, parts: tuple[str, ...], made: Path, tmp_path: Path
) -> None:
    assert old in CONFIG
    path = tmp_path / "wrong.toml"
    path.write_text(
        CONFIG.replace(old, new).replace("data.csv", str(made / "data.csv"))
    )
    result = invoke("fit", path, "--output", tmp_path / "run")
    assert result.exit_code == 2
    for part in parts:
        assert part in result.output
    assert invoke("check", path).exit_code == 2
    assert list(tmp_path.iterdir()) == [path]


def test_an_ensemble_table_without_members_is_refused() -> None:
    parsed = parse_config(
        {"data": {"path": "x.csv"}, "ensemble": {"n_seeds": 2}}, Path()
    )
    assert any("`ensemble`" in problem for problem in parsed.problems)


def test_a_budget_without_an_ensemble_is_refused(made: Path) -> None:
    result = invoke("fit", made / "data.csv", "--label", "load", "--budget", "5m")
    assert result.exit_code == 2
    assert "`budget`" in result.output
    assert "--best" in result.output


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format": "multitide ensemble"', '"format": "other"'),
        ('"schema_version": 1', '"schema_version": 9'),
        ('"weights": {', '"weights": {"other": 0.5, '),
        ('"seed": 0', '"seed": -1'),
        ('"0-gru', '"../0-gru'),
        ('"0-gru', '"9-gru'),
    ],
)
def test_altered_records_are_refused(
    old: str, new: str, made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(made / "run", folder)
    path = folder / "ensemble.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    result = invoke("info", folder)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_member_that_is_gone_is_named(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(made / "run", folder)
    place = next((folder / "members").iterdir())
    (place / MODEL_FILE).unlink()
    with refused(place.name):
        mt.load(folder)
