"""`run_fit` makes the run folder of the command, reads each table once and runs the model once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import multitide
from makers import a_third_now, write_runs
from multitide.backbones import FCN
from multitide.cli import app
from multitide.config._data_section import DataSection
from multitide.data.tables import _open_tables
from multitide.errors import StoreError
from multitide.model._model_so_far import ModelSoFar
from multitide.network._network import Predictor
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

[backbone]
name = "fcn"
filters = [4, 4, 4]
kernel_sizes = [3, 3, 3]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a table of 40 runs, and a configuration."""
    write_runs(tmp_path, 40)
    (tmp_path / "small.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Count how often a table is read and how many samples the fitted model predicts."""
    counts: Counter[str] = Counter()
    open_table, forward = _open_tables.open_table, Predictor.forward

    def reading(*args: Any, **options: Any) -> Any:
        counts["reads"] += 1
        return open_table(*args, **options)

    def predicting(self: Predictor, x: Any, *args: Any) -> Any:
        counts["predicted"] += len(x)
        return forward(self, x, *args)

    monkeypatch.setattr(_open_tables, "open_table", reading)
    monkeypatch.setattr(Predictor, "forward", predicting)
    yield counts


def call(*arguments: str) -> None:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_the_folder_is_that_of_the_command(folder: Path) -> None:
    call("fit", "small.toml", "--output", "command", "--quiet")
    run = multitide.run_fit("small.toml", "python", verbose=0)
    assert run.folder == Path("python")
    assert files(folder / "python") == files(folder / "command")
    metrics = [
        pd.read_parquet(folder / name / "metrics.parquet")
        for name in ("command", "python")
    ]
    pd.testing.assert_frame_equal(*metrics)
    pd.testing.assert_frame_equal(run.metrics, metrics[1])
    for name in ("weights.safetensors", "config.toml"):
        assert (folder / "python" / name).read_bytes() == (
            folder / "command" / name
        ).read_bytes()
    assert (
        "multitide.run_fit('small.toml', 'python')"
        in (folder / "python/report.md").read_text()
    )


def test_it_returns_the_model_and_the_data_that_it_was_fitted_on(folder: Path) -> None:
    run = multitide.run_fit(multitide.load_config("small.toml"), "run", verbose=0)
    (data,) = run.data
    loaded = multitide.MultiTaskEstimator.load("run")
    pd.testing.assert_frame_equal(
        run.estimator.predict(data.test_set), loaded.predict(data.test_set)
    )
    pd.testing.assert_frame_equal(run.metrics, loaded.evaluate(data.test_set))
    sizes = [len(data.training_set), len(data.validation_set), len(data.test_set)]
    assert sum(sizes) == len(data.samples) == 40


def test_a_configuration_made_in_python_is_written_whole(folder: Path) -> None:
    section = DataSection(
        {"path": folder / "data.csv", "series": "run"}, split={"by": "random"}
    )
    backbone = FCN(filters=(4, 4, 4), kernel_sizes=(3, 3, 3))
    params = {"max_epochs": 1, "backbone": backbone, "random_state": 1}
    config = multitide.Config([section], tasks=["load", "state"], estimator=params)
    run = multitide.run_fit(config, "run", verbose=0)
    again = multitide.run_fit("run/config.toml", "again", verbose=0)
    pd.testing.assert_frame_equal(run.metrics, again.metrics)


def test_an_existing_folder_is_refused_before_anything_is_read(
    folder: Path, counted: Counter[str]
) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "mine.txt").touch()
    with refused("`folder`", "'run'", error=StoreError):
        multitide.run_fit("small.toml", "run")
    assert not counted


def test_nothing_is_left_of_a_run_that_fails_before_it_has_a_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("multitide.training._trainer.Trainer.train_epoch", fail)
    before = files(folder)
    with pytest.raises(ZeroDivisionError):
        multitide.run_fit("small.toml", "run", verbose=0)
    assert files(folder) == before


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("_run_fit.write_run_report", ZeroDivisionError),
        ("_run_fit.metric_table", KeyboardInterrupt),
        ("model._write_folder.write_history", OSError),
    ],
)
def test_the_model_of_a_run_that_fails_later_is_kept(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    error: type[BaseException],
) -> None:
    def fail(*args: object) -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(f"multitide.{place}", fail)
        with pytest.raises((error, StoreError)):
            multitide.run_fit("small.toml", "run", verbose=0)
    assert not (folder / "run").exists()
    kept = multitide.MultiTaskEstimator.load("run.partial/model")
    multitide.run_fit("run.partial/config.toml", "again", verbose=0)
    again = multitide.MultiTaskEstimator.load("again")
    samples = multitide.read_like(again.stored_.data[0].reading, "data.csv")
    pd.testing.assert_frame_equal(kept.predict(samples), again.predict(samples))


@pytest.mark.parametrize(
    "extra",
    a_third_now(["", 'sharing = "none"', 'keep = "per_task"', 'weighting = "search"']),
)
def test_the_best_model_and_the_history_so_far_are_there_at_any_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    text = (folder / "small.toml").read_text()
    (folder / "small.toml").write_text(f"{extra}\n{text}")
    seen = []
    on_epoch_end = ModelSoFar.on_epoch_end

    def look(self: ModelSoFar, trainer: Any, rows: Any) -> None:
        on_epoch_end(self, trainer, rows)
        model = multitide.MultiTaskEstimator.load("run.partial/model")
        table = model.predict(
            multitide.read_like(model.stored_.data[0].reading, "data.csv")
        )
        n_lines = len((folder / "run.partial/history.jsonl").read_text().splitlines())
        seen.append((set(table), n_lines))

    monkeypatch.setattr(ModelSoFar, "on_epoch_end", look)
    monkeypatch.setattr("multitide.model._model_so_far.MOST_OF_THE_TIME", 1.0)
    multitide.run_fit("small.toml", "run", verbose=0)
    assert seen[-1][0] == {"load", "state"}
    assert [n for _, n in seen] == sorted(n for _, n in seen)
    assert not {"run.partial", "run/model"} & files(folder)


def test_an_unfinished_run_is_refused_by_name(folder: Path) -> None:
    (folder / "run.partial").mkdir()
    with refused("`folder`", "run.partial", "delete", error=StoreError):
        multitide.run_fit("small.toml", "run", verbose=0)
    with refused("run.partial", "unfinished", error=StoreError):
        multitide.MultiTaskEstimator.load("run.partial")
    for command in ("predict", "evaluate", "info"):
        arguments = ["run.partial", "data.csv", "--output", "p.csv"][
            : 1 if command == "info" else 4
        ]
        result = CliRunner().invoke(app, [command, *arguments])
        assert result.exit_code == 2
        assert "unfinished" in result.output
    result = CliRunner().invoke(app, ["fit", "small.toml", "--output", "new.partial"])
    assert result.exit_code == 2
    assert ".partial" in result.output


# -- once ------------------------------------------------------------------------------------------


def test_fit_reads_once_and_predicts_the_test_set_once(
    folder: Path, counted: Counter[str]
) -> None:
    run = multitide.run_fit("small.toml", "run", verbose=0)
    # The validation set is predicted for calibration and for the profile of the data.
    held_out = run.data[0].split.validation
    predicted = [*run.data[0].split.test, *held_out, *held_out]
    assert counted == {"reads": 1, "predicted": len(predicted)}


def test_check_reads_once(folder: Path, counted: Counter[str]) -> None:
    call("check", "small.toml")
    assert counted == {"reads": 1}


def test_init_reads_once(folder: Path, counted: Counter[str]) -> None:
    call("init", "data.csv", "--label", "load", "--output", "new.toml")
    assert counted == {"reads": 1}


def test_predict_runs_the_model_once(folder: Path, counted: Counter[str]) -> None:
    call("fit", "small.toml", "--output", "run", "--quiet")
    counted.clear()
    call("predict", "run", "data.csv", "--output", "predictions.csv")
    assert counted == {"reads": 1, "predicted": 40}
