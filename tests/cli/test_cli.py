"""The command as a user types it: output, files, and messages about wrong input."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import multitide
from multitide._estimator import MultiTaskEstimator
from multitide._require_extra import EXTRAS
from multitide.cli import app
from multitide.data._simulate_rig import simulate_rig
from multitide.data.tables._read_table import read_table
from multitide.study import Comparison, LabelCurve
from multitide.study.conditions._conditions import TITLES

Call = Callable[..., Any]
demo = importlib.import_module(
    "multitide.cli._demo"
)  # `multitide.cli._demo` itself is the function
SMALL = """
max_epochs = 2
random_state = 0
device = "cpu"

[data]
path = "data.csv"
labels = "labels.csv"
series = "run"
static = ["size"]

[split]
by = "random"

[[tasks]]
name = "load"

[[tasks]]
name = "state"

[backbone]
name = "lstm_fcn"
hidden_size = 4
filters = [4, 4, 4]
kernel_sizes = [3, 3, 3]
"""
KINDS = """
max_epochs = 1
random_state = 0
device = "cpu"

[data]
path = "hourly.csv"
time = "hour"
window = 16
channels = ["load"]

[split]
by = "time"

[[tasks]]
name = "load"
kind = "forecast"
horizon = 2

[[tasks]]
name = "objects"
kind = "multi_label"
columns = ["person", "car"]

[[tasks]]
name = "heat"
kind = "regression"
loss = "quantile"

"""


pytestmark = pytest.mark.usefixtures("blank_figures")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: tables of 60 runs, and a configuration of a small network."""
    write_tables(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_tables(folder: Path) -> None:
    rng = np.random.default_rng(0)
    runs, steps = 60, 16
    level = rng.normal(size=(runs, 1, 2))
    series = (level + 0.3 * rng.normal(size=(runs, steps, 2))).round(3)
    long = pd.DataFrame(series.reshape(-1, 2), columns=["a", "b"])
    long.insert(0, "run", np.repeat(np.arange(runs), steps))
    long.to_csv(folder / "data.csv", index=False)
    state = np.where(level[:, 0, 0] > 0, "high", "low")
    load = pd.Series(level[:, 0, 1].round(4)).mask(rng.random(runs) < 0.2)
    size = rng.normal(size=runs).round(2)
    labels = pd.DataFrame(
        {"run": np.arange(runs), "load": load, "state": state, "size": size}
    )
    labels.to_csv(folder / "labels.csv", index=False)
    long.merge(labels, on="run").to_csv(folder / "one.csv", index=False)
    (folder / "small.toml").write_text(SMALL)


@pytest.fixture
def call(folder: Path) -> Call:
    """Run the command in the folder; it must exit with `code`."""
    return run


def run(*arguments: str, code: int = 0) -> Any:
    """Run the command and return the result."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exit_code != code:
        raise AssertionError(
            f"exit {result.exit_code}\n{result.output}"
        ) from result.exception
    return result


@pytest.fixture(scope="module")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the tables, which stays as it is."""
    folder = tmp_path_factory.mktemp("tables")
    write_tables(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run("fit", "small.toml", "--output", "run", "--quiet")
    return folder / "run"


@pytest.fixture
def fitted(folder: Path, a_run: Path) -> str:
    """A run folder."""
    shutil.copytree(a_run, folder / "run")
    return "run"


def test_the_version_is_shown(call: Call) -> None:
    assert call("--version").stdout.strip() == f"multitide {multitide.__version__}"


def test_python_m_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "multitide", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert multitide.__version__ in done.stdout


def test_fit_tells_what_it_does_and_writes_a_run_folder(
    call: Call, folder: Path
) -> None:
    result = call("fit", "small.toml", "--quiet")
    for words in (
        "Columns",
        "Tasks",
        "Labelled samples per set",
        "Test set, 12 sam",
        "Written: runs/small-001",
    ):
        assert words in result.stdout
    run = folder / "runs" / "small-001"
    names = {path.name for path in run.iterdir()}
    model = {"model.json", "training_data.json", "weights.safetensors"}
    assert names == model | {
        "README.md",
        "history.jsonl",
        "metrics.parquet",
        "report.html",
        "report.md",
        "config.toml",
        "figures",
    }
    estimator = MultiTaskEstimator.load(run)
    assert [task.name for task in estimator.tasks_] == ["load", "state"]
    assert len(estimator.history_) == 2 * 2 * 2


def test_fit_measures_the_test_set_and_nothing_else(
    call: Call, folder: Path, fitted: str
) -> None:
    config = multitide.load_config("small.toml")
    samples = config.read()
    split = config.splitter(samples).split(samples)
    estimator = MultiTaskEstimator.load(fitted)
    metrics = estimator.evaluate(samples[split.test])
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder / fitted / "metrics.parquet"), metrics
    )
    labelled = {
        task: estimator.n_labelled_[task]["train"] for task in ("load", "state")
    }
    assert labelled == samples.y.iloc[split.train].notna().sum().to_dict()


def test_a_run_repeats_itself_from_its_own_configuration(
    call: Call, folder: Path, fitted: str
) -> None:
    call("fit", f"{fitted}/config.toml", "--output", "again", "--quiet")
    assert (folder / "again/weights.safetensors").read_bytes() == (
        folder / "run/weights.safetensors"
    ).read_bytes()
    pd.testing.assert_frame_equal(
        pd.read_parquet("again/metrics.parquet"), pd.read_parquet("run/metrics.parquet")
    )


def test_a_drawn_seed_is_written_down(call: Call, folder: Path) -> None:
    result = call(
        "fit",
        "one.csv",
        "--label",
        "load",
        "--series",
        "run",
        "--max-epochs",
        "2",
        "--backbone",
        "fcn",
        "--quiet",
    )
    seed = tomllib.loads((folder / "runs/one-001/config.toml").read_text())[
        "random_state"
    ]
    assert seed == MultiTaskEstimator.load("runs/one-001").seed_
    assert "trained for 2 epochs in" in result.stderr
    assert "compare" not in result.stdout  # one task has nothing to share
    taken = call(
        "fit", "one.csv", "--label", "load", "--output", "runs/one-001", code=2
    )
    assert "`output` must not exist yet" in taken.stderr


def test_classes_that_a_side_lacks_and_wrong_options_are_reported_before_training(
    call: Call, folder: Path
) -> None:
    table = pd.DataFrame({"x": np.arange(150.0), "kind": ["a", "b"] * 75})
    table.loc[149, "kind"] = "late"
    table.loc[20, "kind"] = "early"
    table.to_csv("rare.csv", index=False)
    options = ("rare.csv", "--label", "kind", "--window", "14", "--quiet")
    quick = ("--max-epochs", "1", "--backbone", "fcn")
    said = call("fit", *options, *quick).stderr
    assert "Warning: Task 'kind': no label of class late in the training set" in said
    assert "Warning: Task 'kind': no label of class early in the test set" in said
    refused = call("fit", *options, "--backbone", "lstmfcn", code=2)
    assert "Did you mean 'lstm_fcn'?" in refused.stderr
    assert "Columns" not in refused.stdout  # nothing was read before


def test_options_go_before_the_file_and_into_the_run(call: Call, folder: Path) -> None:
    call(
        "fit",
        "small.toml",
        "--output",
        "run",
        "--quiet",
        "--max-epochs",
        "1",
        "--random-state",
        "7",
    )
    assert tomllib.loads((folder / "run/config.toml").read_text())["max_epochs"] == 1
    assert MultiTaskEstimator.load("run").seed_ == 7


@pytest.mark.slow
def test_runs_are_numbered(call: Call, folder: Path) -> None:
    for _ in range(2):
        call("fit", "small.toml", "--quiet", "--max-epochs", "1")
    assert sorted(path.name for path in (folder / "runs").iterdir()) == [
        "small-001",
        "small-002",
    ]


@pytest.mark.usefixtures("quick_learners")
def test_a_table_needs_no_configuration(call: Call, folder: Path) -> None:
    options = [
        "--series",
        "run",
        "--static",
        "size",
        "--max-epochs",
        "1",
        "--quiet",
        "--random-state",
        "0",
    ]
    result = call("fit", "one.csv", "--label", "state", "--label", "load", *options)
    assert "numbers that are not whole" in result.stdout
    assert 'kind = "classification"' in result.stdout
    estimator = MultiTaskEstimator.load("runs/one-001")
    kinds = {task.name: task.kind for task in estimator.tasks_}
    assert kinds == {"state": "classification", "load": "regression"}
    assert estimator.channels_ == ("a", "b")
    again = tomllib.loads((folder / "runs/one-001/config.toml").read_text())
    assert again["data"] == {
        "path": str(folder / "one.csv"),
        "static": ["size"],
        "series": "run",
    }


def test_windows_of_a_table(call: Call) -> None:
    call(
        "fit",
        "one.csv",
        "--label",
        "state",
        "--series",
        "run",
        "--window",
        "15",
        "--max-epochs",
        "1",
        "--backbone",
        "fcn",
        "--quiet",
    )
    assert MultiTaskEstimator.load("runs/one-001").n_timepoints_in_ == 15


@pytest.mark.slow
def test_fit_pre_trains_on_some_tasks_and_starts_from_a_model(
    call: Call, folder: Path, fitted: str
) -> None:
    call(
        "fit",
        "small.toml",
        "--quiet",
        "--pretrain",
        "load",
        "--freeze",
        "nothing",
        "--output",
        "fine",
    )
    training = MultiTaskEstimator.load("fine").training
    assert (training.pretrain, training.freeze) == (("load",), "nothing")
    options = ("--start", fitted, "--freeze", "1", "--max-epochs", "1")
    result = call("fit", "small.toml", "--quiet", *options, "--output", "moved")
    assert "Training starts from" in result.stderr
    written = tomllib.loads((folder / "moved/config.toml").read_text())["training"]
    assert written == {"start": str(folder / fitted), "freeze": 1}
    told = {
        name: " ".join(call("info", name).stdout.split())
        for name in (fitted, "fine", "moved")
    }
    assert (
        "pre-trained on │ load" in told["fine"] and "freeze │ nothing" in told["fine"]
    )
    assert (
        f"training started from │ {folder / fitted}" in told["moved"]
        and "freeze │ 1" in told["moved"]
    )
    assert "freeze" not in told[fitted]
    weights = {name: _weights(name) for name in (fitted, "moved")}
    moved = {
        name
        for name, value in weights["moved"].items()
        if not np.array_equal(value, weights[fitted][name])
    }
    learned = [name for name in moved if "running" not in name]
    learned = [name for name in learned if not name.startswith("calibration.")]
    assert learned and all("heads." in name or "conv3" in name for name in learned)
    call("fit", "moved/config.toml", "--quiet", "--output", "again")
    assert (folder / "again/weights.safetensors").read_bytes() == (
        folder / "moved/weights.safetensors"
    ).read_bytes()


def test_options_of_transfer_go_before_the_file_whose_paths_are_its_own(
    call: Call, folder: Path, fitted: str
) -> None:
    (folder / "deep").mkdir()
    text = SMALL.replace('"data.csv"', '"../data.csv"').replace(
        '"labels.csv"', '"../labels.csv"'
    )
    training = '[training]\nstart = "../run"\nweight_decay = 0.1\nfreeze = "backbone"\n'
    (folder / "deep/moved.toml").write_text(text + training)
    assert "Configuration OK" in call("check", "deep/moved.toml").stdout
    call(
        "fit",
        "deep/moved.toml",
        "--quiet",
        "--freeze",
        "gradual",
        "--max-epochs",
        "1",
        "--output",
        "moved",
    )
    part = MultiTaskEstimator.load("moved").training
    assert (part.weight_decay, part.freeze, part.start) == (
        0.1,
        "gradual",
        str(folder / "run"),
    )


def _weights(run: str) -> dict[str, np.ndarray]:
    model = MultiTaskEstimator.load(run).model_
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def test_evaluate_gives_the_estimators_figures(
    call: Call, fitted: str, a_run: Path
) -> None:
    result = call(
        "evaluate",
        fitted,
        str(a_run.parent / "data.csv"),
        "--labels",
        "labels.csv",
        "--output",
        "figures.csv",
    )
    samples = read_table(
        "data.csv",
        labels="labels.csv",
        series="run",
        static=["size"],
        tasks=["load", "state"],
    )
    wanted = MultiTaskEstimator.load(fitted).evaluate(samples)
    pd.testing.assert_frame_equal(pd.read_csv("figures.csv"), wanted, check_dtype=False)
    assert f"{wanted['value'][0]:.4g}" in result.stdout
    assert "was fitted on this file" in " ".join(result.output.split())


@pytest.mark.parametrize("name", ["answers.csv", "answers.parquet"])
def test_predict_says_which_row_is_which(call: Call, fitted: str, name: str) -> None:
    labels = pd.read_csv("labels.csv")
    labels[["run", "size"]].to_csv("statics.csv", index=False)
    call("predict", fitted, "data.csv", "--labels", "statics.csv", "--output", name)
    table = pd.read_csv(name) if name.endswith("csv") else pd.read_parquet(name)
    assert list(table) == ["run", "load", "state", "p(state=high)", "p(state=low)"]
    assert table["run"].tolist() == list(range(60))
    np.testing.assert_allclose(
        table[["p(state=high)", "p(state=low)"]].sum(axis=1), 1, atol=1e-6
    )
    samples = read_table(
        "data.csv",
        labels="labels.csv",
        series="run",
        static=["size"],
        tasks=["load", "state"],
    )
    np.testing.assert_allclose(
        table["load"],
        MultiTaskEstimator.load(fitted).predict(samples)["load"],
        rtol=1e-5,
    )


@pytest.mark.slow
def test_predict_says_when_a_window_ends(call: Call) -> None:
    table = pd.read_csv("one.csv").drop(columns="run").head(200)
    table.insert(0, "time", pd.date_range("2024-01-01", periods=200, freq="h"))
    table.to_csv("timed.csv", index=False)
    options = [
        "--window",
        "15",
        "--split",
        "time",
        "--max-epochs",
        "1",
        "--quiet",
        "--output",
        "run",
    ]
    call("fit", "timed.csv", "--label", "load", *options)
    table.drop(columns=["load"]).head(20).to_csv("new.csv", index=False)
    call("predict", "run", "new.csv", "--output", "answers.csv")
    answers = pd.read_csv("answers.csv", parse_dates=["time"])
    assert answers["time"].tolist() == table["time"][14:20].tolist()


def test_predict_says_which_rows_got_no_prediction_and_why(call: Call) -> None:
    call(
        *("fit", "one.csv", "--label", "load", "--series", "run", "--window", "14"),
        *("--max-epochs", "1", "--backbone", "fcn", "--quiet", "--output", "run"),
    )
    new = pd.read_csv("one.csv").query("run < 3").astype({"run": "Int64"})
    new = new.drop(index=range(3, 16))
    new.loc[20, "run"] = pd.NA
    new.loc[new["run"] == 2, "b"] = np.nan
    new.to_csv("new.csv", index=False)
    said = " ".join(
        call("predict", "run", "new.csv", "--output", "p.csv").output.split()
    )
    assert "1 of 35 rows have no `run`: not used, row 8 of the table" in said
    assert "1 of 3 series have fewer rows than the window (14), 3 rows in all" in said
    assert "4 rows of the table are in no sample and got no prediction" in said
    assert "`b` has no value in 3 of 5 samples, e.g. of series 2" in said
    assert len(pd.read_csv("p.csv")) == 5


@pytest.mark.slow
def test_options_say_how_a_file_is_written(call: Call) -> None:
    table = pd.read_csv("one.csv").drop(columns=["run", "state"]).head(200)
    written: dict[str, Any] = {
        "sep": "|",
        "decimal": ",",
        "encoding": "utf-16",
        "index": False,
    }
    table.to_csv("old.csv", **written)
    options = ("--separator", "|", "--decimal", ",", "--encoding", "utf-16")
    call("init", "old.csv", "--label", "load", *options, "--thousands", "")
    data = tomllib.loads(Path("multitide.toml").read_text())["data"]
    assert (data["separator"], data["decimal"]) == ("|", ",")
    assert (data["encoding"], data["thousands"]) == ("utf-16", "")
    call("check", "multitide.toml")
    fit = ("--label", "load", "--window", "15", *options)
    call("fit", "old.csv", *fit, "--backbone", "linear", "--output", "run")
    call(
        *("represent", "old.csv", "--representation", "minirocket", *fit),
        *("--output", "vectors.csv"),
    )
    call("predict", "run", "old.csv", "--output", "same.csv")
    table.to_csv("new.csv", index=False)
    as_new = ("--separator", ",", "--decimal", ".", "--encoding", "utf-8")
    message = call("predict", "run", "new.csv", "--output", "p.csv", code=2).output
    assert "`encoding`" in message
    call("predict", "run", "new.csv", "--output", "p.csv", *as_new)
    assert Path("p.csv").read_text() == Path("same.csv").read_text()
    call("evaluate", "run", "new.csv", *as_new)


def test_a_format_of_times_is_given_once_and_used_by_predict(call: Call) -> None:
    table = pd.read_csv("one.csv").drop(columns="run").head(200)
    stamps = pd.date_range("2024-01-01", periods=200, freq="h")
    table.insert(0, "when", stamps.strftime("%d.%m.%y %Hh"))
    table.to_csv("short_years.csv", index=False)
    fit = ("fit", "short_years.csv", "--label", "load", "--window", "15")
    message = call(*fit, "--output", "run", code=2).output
    assert "`when`" in message and "`time_format`" in message
    options = ["--split", "time", "--max-epochs", "1", "--quiet", "--output", "run"]
    options += ["--backbone", "fcn"]
    call(*fit, "--time-format", "%d.%m.%y %Hh", *options)
    table.drop(columns=["load"]).head(20).to_csv("new.csv", index=False)
    call("predict", "run", "new.csv", "--output", "answers.csv")
    answers = pd.read_csv("answers.csv", parse_dates=["when"])
    assert answers["when"].tolist() == list(stamps[14:20])
    call("check", "run/config.toml")
    assert "%Q" in call(*fit, "--time-format", "%Q", code=2).output


def test_init_proposes_recordings_and_takes_all_roles(call: Call) -> None:
    frames = []
    for unit in range(1, 9):
        rows = pd.DataFrame({"unit": unit, "cycle": np.arange(1, 31)})
        frames.append(rows.assign(s=np.sin(unit + rows.index), rul=30 - rows["cycle"]))
    pd.concat(frames).to_csv("engines.csv", index=False)
    said = call("init", "engines.csv", "--label", "rul", "--output", "a.toml").output
    assert "`cycle` counts 1, 2, 3, ... within each value of `unit`" in " ".join(
        said.split()
    )
    section = tomllib.loads(Path("a.toml").read_text())["data"]
    assert section["series"] == "unit" and section["time"] == ["cycle"]
    assert section["channels"] == ["s"] and section["window"] > 0
    call("check", "a.toml")

    table = pd.read_csv("engines.csv")
    stamps = pd.date_range("2024-01-01", periods=len(table), freq="30min")
    table.insert(0, "when", stamps.strftime("%d.%m.%y %H:%M"))
    table["weight"] = table["unit"] * 1.5
    table.to_csv("dated.csv", index=False)
    roles = ["--series", "unit", "--time", "when", "--ignore", "cycle"]
    more = ["--static", "weight", "--every", "1h", "--time-format", "%d.%m.%y %H:%M"]
    call("init", "dated.csv", "--label", "rul", *roles, *more, "--output", "b.toml")
    section = tomllib.loads(Path("b.toml").read_text())["data"]
    expected = {
        "series": "unit",
        "time": ["when"],
        "ignore": ["cycle"],
        "static": ["weight"],
        "every": "1h",
        "time_format": "%d.%m.%y %H:%M",
        "channels": ["s"],
    }
    assert expected.items() <= section.items()
    call("check", "b.toml")


def test_forecasts_several_answers_and_quantiles_go_from_a_file_to_answers(
    call: Call, folder: Path
) -> None:
    rng = np.random.default_rng(0)
    hours = np.arange(240)
    table = pd.DataFrame(
        {"hour": hours, "load": np.sin(hours / 4) * 10 + 50 + rng.normal(size=240)}
    ).round(3)
    table["heat"] = (table["load"] + rng.normal(size=240)).round(3)
    table["person"] = np.where(table["load"] > 52, "yes", "no")
    table["car"] = pd.Series(np.where(table["heat"] > 48, "yes", "no")).mask(
        rng.random(240) < 0.3
    )
    table.to_csv("hourly.csv", index=False)
    (folder / "kinds.toml").write_text(KINDS + SMALL[SMALL.index("[backbone]") :])
    call("fit", "kinds.toml", "--output", "run", "--quiet")
    figures = pd.read_parquet("run/metrics.parquet").set_index(["task", "metric"])[
        "value"
    ]
    assert (
        figures[[("load", "skill"), ("objects", "exact_match"), ("heat", "coverage")]]
        .notna()
        .all()
    )
    table.drop(columns=["person", "car", "heat"]).head(30).to_csv(
        "new.csv", index=False
    )
    call("predict", "run", "new.csv", "--output", "answers.csv")
    answers = pd.read_csv("answers.csv")
    assert len(answers) == 30 - 16 + 1
    numbers = answers[["load[+1]", "load[+2]", "q(heat=0.1)", "heat", "q(heat=0.9)"]]
    assert np.isfinite(numbers).all(axis=None)
    assert (answers["q(heat=0.1)"] < answers["heat"]).all() and (
        answers["heat"] < answers["q(heat=0.9)"]
    ).all()
    assert set(answers["person"]) | set(answers["car"]) <= {"yes", "no"}
    samples = multitide.load_config("kinds.toml").read()
    wanted = MultiTaskEstimator.load("run").predict(samples[np.arange(15)])
    np.testing.assert_allclose(answers["load[+2]"], wanted["load[+2]"], rtol=1e-5)


def test_info_says_what_a_model_is(call: Call, fitted: str) -> None:
    output = call("info", fitted).stdout
    parameters = sum(
        parameter.numel()
        for parameter in MultiTaskEstimator.load(fitted).model_.parameters()
    )
    for fact in (
        "load",
        "high, low",
        str(parameters),
        "torch",
        "fingerprint",
        "channel",
        "data.csv",
    ):
        assert fact in output


def test_a_model_folder_is_as_good_as_a_run_folder(call: Call, fitted: str) -> None:
    MultiTaskEstimator.load(fitted).save("model")
    for folder in ("model", fitted):
        call(
            "predict",
            folder,
            "data.csv",
            "--labels",
            "labels.csv",
            "--output",
            f"{folder}.csv",
        )
    pd.testing.assert_frame_equal(
        pd.read_csv("model.csv"), pd.read_csv(f"{fitted}.csv")
    )
    assert "load" in call("info", "model").stdout


@pytest.mark.usefixtures("quick_learners")
def test_init_writes_a_configuration_that_passes_the_check(
    call: Call, folder: Path
) -> None:
    result = call("init", "data.csv", "--labels", "labels.csv")
    assert "multitide check multitide.toml" in result.stdout
    text = (folder / "multitide.toml").read_text()
    assert tomllib.loads(text)["data"] == {
        "path": "data.csv",
        "labels": "labels.csv",
        "series": "run",
        "channels": ["a", "b"],
    }
    assert [task["name"] for task in tomllib.loads(text)["tasks"]] == [
        "load",
        "state",
        "size",
    ]
    assert "Configuration OK" in call("check", "multitide.toml").stdout
    call("fit", "multitide.toml", "--max-epochs", "1", "--quiet", "--output", "run")


def test_init_of_one_table_takes_labels_or_asks_for_them(
    call: Call, folder: Path
) -> None:
    result = call("init", "one.csv", "--output", "first.toml")
    assert "No label column was given" in result.stderr
    assert "tasks" not in tomllib.loads((folder / "first.toml").read_text())
    call("init", "one.csv", "--label", "state", "--output", "second.toml")
    second = tomllib.loads((folder / "second.toml").read_text())
    assert second["tasks"] == [{"name": "state"}]
    assert (
        second["split"]["by"] == "time"
    )  # of one recording random windows would leak, time column or not


def test_init_writes_the_window_that_is_said_or_proposes_one(
    call: Call, folder: Path
) -> None:
    def written(*options: str) -> tuple[str, dict[str, Any]]:
        (folder / "new.toml").unlink(missing_ok=True)
        call("init", *options, "--output", "new.toml")
        text = (folder / "new.toml").read_text()
        return text, tomllib.loads(text)["data"]

    hours = pd.read_csv("one.csv").drop(columns="run").head(600)
    hours.insert(0, "time", pd.date_range("2024-01-01", periods=600, freq="h"))
    hours.to_csv("hours.csv", index=False)
    text, data = written("hours.csv", "--label", "load")
    assert (data["window"], data["stride"]) == (24, 1)
    assert "window = 24  # proposed: a day, with a row every 01:00:00" in text
    assert "Configuration OK" in call("check", "new.toml").stdout
    text, data = written(
        "hours.csv", "--label", "load", "--window", "48", "--stride", "6"
    )
    assert (data["window"], data["stride"]) == (48, 6)
    assert "window = 48  # rows per sample" in text
    text, data = written("data.csv", "--labels", "labels.csv")
    assert "# window = 16  # proposed: the length of the longest series;" in text
    assert "window" not in data
    assert (
        written("data.csv", "--labels", "labels.csv", "--window", "8")[1]["window"] == 8
    )


def test_init_overwrites_nothing(call: Call, folder: Path) -> None:
    before = (folder / "small.toml").read_text()
    result = call("init", "data.csv", "--output", "small.toml", code=2)
    assert "`output` must not exist yet" in result.stderr
    assert (folder / "small.toml").read_text() == before


def test_check_tells_every_problem_at_once(call: Call, folder: Path) -> None:
    (folder / "wrong.toml").write_text(
        SMALL.replace("max_epochs", "max_epoch").replace('"random"', '"tme"')
    )
    result = call("check", "wrong.toml", code=2)
    assert "Did you mean 'max_epochs'?" in result.stderr
    assert "`split.by`" in result.stderr
    assert "Traceback" not in result.output


def test_fit_and_check_tell_all_that_is_wrong_with_transfer_at_once(
    call: Call, folder: Path
) -> None:
    (folder / "wrong.toml").write_text(
        SMALL + '[training]\nstart = "norun"\npretrain = ["laod"]\n'
    )
    for command in ("check", "fit"):
        result = call(command, "wrong.toml", code=2)
        assert "`training.start` must be a model or run folder" in result.stderr
        assert "Did you mean 'load'?" in result.stderr
    assert not (folder / "runs").exists()


def test_compare_shows_and_keeps_the_gains(call: Call, folder: Path) -> None:
    result = call("compare", "small.toml", "--seeds", "2", "--jobs", "1", "--quiet")
    assert "Gain over 'alone'" in result.stdout
    assert "cannot tell" in result.stdout
    assert "It needs at least 5 seeds (has 2)" in result.stdout
    assert "This study cannot tell whether “hard” helps" in result.stdout
    assert "--seeds 5 --output" in result.stdout
    study = Comparison.load(folder / "runs" / "small-compare-001")
    assert study.arms == ["alone", "hard"]
    for gain in study.gains["gain"]:
        assert f"{gain:+.3f}" in result.stdout
    for name in ("report.html", "report.md", "gains.png"):
        assert (folder / "runs/small-compare-001" / name).is_file()


@pytest.mark.slow
def test_compare_checks_the_conditions_and_keeps_them(call: Call, folder: Path) -> None:
    result = call(
        "compare",
        "small.toml",
        "--seeds",
        "1",
        "--jobs",
        "1",
        "--quiet",
        "--conditions",
        "--output",
        "study",
    )
    conditions = Comparison.load(folder / "study").conditions
    assert conditions is not None
    for title in TITLES.values():
        assert title in result.stdout
        for name in ("report.html", "report.md"):
            assert title in (folder / "study" / name).read_text()
    (folder / "asking.toml").write_text(
        SMALL + "[compare]\nconditions = true\nn_seeds = 1\nn_jobs = 1\n"
    )
    again = call("compare", "asking.toml", "--quiet", "--output", "study")
    assert "9 fits on one process, 9 of them already done" in again.stderr


@pytest.mark.slow
def test_compare_traces_the_gain_over_shares_of_the_labels(
    call: Call, folder: Path
) -> None:
    options = ("--seeds", "1", "--jobs", "1", "--quiet", "--output", "curve")
    result = call(
        "compare", "small.toml", "--label-shares", "0.5,1", "--conditions", *options
    )
    assert "nan" not in result.stdout  # one seed gives no interval
    assert "Conditions at 100% of the labels" in result.stdout
    assert all(title in result.stdout for title in TITLES.values())
    curve = LabelCurve.load(folder / "curve")
    assert curve.shares == [0.5, 1.0]
    for gain in curve.gains["gain"]:
        assert f"{gain:+.3f}" in result.stdout
    page = (folder / "curve/report.html").read_text()
    for share in ("0.5", "1"):
        assert f'href="labels-{share}/report.html"' in page
        assert (folder / f"curve/labels-{share}/report.html").is_file()
    result = call("compare", "small.toml", "--label-shares", "half", code=2)
    assert (
        "`--label-shares` must be numbers such as 0.05,0.2,1; got 'half'."
        in result.stderr
    )


@pytest.mark.slow
def test_a_study_resumes_where_it_was(call: Call, folder: Path) -> None:
    for _ in range(2):
        result = call(
            "compare",
            "small.toml",
            "--seeds",
            "1",
            "--jobs",
            "1",
            "--quiet",
            "--output",
            "study",
        )
    assert "2 runs, 3 fits on one process, 3 of them already done." in result.stderr


@pytest.mark.slow
def test_compare_takes_its_arms_from_the_file(call: Call, folder: Path) -> None:
    arms = (
        '[compare]\narms = {wide = {lr = 0.01}, best = "constant"}\n'
        'reference = "best"\nn_seeds = 1\nn_jobs = 1\n'
    )
    (folder / "arms.toml").write_text(SMALL + arms)
    result = call("compare", "arms.toml", "--quiet")
    assert "Gain over 'best'" in result.stdout
    (folder / "arms.toml").write_text(SMALL + arms.replace("n_seeds", "n_seed"))
    result = call("compare", "arms.toml", "--quiet", code=2)
    assert (
        "`compare` has no parameter 'n_seed'. Did you mean 'n_seeds'?" in result.stderr
    )


def test_the_demos_tables_hold_what_was_simulated(tmp_path: Path) -> None:
    samples = simulate_rig(60, random_state=0)
    config = demo.write_data(samples, tmp_path / "demo")
    assert multitide.config_problems(config) == []
    again = multitide.load_config(config).read()
    np.testing.assert_array_equal(again.lengths, samples.lengths)
    np.testing.assert_allclose(again.values, samples.values, atol=6e-4)
    assert samples.time is not None
    np.testing.assert_array_equal(again.time, samples.time)
    pd.testing.assert_frame_equal(
        again.y.astype(samples.y.dtypes), samples.y, rtol=1e-12
    )
    assert again.static is not None
    assert (
        again.static["machine_type"].tolist() == samples.static["machine_type"].tolist()
    )


def make_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the demonstration train every network for one epoch, with one seed."""
    short = demo.CONFIG
    for long, quick in (
        ("max_epochs = 40", "max_epochs = 1"),
        ("n_seeds = 10", "n_seeds = 1\nn_jobs = 1"),
    ):
        assert long in short
        short = short.replace(long, quick)
    monkeypatch.setattr(demo, "CONFIG", short)
    monkeypatch.setattr(demo, "N_RUNS", 200)


def test_the_demo_trains_compares_and_tells_the_truth(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_short(monkeypatch)
    monkeypatch.setitem(EXTRAS, "onnx", ("onnx_that_is_not_there",))
    (folder / "multitide-demo").mkdir()
    output = call("demo", "--quiet").stdout
    told = output[output.index("Found and true") :]
    assert "severity, remaining_life" in told.splitlines()[3]
    assert "no other task" in told.splitlines()[6]
    assert "multitide export multitide-demo-2/run" in " ".join(output.split())
    names = {path.name for path in (folder / "multitide-demo-2").iterdir()}
    assert names == {"rig.csv", "labels.csv", "multitide.toml", "run", "compare"}


@pytest.mark.slow
def test_the_demo_exports_the_model_of_its_run(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_short(monkeypatch)
    output = " ".join(call("demo", "--quiet").stdout.split())
    assert "Its predictions of all 200 runs are those of the model" in output
    assert (folder / "multitide-demo" / "model.onnx").is_file()


WRONG = [
    (["fit", "nothing.csv", "--label", "x"], "`data` must be an existing file"),
    (["fit", "one.csv", "--label", "stat", "--series", "run"], "Did you mean 'state'?"),
    (
        ["fit", "one.csv", "--series", "run"],
        "`tasks` must name a label column; use --label NAME",
    ),
    (
        ["fit", "one.csv", "--label", "state", "--series", "run", "--window", "99"],
        "`window` must be at most",
    ),
    (
        ["fit", "one.csv", "--label", "state", "--series", "run", "--max-epochs", "0"],
        "`max_epochs` must be 'auto', or greater",
    ),
    (
        ["fit", "one.csv", "--label", "state", "--series", "run", "--split", "tme"],
        "`split.by` must be",
    ),
    (
        ["fit", "small.toml", "--label", "state", "--window", "3"],
        "--label, --window must be set in the configuration",
    ),
    (["fit", "small.toml", "--output", "."], "must not exist yet; '.' does"),
    (
        ["fit", "small.toml", "--output", "data.csv/run"],
        "`output` must be a place that can be written",
    ),
    (
        ["tune", "one.csv"],
        "`config` must be a configuration (.toml); got the data file 'one.csv'.",
    ),
    (["fit", "smal.toml"], "Did you mean 'small.toml'?"),
    (
        ["fit", "small.toml", "--pretrain", "laod"],
        "`training.pretrain` must name tasks, one of 'load', 'state'",
    ),
    (
        ["fit", "small.toml", "--start", "norun"],
        "`training.start` must be a model or run folder with 'model.json'",
    ),
    (
        ["fit", "small.toml", "--freeze", "backbone"],
        "`training.freeze` must be 'auto' or 'nothing' if nothing is",
    ),
    (
        ["fit", "small.toml", "--pretrain", "load", "--freeze", "9"],
        "must be less than the backbone's 4 blocks; got 9",
    ),
    (
        ["fit", "small.toml", "--pretrain", "load", "--freeze", "half"],
        "'gradual', or a valid integer; got 'half'",
    ),
    (
        ["init", "data.csv", "--stride", "2"],
        "`--stride` must be given together with --window; got 2 alone.",
    ),
    (
        ["init", "one.csv", "--window", "961"],
        "`window` must be at most the longest series (960 rows); got 961",
    ),
    (["init", "one.csv", "--window", "0"], "`window` must be a positive int; got 0."),
    (
        ["predict", "norun", "data.csv", "--output", "a.csv"],
        "must be a model or run folder",
    ),
    (
        ["predict", "norun", "data.csv", "--output", "a.xlsx"],
        "`output` must be one of '.csv', '.parquet'",
    ),
    (
        ["predict", "norun", "data.csv", "--output", "data.csv"],
        "`output` must not exist yet",
    ),
    (
        ["predict", "norun", "data.csv", "--output", "no/a.csv"],
        "`output` must be in an existing folder",
    ),
    (["info", "norun"], "must be a model or run folder"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_input_gets_one_message(
    call: Call, folder: Path, arguments: list[str], message: str
) -> None:
    before = sorted(path.name for path in folder.iterdir())
    result = call(*arguments, code=2)
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert sorted(path.name for path in folder.iterdir()) == before


def spoil(folder: Path, **columns: Any) -> None:
    """Write one.csv with changed columns; "one word" is one row of text, "time" repeats an hour."""
    frame = pd.read_csv(folder / "one.csv")
    hours = pd.date_range("2024-01-01", periods=len(frame), freq="h")
    for name, values in columns.items():
        if name == "time":
            frame[name] = hours.where(np.arange(len(frame)) != 7, hours[6])
        elif values == "one word":
            frame[name] = (
                frame[name].astype(str).where(np.arange(len(frame)) != 7, "broken")
            )
        else:
            frame[name] = values
    frame.to_csv(folder / "one.csv", index=False)


SPOILED = [
    ({"state": "same"}, "`state` must have at least two classes"),
    ({"load": 3.5}, "`load` must have"),
    ({"load": None}, "must have labels; got none"),
    ({"a": "one word"}, "broken"),
    ({"a": float("inf")}, "infinite"),
    ({"time": None}, "duplicates"),
]


@pytest.mark.parametrize(("columns", "message"), SPOILED)
def test_wrong_data_get_one_message_before_training(
    call: Call, folder: Path, columns: dict[str, Any], message: str
) -> None:
    spoil(folder, **columns)
    options = [
        "--label",
        "state",
        "--label",
        "load",
        "--window",
        "15",
        "--channel",
        "a",
        "--channel",
        "b",
    ]
    series = [] if "time" in columns else ["--series", "run"]
    result = call("fit", "one.csv", *options, *series, "--quiet", code=2)
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (folder / "runs").exists()


def test_a_run_needs_a_test_set(call: Call, folder: Path) -> None:
    (folder / "none.toml").write_text(
        SMALL.replace('by = "random"', 'by = "random"\ntest = 0')
    )
    assert (
        "`split.test` must be above 0"
        in call("fit", "none.toml", "--quiet", code=2).stderr
    )


def test_a_damaged_model_is_refused(call: Call, folder: Path, fitted: str) -> None:
    record = folder / fitted / "model.json"
    record.write_text(record.read_text().replace('"load"', '"lood"'))
    assert "altered or damaged" in call("info", fitted, code=2).stderr


def test_other_channels_at_predict_time(call: Call, fitted: str) -> None:
    pd.read_csv("data.csv").rename(columns={"b": "c"}).to_csv("other.csv", index=False)
    result = call(
        "predict",
        fitted,
        "other.csv",
        "--labels",
        "labels.csv",
        "--output",
        "a.csv",
        code=2,
    )
    assert "'b'" in result.stderr


def test_a_model_of_arrays_knows_no_columns(call: Call) -> None:
    from makers import make_samples, small

    small(max_epochs=1).fit(make_samples()).save("arrays")
    assert (
        "fitted on arrays"
        in call("predict", "arrays", "data.csv", "--output", "a.csv", code=2).stderr
    )


def test_debug_shows_where_an_error_came_from(folder: Path) -> None:
    result = CliRunner().invoke(app, ["info", "norun", "--debug"])
    assert isinstance(result.exception, multitide.StoreError)


def test_warnings_of_ours_are_lines(call: Call, fitted: str) -> None:
    labels = pd.read_csv("labels.csv")
    labels.loc[0, "state"] = "new"
    labels.to_csv("new.csv", index=False)
    result = call("evaluate", fitted, "data.csv", "--labels", "new.csv")
    assert "Warning: " in result.stderr
    assert "'new'" in result.stderr


# -- representations -------------------------------------------------------------------------------


def test_represent_writes_a_vector_a_series_and_overwrites_nothing(
    call: Call, fitted: str
) -> None:
    said = call(
        "represent",
        "small.toml",
        "--representation",
        f"model:{fitted}",
        "--output",
        "v.parquet",
    ).stdout
    table = pd.read_parquet("v.parquet")
    assert "60 rows of" in said
    assert list(table)[:5] == ["run", "part", "load", "state", "f0"]
    assert set(table["part"]) == {"train", "validation", "test"}
    vectors = table.filter(regex=r"^f\d+$").to_numpy()
    model = MultiTaskEstimator.load(fitted)
    samples = multitide.load_config("small.toml").read()
    np.testing.assert_allclose(
        vectors, multitide.representations.BackboneEncoder(model).transform(samples)
    )
    refused = call(
        "represent",
        "small.toml",
        "--representation",
        "ts2vec",
        "--output",
        "v.parquet",
        code=2,
    )
    assert "must not exist yet" in refused.stderr


def test_represent_learns_from_the_training_set_of_a_data_file(call: Call) -> None:
    arguments = (
        "--series",
        "run",
        "--labels",
        "labels.csv",
        "--label",
        "load",
        "--split",
        "random",
    )
    vectors = '[inputs.representation]\nname = "ts2vec"\nn_steps = 2\nn_features = 6\n'
    Path("tiny.toml").write_text(
        'backbone = "linear"\n' + SMALL.split("[backbone]")[0] + vectors
    )
    call("represent", "tiny.toml", "--output", "a.csv")
    assert len(pd.read_csv("a.csv").filter(regex=r"^f\d+$").columns) == 6
    call(
        "represent",
        "data.csv",
        *arguments,
        "--representation",
        "model:nowhere",
        "--output",
        "b.csv",
        code=2,
    )
    unknown = (
        "--channel",
        "presure",
        "--ignore",
        "rnu",
        "--representation",
        "ts2vec",
        "--output",
        "b.csv",
    )
    wrong = call("represent", "data.csv", *arguments, *unknown, code=2).stderr
    assert "'presure'" in wrong and "'rnu'" in wrong
    missing = call("represent", "data.csv", *arguments, "--output", "b.csv", code=2)
    assert "`representation` must be given" in missing.stderr
    assert not Path("b.csv").exists()


@pytest.mark.slow
def test_fit_reads_vectors(call: Call, fitted: str) -> None:
    options = ("--representation", f"model:{fitted}", "--quiet")
    call("fit", "small.toml", *options, "--backbone", "linear", "--output", "linear")
    call("predict", "linear", "data.csv", "--labels", "labels.csv", "--output", "p.csv")
    assert len(pd.read_csv("p.csv")) == 60
    assert (
        "`backbone` must be one for vectors"
        in call("fit", "small.toml", *options, code=2).stderr
    )
