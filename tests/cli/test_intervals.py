"""Calibration and intervals from a configuration and by the commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from makers import write_runs
from multitide.cli import app
from multitide.cli._evaluate import grouped_as_split
from multitide.data._samples import Samples

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIG = """
random_state = 0
device = "cpu"

[data]
path = "data.csv"
series = "run"

[[tasks]]
name = "load"

[[tasks]]
name = "state"

[split]
by = "random"
calibration = {calibration}

[backbone]
name = "trees"
n_trees = 10

[training]
calibrate = "{calibrate}"
"""


def call(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a run that holds calibration samples out."""
    place = tmp_path_factory.mktemp("intervals")
    write_runs(place, 160)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        Path("run.toml").write_text(CONFIG.format(calibration=0.3, calibrate="auto"))
        shown = call("fit", "run.toml", "--output", "run")
        assert "calibration" in shown
    return place


@pytest.fixture(autouse=True)
def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_predict_adds_columns_for_intervals_and_sets() -> None:
    call("predict", "run", "data.csv", "--output", "p.csv", "--interval", "0.9")
    table = pd.read_csv("p.csv")
    assert (table["load_low"] < table["load"]).all()
    assert (table["load"] < table["load_high"]).all()
    assert set(table["state_set"]) <= {"high", "low", "high | low", "low | high"}
    assert (table["state_set"].str.split(" ").str[0] == table["state"]).all()
    call("predict", "run", "data.csv", "--output", "plain.csv")
    plain = pd.read_csv("plain.csv")
    pd.testing.assert_frame_equal(table[list(plain)], plain)


def test_evaluate_shows_coverage_and_width() -> None:
    shown = call("evaluate", "run", "data.csv", "--interval", "0.8")
    assert "coverage" in shown
    assert "0.8" in shown
    assert "coverage" not in call("evaluate", "run", "data.csv")


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize("level", ["0.999", "0", "2"])
def test_an_impossible_level_is_refused(command: str, level: str) -> None:
    arguments = [command, "run", "data.csv", "--output", "q.csv", "--interval", level]
    shown = call(*arguments, code=2)
    assert "`level`" in shown
    assert not Path("q.csv").exists()


def test_the_report_shows_calibration_and_intervals(folder: Path) -> None:
    report = (folder / "run/report.md").read_text()
    assert "| calibration |" in report
    assert "## Intervals and sets" in report
    for level in ("0.8", "0.9", "0.95"):
        assert f"| load | {level} |" in report


def test_coverage_is_that_of_the_groups_of_the_split(tmp_path: Path) -> None:
    X = np.zeros((4, 1, 3), np.float32)
    samples = Samples.from_arrays(X).replace(extra=pd.DataFrame({"run": list("aabb")}))
    assert grouped_as_split(tmp_path, "", samples).unit is None  # a model, not a run
    split = '[split]\nby = "group"\ncolumn = "run"\n'
    (tmp_path / "config.toml").write_text(f'[data]\npath = "data.csv"\n{split}')
    found = grouped_as_split(tmp_path, "", samples).unit
    assert found is not None
    assert list(found) == list("aabb")
    assert grouped_as_split(tmp_path, "", samples.replace(extra=None)).unit is None
    named = f'[[data]]\nname = "rig"\npath = "data.csv"\n{split}'
    (tmp_path / "config.toml").write_text(named)
    assert grouped_as_split(tmp_path, "rig", samples).unit is not None
    assert grouped_as_split(tmp_path, "plant", samples).unit is None


@pytest.mark.parametrize(
    "content",
    [
        'split = "group"\n[data]\npath = "a.csv"\n',
        "data = 3",
        '[[data]]\nname = "a"',
        "[",
    ],
)
def test_a_damaged_configuration_of_a_run_is_not_read(
    content: str, folder: Path, tmp_path: Path
) -> None:
    """The model does not need it."""
    run = shutil.copytree(folder / "run", tmp_path / "run")
    (run / "config.toml").write_text(content)
    shown = call("evaluate", str(run), str(folder / "data.csv"))
    assert "rmse" in shown
    assert "fingerprint" in call("info", str(run))


def test_too_few_labels_are_refused_before_training() -> None:
    Path("few.toml").write_text(CONFIG.format(calibration=0.03, calibrate="auto"))
    for arguments in (["check", "few.toml"], ["fit", "few.toml", "--output", "few"]):
        shown = call(*arguments, code=2)
        assert "at least 10 labels" in shown
    assert not Path("few").exists()
