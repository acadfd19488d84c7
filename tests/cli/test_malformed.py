"""Malformed input of any command: exit code 2, one message, and nothing changed on the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from typer.testing import CliRunner, Result

from makers import a_third_now
from malformed import PLACES, TOML, good_table
from multitide.cli import app

# What stands for the malformed place in each command.
HERE = "HERE"
COMMANDS: dict[str, list[str]] = {
    "init": ["init", HERE],
    "init labels": ["init", "good.csv", "--labels", HERE],
    "check": ["check", HERE],
    "fit": ["fit", HERE, "--label", "lab", "--window", "6"],
    "fit labels": ["fit", "good.csv", "--label", "lab", "--labels", HERE],
    "evaluate": ["evaluate", HERE, "good.csv"],
    "evaluate data": ["evaluate", "run", HERE],
    "compare-runs": ["compare-runs", "run", HERE, "good.csv"],
    "compare-runs data": ["compare-runs", "run", "run", HERE],
    "predict": ["predict", HERE, "good.csv", "--output", "p.csv"],
    "predict data": ["predict", "run", HERE, "--output", "p.csv"],
    "represent": ["represent", HERE, "--output", "p.csv"],
    "compare": ["compare", HERE],
    "compare several": ["compare", "good.toml", HERE],
    "tune": ["tune", HERE],
    "info": ["info", HERE],
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def content(folder: Path) -> dict[str, str]:
    """Return every file below a folder with a hash of what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path)] = ""
    return found


def assert_refused(result: Result, *parts: str) -> None:
    """Assert exit code 2 and one message with every part, without a traceback."""
    said = " ".join(result.stderr.split())
    assert result.exit_code == 2, (result.exit_code, said, result.exception)
    assert "Traceback" not in said
    assert "Error" in said
    for part in parts:
        assert part in said, (part, said)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, a configuration and a run."""
    folder = tmp_path_factory.mktemp("base")
    good_table().to_csv(folder / "good.csv", index=False)
    (folder / "good.toml").write_text(TOML)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = run("fit", "good.toml", "--output", "run", "--quiet")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def folder(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A working folder of links to the good files, which must not change."""
    for name in ("good.csv", "good.toml", "run"):
        os.symlink(base / name, tmp_path / name)
    before = content(base)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert content(base) == before


def place_cases() -> Iterator[ParameterSet]:
    """Yield every command with every place; four of five are slow tests, as they are many."""
    for number, (command, place) in enumerate(product(COMMANDS, PLACES)):
        marks = () if number % 5 == 0 else pytest.mark.slow
        yield pytest.param(command, place, marks=marks, id=f"{command}-{place}")


@pytest.mark.parametrize(("command", "place"), list(place_cases()))
def test_a_malformed_place_is_refused(folder: Path, command: str, place: str) -> None:
    name = PLACES[place](folder)
    before = content(folder)
    arguments = [name if word == HERE else word for word in COMMANDS[command]]
    assert_refused(run(*arguments))
    assert content(folder) == before


# Options with values that no table or network can have; the message names the option and the value.
FIT = ["fit", "good.csv", "--label", "lab", "--window", "6"]
REPRESENT = ["represent", "good.csv", "--output", "p.csv", "--window", "6"]
HUGE = "9" * 20
OPTIONS: list[tuple[list[str], list[str]]] = [
    (["fit", "good.csv"], ["--label"]),
    (["fit", "good.csv", "--label", "no"], ["'no'"]),
    (["fit", "good.csv", "--label", ""], ["''"]),
    ([*FIT, "--channel", "no"], ["'no'"]),
    ([*FIT, "--static", "no"], ["'no'"]),
    ([*FIT, "--ignore", "no"], ["'no'"]),
    ([*FIT, "--series", "no"], ["'no'"]),
    ([*FIT, "--time", "no"], ["'no'"]),
    ([*FIT, "--split", "tiem"], ["split", "'tiem'"]),
    ([*FIT, "--device", "gpu9"], ["`device`", "'gpu9'"]),
    ([*FIT, "--device", "cuda:99"], ["`device`", "'cuda:99'"]),
    ([*FIT, "--backbone", "lstm_fnc"], ["`backbone`", "lstm_fcn"]),
    ([*FIT, "--backbone", ""], ["`backbone`", "''"]),
    ([*FIT, "--representation", "no"], ["representation", "'no'"]),
    ([*FIT, "--representation", "model:nowhere"], ["representation"]),
    ([*FIT, "--pretrain", "no"], ["no"]),
    ([*FIT, "--start", "nowhere"], ["nowhere"]),
    ([*FIT, "--freeze", "x"], ["freeze", "'x'"]),
    ([*FIT, "--freeze", "3"], ["freeze", "3"]),
    ([*FIT, "--freeze", HUGE], ["freeze", HUGE]),
    ([*FIT, "--output", "run"], ["`output`", "run"]),
    ([*FIT, "--output", "good.csv"], ["`output`", "good.csv"]),
    ([*FIT, "--output", "good.csv/x"], ["`output`", "good.csv"]),
    ([*FIT, "--output", "n" * 300], ["nnn"]),
    ([*FIT, "--output", "a\0b"], ["output"]),
    ([*FIT, "--labels", "good.csv"], ["series"]),
    (["fit", "good.toml", "--window", "6"], ["--window", "good.toml"]),
    (["fit", "good.toml", "--split", "time"], ["--split", "good.toml"]),
    (["fit", "good.toml", "--max-epochs", "0"], ["`max_epochs`", "0"]),
    (["init", "good.csv", "--stride", "2"], ["`--stride`", "--window"]),
    (["init", "good.csv", "--label", "no"], ["'no'"]),
    (["init", "good.csv", "--output", "good.csv"], ["`output`", "good.csv"]),
    (["init", "good.csv", "--output", "no/x.toml"], ["no/x.toml"]),
    (["init", "good.csv", "--output", "n" * 300], ["nnn"]),
    (["predict", "run", "good.csv", "--output", "p.txt"], ["`output`", "'.txt'"]),
    (["predict", "run", "good.csv", "--output", "no/p.csv"], ["`output`", "no"]),
    (["predict", "run", "good.csv", "--output", "good.csv"], ["`output`", "good.csv"]),
    (["predict", "run", "good.csv", "--output", "n" * 300 + ".csv"], ["nnn"]),
    (
        ["predict", "run", "good.csv", "--output", "p.csv", "--data", "x"],
        ["`--data`", "'x'"],
    ),
    (
        ["predict", "run", "good.csv", "--output", "p.parquet", "--escape-formulas"],
        ["`--escape-formulas`", "p.parquet"],
    ),
    (["evaluate", "run", "good.csv", "--output", "p.txt"], ["`output`", "'.txt'"]),
    (["evaluate", "run", "good.csv", "--data", "x"], ["`--data`", "'x'"]),
    (["compare-runs", "run", "run", "good.csv", "--output", "p"], ["`output`", "''"]),
    (["compare-runs", "run", "run", "good.csv", "--data", "x"], ["--data", "'x'"]),
    (REPRESENT, ["`representation`"]),
    ([*REPRESENT, "--representation", "no"], ["representation", "'no'"]),
    ([*REPRESENT, "--representation", "model:nowhere"], ["nowhere"]),
    (["compare", "good.toml", "--seeds", "0"], ["`n_seeds`", "0"]),
    (["compare", "good.toml", "--seeds", "-1"], ["`n_seeds`", "-1"]),
    (["compare", "good.toml", "--seeds", HUGE], ["`n_seeds`", HUGE]),
    (["compare", "good.toml", "--seeds", "1000000"], ["`n_seeds`", "1000000"]),
    (["compare", "good.toml", "--jobs", "0"], ["`n_jobs`", "0"]),
    (["compare", "good.toml", "--jobs", HUGE], ["`n_jobs`", HUGE]),
    (["compare", "good.toml", "--budget", "soon"], ["`budget`", "'soon'"]),
    (["compare", "good.toml", "--budget", "-1m"], ["`budget`", "'-1m'"]),
    (["compare", "good.toml", "--label-shares", "x"], ["`--label-shares`", "'x'"]),
    (["compare", "good.toml", "--label-shares", "0.5,nan"], ["shares", "nan"]),
    (["compare", "good.toml", "--label-shares", "2"], ["shares", "2"]),
    (["compare", "good.toml", "--output", "good.csv"], ["good.csv"]),
    (["compare", "good.toml", "good.toml"], ["`configs`", "good"]),
    (["tune", "good.toml", "--trials", "0"], ["`n_trials`", "0"]),
    (["tune", "good.toml", "--trials", HUGE], ["`n_trials`", HUGE]),
    (["tune", "good.toml", "--trials", "1000000000"], ["`n_trials`", "1000000000"]),
    (["tune", "good.toml", "--jobs", "0"], ["`n_jobs`", "0"]),
    (["tune", "good.toml", "--jobs", HUGE], ["`n_jobs`", HUGE]),
    (["tune", "good.toml", "--budget", "soon"], ["`budget`", "'soon'"]),
    (["tune", "good.toml", "--output", "good.csv"], ["good.csv"]),
    (["methods", "no"], ["`kind`", "'no'"]),
    (["nothing"], ["nothing"]),
    (["fit"], ["source"]),
    (["fit", "good.csv", "--nothing"], ["--nothing"]),
    (["check", "good.toml", "more"], ["more"]),
]
for option in ("window", "stride", "max-epochs", "random-state"):
    for value in ("-1", HUGE):
        words = [*FIT, f"--{option}", value]
        OPTIONS.append((words, [option.replace("-", "_"), value]))
    for value in (
        "x",
        "1.5",
        "",
        "nan",
    ):  # the parser of arguments does not repeat them
        OPTIONS.append(([*FIT, f"--{option}", value], [f"--{option}"]))
for option in ("window", "stride", "max-epochs"):
    OPTIONS.append(([*FIT, f"--{option}", "0"], [option.replace("-", "_"), "0"]))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    a_third_now(OPTIONS),
    ids=[" ".join(words) for words, _ in OPTIONS],
)
def test_a_malformed_option_is_refused(
    folder: Path, arguments: list[str], parts: list[str]
) -> None:
    before = content(folder)
    assert_refused(run(*arguments), *parts)
    assert content(folder) == before


# Lines of a configuration that `check` and `fit` refuse alike, with the parameter in the message.
LINES: list[tuple[str, str]] = [
    ("max_epochs = true", "`max_epochs`"),
    ("max_epochs = 0", "`max_epochs`"),
    ("max_epochs = 1.5", "`max_epochs`"),
    ("max_epochs = 2.0", "`max_epochs`"),
    ('max_epochs = "5"', "`max_epochs`"),
    ("max_epochs = 99999999999999999999", "`max_epochs`"),
    ("lr = inf", "`lr`"),
    ("lr = nan", "`lr`"),
    ("lr = true", "`lr`"),
    ("lr = 0", "`lr`"),
    ('lr = "0.1"', "`lr`"),
    ("batch_size = true", "`batch_size`"),
    ("batch_size = 0", "`batch_size`"),
    ('batch_size = "atuo"', "`batch_size`"),
    ("batch_size = 1000000000000", "`batch_size`"),
    ("validation = 2.0", "`validation`"),
    ("validation = true", "`validation`"),
    ("validation = 0", "`validation`"),
    ("validation = nan", "`validation`"),
    ("random_state = true", "`random_state`"),
    ("random_state = -1", "`random_state`"),
    ("device = 3", "`device`"),
    ('keep = "both"', "`keep`"),
    ('backbone = "lstm_fnc"', "lstm_fcn"),
    ("backbone = 3", "`backbone`"),
    ('sharing = "hrad"', "`sharing`"),
    ('weighting = "unifrom"', "`weighting`"),
    ('aggregator = "pcgrda"', "`aggregator`"),
    ("nonsense = 1", "`nonsense`"),
    ("[training]\npatience = true", "`training.patience`"),
    ("[training]\nclip_norm = inf", "`training.clip_norm`"),
    ("[training]\nweight_decay = nan", "`training.weight_decay`"),
    ("[training]\nfreeze = true", "`training.freeze`"),
    ('[backbone]\nname = "lstm"\nnum_layers = 100000', "`backbone.num_layers`"),
    ('[backbone]\nname = "lstm"\nnum_layers = true', "`backbone.num_layers`"),
    ('[backbone]\nname = "gru"\nhidden_size = 1000000000', "`backbone.hidden_size`"),
    ('[backbone]\nname = "fcn"\nfilters = [8, true, 8]', "`backbone.filters"),
    ("[split]\ntest = 1.5", "`split.test`"),
    ("[split]\ntest = true", "`split.test`"),
    ("[split]\ntest = nan", "`split.test`"),
    ("[split]\nvalidation = inf", "`split.validation`"),
    ('[split]\nby = "tiem"', "split"),
    ("[inputs]\nclip = true", "`inputs.clip`"),
    ("[compare]\nn_seeds = 1000000", "`compare.n_seeds`"),
    ("[compare]\nn_seeds = true", "`compare.n_seeds`"),
    ("[compare]\nn_jobs = 0", "`compare.n_jobs`"),
    ('[compare]\nbudget = "soon"', "`compare.budget`"),
    ("[compare]\nseeds = 3", "seeds"),
    ("[tune]\nn_trials = 1000000000", "`tune.n_trials`"),
    ("[tune]\nn_trials = 1.5", "`tune.n_trials`"),
    ("[tune]\nn_jobs = true", "`tune.n_jobs`"),
]


@pytest.mark.parametrize("command", a_third_now(["check", "fit", "represent"]))
@pytest.mark.parametrize(
    ("line", "part"), a_third_now(LINES), ids=[line for line, _ in LINES]
)
def test_check_and_fit_refuse_the_same_values(
    folder: Path, command: str, line: str, part: str
) -> None:
    key = line.split()[0]
    head = [row for row in TOML.splitlines() if not row.startswith(f"{key} ")]
    if line.startswith("["):
        if line.startswith("[backbone]"):
            head = [row for row in head if not row.startswith("backbone")]
        text = "\n".join([*head, line])
    else:
        text = "\n".join([line, *head])
    (folder / "c.toml").write_text(text)
    before = content(folder)
    arguments = [command, "c.toml"]
    if command == "represent":
        arguments += ["--output", "p.csv"]
    assert_refused(run(*arguments), part)
    assert content(folder) == before
