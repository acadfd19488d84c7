"""Several data sets from a configuration: what the command reads, shows, writes and refuses."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from multitide import (
    Comparison,
    MultiTaskEstimator,
    Splitter,
    config_problems,
    load_config,
)
from multitide.cli import app
from multitide.errors import ParameterError

pytestmark = pytest.mark.usefixtures("blank_figures")

Call = Callable[..., Any]
TWO = """
max_epochs = 2
random_state = 0
device = "cpu"

[[data]]
name = "rig"
path = "rig.csv"
series = "run"

[[data]]
name = "plant"
path = "plant.csv"
labels = "plant_labels.csv"
series = "run"
split = {by = "random", test = 0.3, random_state = 1}

[split]
by = "random"

[[tasks]]
name = "state"

[[tasks]]
name = "load"

[[tasks]]
name = "speed"

[backbone]
name = "fcn"
filters = [4, 4, 4]
kernel_sizes = [3, 3, 3]

[sharing]
name = "hard"
conditioning = "film"

[training]
mixing = "equal"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with two tables of other channels and lengths that share task `state`."""
    for seed, (name, channels, steps, own) in enumerate(
        [("rig", "ab", 16, "load"), ("plant", "pqr", 24, "speed")]
    ):
        rng = np.random.default_rng(seed)
        level = rng.normal(size=(50, 1, len(channels)))
        series = (level + 0.3 * rng.normal(size=(50, steps, len(channels)))).round(3)
        long = pd.DataFrame(series.reshape(-1, len(channels)), columns=list(channels))
        long.insert(0, "run", np.repeat(np.arange(50), steps))
        state = np.where(level[:, 0, 0] > 0, "high", "low")
        labels = pd.DataFrame(
            {"run": np.arange(50), "state": state, own: level[:, 0, 1].round(4)}
        )
        if name == "plant":
            labels.to_csv(tmp_path / "plant_labels.csv", index=False)
        else:
            long = long.merge(labels, on="run")
        long.to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "two.toml").write_text(TWO)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def call(folder: Path) -> Call:
    def run(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, list(arguments))
        if result.exit_code != code:
            raise AssertionError(
                f"exit {result.exit_code}\n{result.output}"
            ) from result.exception
        return result

    return run


@pytest.mark.slow
def test_the_whole_way(call: Call, folder: Path) -> None:
    checked = call("check", "two.toml").stdout
    for words in ("Data set rig", "Data set plant", "speed", "Configuration OK"):
        assert words in checked
    assert (
        checked.count("text, 2 distinct values") == 2
    )  # no kind was declared, and each data set gives a reason
    assert "declared" not in checked
    fitted = call("fit", "two.toml", "--output", "run", "--quiet").stdout
    assert "Test set, 25 samples" in fitted
    assert "predict run DATA --data rig --output" in fitted
    figures = {path.name for path in (folder / "run" / "figures").iterdir()}
    tests = {
        "test_rig_state.png",
        "test_rig_load.png",
        "test_plant_state.png",
        "test_plant_speed.png",
    }
    for name in ("rig", "plant"):
        tests |= {
            f"test_{name}_state_roc.png",
            f"test_{name}_state_precision_recall.png",
        }
    assert figures == {"history.png"} | tests
    report = (folder / "run" / "report.md").read_text()
    assert (
        "'rig' at random (0.2 for the test set); 'plant' at random (0.3 for the test set)"
        in report
    )
    written = call(
        "evaluate",
        "run",
        "plant.csv",
        "--labels",
        "plant_labels.csv",
        "--data",
        "plant",
    ).stdout
    assert "speed" in written
    assert "load" not in written
    call("predict", "run", "rig.csv", "--data", "rig", "--output", "rig_answers.csv")
    answers = pd.read_csv("rig_answers.csv")
    assert list(answers) == ["run", "state", "load", "p(state=high)", "p(state=low)"]
    told = call("info", "run").stdout
    for words in (
        "Data set rig: state, load",
        "Data set plant: state, speed",
        "channels of 'plant'",
    ):
        assert words in told


@pytest.mark.slow
def test_the_run_is_the_fit_of_a_dict_and_repeats_itself(
    call: Call, folder: Path
) -> None:
    call("fit", "two.toml", "--output", "run", "--quiet")
    call("fit", "run/config.toml", "--output", "again", "--quiet")
    frames = [
        pd.read_parquet(folder / name / "metrics.parquet") for name in ("run", "again")
    ]
    pd.testing.assert_frame_equal(*frames)
    config = load_config("two.toml")
    given = config.read_all()
    splits = {
        name: config.section(name).splitter(samples).split(samples)
        for name, samples in given.items()
    }
    estimator = config.make_estimator(verbose=0).fit(
        {name: samples[splits[name].train] for name, samples in given.items()},
        validation={
            name: samples[splits[name].validation] for name, samples in given.items()
        },
    )
    test = {name: samples[splits[name].test] for name, samples in given.items()}
    pd.testing.assert_frame_equal(estimator.evaluate(test), frames[0])
    assert list(frames[0]["data"].unique()) == ["rig", "plant"]
    assert (
        tomllib.loads((folder / "run" / "config.toml").read_text())["data"][1]["split"][
            "test"
        ]
        == 0.3
    )


def test_each_table_has_the_tasks_whose_column_it_has_and_its_own_rule(
    folder: Path,
) -> None:
    config = load_config("two.toml")
    given = config.read_all()
    assert {name: list(samples.y) for name, samples in given.items()} == {
        "rig": ["state", "load"],
        "plant": ["state", "speed"],
    }
    assert config.section("rig").splitter(given["rig"]) == Splitter(by="random")
    assert config.section("plant").splitter(given["plant"]) == Splitter(
        by="random", test=0.3, random_state=1
    )


def test_a_table_may_say_which_tasks_it_has(folder: Path) -> None:
    text = TWO.replace(
        'path = "rig.csv"', 'path = "rig.csv"\ntasks = ["load"]\nignore = ["state"]'
    )
    (folder / "two.toml").write_text(text)
    assert config_problems("two.toml") == []
    assert list(load_config("two.toml").read_all()["rig"].y) == ["load"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'name = "rig"\n',
            "",
            "In [[data]] number 1: `data.name` must be a text, and is required with several",
        ),
        (
            'name = "plant"',
            'name = "rig"',
            "In [[data]] 'rig': `data.name` must differ between data sets",
        ),
        ('path = "rig.csv"', "", "In [[data]] 'rig': `data.path` must be given"),
        (
            'path = "rig.csv"',
            'path = "rg.csv"',
            "In the data set 'rig': `data` must be an existing file",
        ),
        (
            "series =",
            "serie =",
            "In [[data]] 'rig': `data` has no parameter 'serie'. Did you mean 'series'?",
        ),
        (
            "test = 0.3",
            "tst = 0.3",
            "In [[data]] 'plant': `data.split` has no parameter 'tst'.",
        ),
        (
            'series = "run"',
            'series = "run"\ntasks = ["lod"]',
            "`data.tasks` must name tasks of the file; got 'lod'.",
        ),
        (
            'name = "speed"',
            'name = "sped"',
            "`tasks` must have their columns in some data set; 'sped' is in none.",
        ),
        (
            'conditioning = "film"',
            'conditioning = "flim"',
            "`sharing.conditioning` must be 'none', 'one_hot' or",
        ),
        (
            'mixing = "equal"',
            'mixing = "same"',
            "`training.mixing` must be 'size', 'equal' or 'temperature'",
        ),
        (
            'name = "hard"\nconditioning = "film"',
            'name = "soft"',
            "`sharing` must be one of 'hard', 'none' with",
        ),
        (
            "kernel_sizes = [3, 3, 3]",
            "kernel_sizes = [30, 3, 3]",
            "In the data set 'plant': `X` must have at least",
        ),
    ],
)
def test_check_says_what_is_wrong_and_where(
    folder: Path, old: str, new: str, message: str
) -> None:
    assert old in TWO
    (folder / "two.toml").write_text(TWO.replace(old, new))
    assert any(message in problem for problem in config_problems("two.toml")), (
        config_problems("two.toml")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["rig.csv"],
            "`--data` must name a data set of the model, one of 'rig', 'plant'; it is not given.",
        ),
        (["rig.csv", "--data", "plnt"], "got 'plnt'. Did you mean 'plant'?"),
        (["rig.csv", "--data", "plant"], "'p'"),
    ],
)
@pytest.mark.slow
def test_a_model_of_several_needs_the_name_of_the_data_set(
    call: Call, arguments: list[str], message: str
) -> None:
    call("fit", "two.toml", "--output", "run", "--quiet")
    stderr = call("predict", "run", *arguments, "--output", "p.csv", code=2).stderr
    assert message in " ".join(stderr.split())


@pytest.mark.usefixtures("quick_learners")
def test_a_model_of_one_data_set_has_no_name(call: Call, folder: Path) -> None:
    call(
        "fit",
        "rig.csv",
        "--series",
        "run",
        "--label",
        "load",
        "--max-epochs",
        "1",
        "--output",
        "run",
        "--quiet",
    )
    message = call("evaluate", "run", "rig.csv", "--data", "rig", code=2).stderr
    assert "the model was fitted on one data set" in " ".join(message.split())
    assert MultiTaskEstimator.load("run").channels_ == ("a", "b")


STUDY = (
    TWO.replace("max_epochs = 2", "max_epochs = 1").replace('mixing = "equal"', "")
    + """
[compare]
n_seeds = 1
n_jobs = 1

[compare.arms]
hard = "hard"
per_data_set = "per_data_set"
equal = {training__mixing = "equal"}
"""
)


@pytest.mark.slow
def test_compare_asks_whether_data_sets_should_be_learned_together(
    call: Call, folder: Path
) -> None:
    (folder / "study.toml").write_text(STUDY)
    result = call("compare", "study.toml", "--output", "study", "--quiet")
    out = " ".join(result.stdout.split())
    # Each data set says why its tasks have their kind, and once.
    assert out.count("text, 2 distinct values") == 2
    assert "declared" not in out
    # What all tasks and arms need is said once.
    assert out.count("needs at least 5 seeds") == 1
    assert "by its labels" not in result.output  # the tables say it
    for said in (
        "Data set rig",
        "Data set plant",
        "state @ rig",
        "state @ plant",
        "per_data_set",
        "equal",
    ):
        assert said in out
    found = Comparison.load("study")
    assert found.arms == ["alone", "hard", "per_data_set", "equal"]
    names = [question.name for question in found.questions]
    assert names == ["state @ rig", "load @ rig", "state @ plant", "speed @ plant"]
    assert (
        len(found.test.query("data == 'plant'")) == 15
    )  # its own rule holds out 30 %, the file's 20 %
    assert len(found.test.query("data == 'rig'")) == 10
    page = (folder / "study" / "report.html").read_text(encoding="utf-8")
    assert "Should these data sets share a network?" in page
    assert "Channels of plant" in page
    message = call(
        "compare", "study.toml", "--label-shares", "0.5,1", "--output", "curve", code=2
    ).stderr
    assert "`--label-shares` must have one data set; got 2" in " ".join(message.split())
    with pytest.raises(ParameterError, match="`data` must be one table"):
        load_config("study.toml").read()
