"""``multitide tune``: what it writes runs, and a search that lies there is resumed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from multitide.cli import app
from multitide.config._config_problems import config_problems
from multitide.data._simulate_rig import simulate_rig

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIG = """
max_epochs = 2
random_state = 0
device = "cpu"
tasks = ["severity", "operator"]

[data]
path = "data.csv"
labels = "labels.csv"
series = "run"

[split]
by = "random"
validation = 0.3

[backbone]
name = "fcn"
filters = [4, 4, 4]

[tune]
n_trials = 4
n_jobs = 1

[tune.space]
lr = {low = 0.01, high = 0.1, log = true}
backbone = false
sharing = false
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from multitide.cli._demo import as_tables

    series, labels = as_tables(simulate_rig(60, random_state=0))
    series.drop(columns="time").to_csv(tmp_path / "data.csv", index=False)
    labels[["run", "severity", "operator"]].to_csv(tmp_path / "labels.csv", index=False)
    (tmp_path / "small.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output + str(result.exception)
    return result


@pytest.mark.slow
def test_the_best_configuration_is_fitted_unchanged(folder: Path) -> None:
    shown = call("tune", "small.toml", "--output", "search", "--quiet").stdout
    assert "validation loss" in shown and "multitide fit search/best.toml" in shown
    # A longer budget alone would not go beyond `n_trials`.
    assert "--output search --budget 2h --trials 8" in shown
    for name in (
        "best.toml",
        "report.html",
        "report.md",
        "trials.parquet",
        "metrics.parquet",
    ):
        assert (folder / "search" / name).is_file()
    best = tomllib.loads((folder / "search/best.toml").read_text())
    assert best["backbone"] == {"name": "fcn", "filters": [4, 4, 4]}
    assert 0.01 <= best["lr"] <= 0.1
    call("fit", "search/best.toml", "--output", "run", "--quiet")
    fitted = pd.read_parquet("run/metrics.parquet")
    found = pd.read_parquet("search/metrics.parquet")
    tuned = found[found["which"] == "tuned"].reset_index(drop=True)
    pd.testing.assert_frame_equal(fitted, tuned[list(fitted)], rtol=1e-4)

    before = (folder / "search/journal.jsonl").read_bytes()
    call("tune", "small.toml", "--output", "search", "--trials", "5", "--quiet")
    assert len(pd.read_parquet("search/trials.parquet")) == 5
    assert (folder / "search/journal.jsonl").read_bytes().startswith(before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            ("n_trials = 4", "n_trial = 4"),
            "`tune` has no parameter 'n_trial'. Did you mean 'n_trials'?",
        ),
        (
            ("backbone = false", "backbone = 3"),
            "`tune.space.backbone` must be a list of names",
        ),
        (
            ("max_epochs = 2", "max_epochs = 2\nvalidation = 0.2"),
            "[split] validation = 0.15",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_trained(
    folder: Path, change: tuple[str, str], words: str
) -> None:
    (folder / "small.toml").write_text(CONFIG.replace(*change))
    result = call("tune", "small.toml", "--output", "search", code=2)
    assert words in result.stderr.replace("\n", " ")
    assert not (folder / "search").exists()


def test_check_reads_the_space(folder: Path) -> None:
    assert config_problems("small.toml") == []
    (folder / "small.toml").write_text(
        CONFIG.replace("sharing = false", 'sharing = ["hart"]')
    )
    assert any(
        "Did you mean 'hard'?" in problem for problem in config_problems("small.toml")
    )
