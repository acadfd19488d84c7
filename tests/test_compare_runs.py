"""`compare_runs`: two models on the same samples, which neither has seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import multitide as mt
from multitide import _run_fit
from multitide.cli import app
from refusals import refused

pytestmark = pytest.mark.usefixtures("blank_figures")

TOML = """
max_epochs = 1
random_state = 0
device = "cpu"
backbone = "fc"

[data]
path = "{path}"
window = {window}
time = "t"

[split]
by = "time"
"""
N_OLD, N_NEW = 300, 500


def rows(n_rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n_rows)
    return pd.DataFrame(
        {
            "t": pd.date_range("2024", periods=n_rows, freq="h"),
            "x": x,
            "load": 5 * x + rng.normal(size=n_rows),
            "state": np.where(x > 0, "on", "off"),
            "other": np.where(rng.normal(size=n_rows) > 0, "a", "b"),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An old run, and a new one that started from it, with more rows, tasks and a longer window."""
    folder = tmp_path_factory.mktemp("runs")
    table = rows(N_NEW)
    table[:N_OLD].to_csv(folder / "old.csv", index=False)
    table.to_csv(folder / "new.csv", index=False)
    old = TOML.format(path="old.csv", window=4)
    new = TOML.format(path="new.csv", window=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(_run_fit, "write_run_report", lambda *_: None)  # takes seconds
        (folder / "old.toml").write_text('tasks = ["load", "state"]\n' + old)
        (folder / "new.toml").write_text('tasks = ["load", "other"]\n' + new)
        (folder / "same.toml").write_text('tasks = ["load", "state"]\n' + old)
        for name in ("old", "new", "same"):
            mt.run_fit(f"{name}.toml", name, verbose=0)
    return folder


@pytest.fixture(autouse=True)
def _inside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(_run_fit, "write_run_report", lambda *_: None)


def test_samples_of_both_training_sets_are_left_out() -> None:
    found = mt.compare_runs("old", "new", "new.csv")
    new = mt.load_config("new/config.toml")
    samples = new.read()
    test = new.splitter(samples).split(samples).test
    assert found.n_samples == len(test)
    (note,) = found.notes
    assert f"{len(samples) - len(test)} of {len(samples)}" in note


def test_the_metrics_are_those_of_the_models() -> None:
    table = mt.compare_runs("old", "new", "new.csv").table.set_index("task")
    new = mt.MultiTaskEstimator.load("new")
    config = mt.load_config("new/config.toml")
    samples = config.read()
    split = config.splitter(samples).split(samples)
    metrics = new.evaluate(samples[split.test])
    rmse = metrics.query("task == 'load' and metric == 'rmse'")["value"].item()
    row = table.loc["load"]
    assert row["metric"] == "rmse"
    assert row["new"] == pytest.approx(rmse)
    assert row["gain"] == pytest.approx(row["old"] - row["new"])
    assert row["low"] < row["gain"] < row["high"]


def test_tasks_of_one_model_are_listed() -> None:
    table = mt.compare_runs("old", "new", "new.csv").table.set_index("task")
    assert list(table.index) == ["load", "state", "other"]
    assert table.loc["state", "why"] == "only the old model has it"
    assert table.loc["other", "why"] == "only the new model has it"


def test_equal_models_are_the_same() -> None:
    table = mt.compare_runs("old", "same", "new.csv").table
    assert list(table["verdict"]) == ["same", "same"]


def test_nothing_is_left_of_old_data() -> None:
    with refused("`data`", "neither was trained on", "newer data"):
        mt.compare_runs("old", "new", "old.csv")


def test_a_run_without_its_table_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mt.MultiTaskEstimator.load("old").save(tmp_path / "model")
    found = mt.compare_runs(tmp_path / "model", "new", "new.csv")
    assert "not known" in found.notes[0]
    assert str(tmp_path / "model") in found.notes[0]


def test_a_changed_table_is_not_taken_for_the_training_table(tmp_path: Path) -> None:
    table = rows(N_OLD)
    table.to_csv(tmp_path / "t.csv", index=False)
    config = mt.load_config("old.toml")
    section = mt.DataSection(
        {**config.data[0].options, "path": str(tmp_path / "t.csv")}
    )
    changed = mt.Config([section], tasks=config.tasks, estimator=config.estimator)
    mt.run_fit(changed, tmp_path / "run", verbose=0)
    assert not mt.compare_runs(tmp_path / "run", "old", "new.csv").notes[1:]
    table.assign(x=1 - table["x"]).to_csv(tmp_path / "t.csv", index=False)
    assert "not known" in mt.compare_runs(tmp_path / "run", "old", "new.csv").notes[0]


def test_the_command_shows_and_writes_the_table(tmp_path: Path) -> None:
    output = tmp_path / "c.csv"
    words = ["compare-runs", "old", "new", "new.csv", "--output", str(output)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "rmse" in result.output
    written = pd.read_csv(output)
    assert list(written["task"]) == ["load", "state", "other"]


def test_the_training_of_the_start_is_known(tmp_path: Path) -> None:
    rows(N_NEW)[N_OLD:].to_csv("tail.csv", index=False)
    text = 'tasks = ["load", "state"]\n' + TOML.format(path="tail.csv", window=4)
    counts = []
    for name, start in (("alone", ""), ("started", '\n[training]\nstart = "old"\n')):
        Path(f"{name}.toml").write_text(text + start)
        mt.run_fit(f"{name}.toml", tmp_path / name, verbose=0)
        run = tmp_path / name
        counts.append(mt.compare_runs(run, run, "new.csv").n_samples)
    alone, started = counts
    assert alone > N_OLD > 2 * started
