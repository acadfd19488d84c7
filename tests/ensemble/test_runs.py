"""Runs with an ensemble: the configuration, the run folder, and the commands that read it."""

from __future__ import annotations

import os
import shutil
import signal
import tomllib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import multitide as mt
from makers import write_runs
from multitide._claim_folder import claim_folder
from multitide._folder_kinds import FITS_FORMAT
from multitide._partial_folder import partial_folder
from multitide.cli import app
from multitide.config._load_config import load_config, parse_config
from multitide.config._prepare import prepare
from multitide.ensemble import _train_members
from multitide.ensemble._held_out_file import HELD_OUT
from multitide.ensemble._store import read_ensemble, remove_other_fits
from multitide.model._store import MODEL_FILE
from multitide.training._trainer import Trainer
from refusals import refused

pytestmark = pytest.mark.usefixtures("blank_figures")

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


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, a configuration and its run."""
    folder = tmp_path_factory.mktemp("ensemble")
    write_runs(folder, 60)
    (folder / "run.toml").write_text(CONFIG)
    mt.run_fit(folder / "run.toml", folder / "run", verbose=0)
    return folder


def test_the_run_folder_holds_the_ensemble_and_its_report(made: Path) -> None:
    assert not list(made.rglob(HELD_OUT))  # only an unfinished run needs it
    run = made / "run"
    assert {path.name for path in run.iterdir()} == {
        "calibration.safetensors",
        "config.toml",
        "ensemble.json",
        "figures",
        "history.jsonl",
        "members",
        "metrics.parquet",
        "report.html",
        "report.md",
    }
    assert len(list((run / "members").glob("[0-9]*"))) == 4
    report = (run / "report.md").read_text()
    assert "## Members" in report
    assert "Small network" in report


@pytest.mark.slow
def test_the_configuration_of_the_run_repeats_it(made: Path, tmp_path: Path) -> None:
    again = mt.run_fit(made / "run" / "config.toml", tmp_path / "again", verbose=0)
    pd.testing.assert_frame_equal(
        again.metrics, pd.read_parquet(made / "run" / "metrics.parquet")
    )


def test_the_first_seed_has_the_validation_set_of_the_split(made: Path) -> None:
    prepared = prepare(load_config(made / "run.toml"))
    first, second = prepared.splits_of_seeds(2, 0)
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
    train, n_calls = _train_members.train_member, 0

    def interrupted(*arguments: object) -> mt.MultiTaskEstimator:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 3:
            raise KeyboardInterrupt
        return train(*arguments)

    monkeypatch.setattr(_train_members, "train_member", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mt.run_fit(whole, tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()
    kept = tmp_path / "run.partial" / "members"
    assert len(list(kept.glob("[0-9]*"))) == 2
    run = mt.run_fit(whole, tmp_path / "run", verbose=0)
    assert n_calls == 5
    assert not (tmp_path / "run.partial").exists()
    pd.testing.assert_frame_equal(
        run.metrics, pd.read_parquet(made / "run" / "metrics.parquet")
    )


@pytest.mark.slow
def test_best_makes_members_for_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_runs(tmp_path, 60)
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
        ("n_seeds = 2", 'budget = "soon"', ("`ensemble.budget`", "soon")),
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
    place = next((folder / "members").glob("[0-9]*"))
    (place / MODEL_FILE).unlink()
    with refused(place.name):
        mt.load(folder)


def test_a_foreign_partial_folder_is_neither_read_nor_changed(
    made: Path, tmp_path: Path
) -> None:
    precious = (
        tmp_path / "run.partial" / "members" / "0-mine-0123456789ab" / "notes.txt"
    )
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    with refused("`folder`", "run.partial"):
        mt.run_fit(load_config(made / "run.toml"), tmp_path / "run", verbose=0)
    assert precious.read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]


def test_what_is_not_a_fit_stays_in_the_folder_of_the_fits(
    made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(made / "run", folder)
    members = folder / "members"
    (members / "notes.txt").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (members / "0-link-0123456789ab").symlink_to(tmp_path / "elsewhere")
    (members / "0-earlier-0123456789ab").mkdir()
    (members / ".0-cut-0123456789ab-x1_y").mkdir()
    before = {path.name for path in members.iterdir()}
    remove_other_fits(read_ensemble(folder), folder)
    assert before - {path.name for path in members.iterdir()} == {
        "0-earlier-0123456789ab",
        ".0-cut-0123456789ab-x1_y",
    }
    assert (tmp_path / "elsewhere").is_dir()


def test_a_run_in_the_making_is_refused(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with partial_folder(folder, keep="members", kind=FITS_FORMAT) as draft:
        claim_folder(draft / "members", FITS_FORMAT)
        with (
            refused("`folder`", "in the making"),
            partial_folder(folder, keep="members", kind=FITS_FORMAT),
        ):
            pass
        assert draft.is_dir()
    assert not (folder / ".lock").exists()


def test_bad_data_leave_nothing_behind(made: Path, tmp_path: Path) -> None:
    config = load_config(made / "run.toml")
    params = {"backbone": "lstm_fcn"}  # needs longer series
    wrong = replace(config, members={"long": params}, table={})
    with refused("`X`"):
        mt.run_fit(wrong, tmp_path / "run", verbose=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--backbone", "gru"), ("`backbone`", "'gru'")),
        (("--representation", "minirocket"), ("`inputs.representation`", "minirocket")),
        (("--pretrain", "load"), ("`training.pretrain`", "load")),
    ],
)
def test_options_that_the_default_members_set_are_refused(
    options: tuple[str, ...], parts: tuple[str, ...], made: Path, tmp_path: Path
) -> None:
    words = (
        "--label",
        "load",
        "--series",
        "run",
        "--best",
        "--output",
        tmp_path / "run",
    )
    result = invoke("fit", made / "data.csv", *words, *options)
    assert result.exit_code == 2
    for part in parts:
        assert part in result.output
    assert list(tmp_path.iterdir()) == []


def test_the_own_rule_of_a_configuration_holds_out_the_samples(made: Path) -> None:
    text = 'validation = {by = "random", validation = 0.4}\n' + CONFIG
    parsed = parse_config(tomllib.loads(text), made)
    assert parsed.problems == []
    prepared = prepare(parsed.config)
    for (data,) in prepared.splits_of_seeds(2, 0):
        share = len(data.split.validation) / len(data.samples)
        assert share == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_which_continues(
    number: signal.Signals, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    step, networks = Trainer.step, set()

    def stepping(self: Trainer, *arguments: object) -> object:
        networks.add(self)  # kept, so that no later one has its id
        if len(networks) == 2:
            os.kill(os.getpid(), number)
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stepping)
        result = invoke(
            "fit", made / "run.toml", "--output", tmp_path / "run", "--quiet"
        )
    signal.signal(signal.SIGINT, before)
    assert result.exit_code == 128 + number
    assert "run.partial" in result.stderr
    assert not (tmp_path / "run").exists()
    kept = tmp_path / "run.partial" / "members"
    assert len([path for path in kept.iterdir() if path.name[0] != "."]) == 1
    again = invoke("fit", made / "run.toml", "--output", tmp_path / "run", "--quiet")
    assert again.exit_code == 0, again.output
    whole = pd.read_parquet(made / "run" / "metrics.parquet")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "run" / "metrics.parquet"), whole
    )


@pytest.mark.parametrize("command", ["fit", "check"])
def test_an_ensemble_is_named_where_a_table_is_expected(
    command: str, made: Path
) -> None:
    result = invoke(command, made / "run")
    assert result.exit_code == 2
    assert "run folder" in result.output or "must be" in result.output


def test_a_representation_is_refused_for_an_ensemble(made: Path) -> None:
    with refused("`representation`", "members"):
        mt.load(made / "run", representation=object())
