"""SIGTERM ends a fit with its best epoch; signals end a study or a search, which resume."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import multitide as mt
from makers import make_samples, make_trainer, small
from multitide._interrupts import interrupts_end_all
from multitide.cli import app
from multitide.cli._termination import Termination, finishing_on_signals
from multitide.fitting._phases import Phases
from multitide.training._trainer import Trainer

pytestmark = pytest.mark.usefixtures("blank_figures")

CONFIG = """
max_epochs = 40
random_state = 0
verbose = 0
{extra}
backbone = "rnn"

[data]
path = "data.csv"
window = 10
stride = 10

[[tasks]]
name = "a"

[[tasks]]
name = "b"
"""


@pytest.fixture(autouse=True)
def interrupts() -> Iterator[None]:
    """Let SIGINT interrupt, although a process that a script starts with `&` ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=600)})
    table["a"] = np.arange(600) // 10 % 2
    table["b"] = table["x"].cumsum()
    table.to_csv(tmp_path / "data.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fit(folder: Path, monkeypatch: pytest.MonkeyPatch, at: str, extra: str = "") -> int:
    """Fit, with SIGTERM sent before training, in the first epoch, or in the third."""
    (folder / "small.toml").write_text(CONFIG.format(extra=extra))

    def send(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    step, epoch_of = Trainer.step, {"first": 1, "third": 3}

    def stepping(self: Trainer, *arguments: Any) -> Any:
        if self.epoch == epoch_of.get(at):
            send()
        return step(self, *arguments)

    monkeypatch.setattr(Trainer, "step", stepping)
    if at == "before":
        monkeypatch.setattr("multitide._run_fit._model_so_far", send)
    result = CliRunner().invoke(
        app, ["fit", "small.toml", "--output", "run", "--quiet"]
    )
    return result.exit_code


@pytest.mark.parametrize("extra", ["", 'sharing = "none"'])
def test_the_run_is_finished_from_the_best_epoch(
    folder: Path, monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    assert fit(folder, monkeypatch, "third", extra) == 143
    model = mt.MultiTaskEstimator.load("run")
    assert model.history_["epoch"].max() <= 2
    assert set(model.best_epoch_) == {"a", "b"}
    assert (folder / "run" / "report.md").is_file()
    assert (folder / "run" / "checkpoint" / "checkpoint.json").is_file()
    assert not (folder / "run.partial").exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_before_the_first_step_nothing_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fit(folder, monkeypatch, "before") == 143
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["data.csv", "small.toml"]


def test_without_an_epoch_a_checkpoint_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fit(folder, monkeypatch, "first") == 143
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["data.csv", "run.partial", "small.toml"]
    assert (folder / "run.partial" / "checkpoint" / "checkpoint.json").is_file()


def test_networks_after_the_request_are_trained_for_one_epoch() -> None:
    termination, samples = Termination(), make_samples(40)
    first, second = (make_trainer({"": samples}) for _ in range(2))
    termination.on_epoch_begin(first)
    termination.request(signal.SIGTERM, None)
    assert first.interrupt
    with pytest.raises(KeyboardInterrupt):
        termination.request(signal.SIGTERM, None)
    termination.on_train_end(first)
    termination.on_epoch_begin(second)
    termination.on_epoch_end(second, [])
    assert second.stop


def test_ctrl_c_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt), finishing_on_signals():
        raise KeyboardInterrupt


STUDY = ["compare", "small.toml", "--seeds", "2", "--jobs", "1", "--quiet"]
SEARCH = ["tune", "small.toml", "--trials", "3", "--jobs", "1", "--quiet"]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("words", [STUDY, SEARCH], ids=["compare", "tune"])
def test_a_signal_ends_a_study_or_a_search_and_what_is_finished_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: list[str]
) -> None:
    config = CONFIG.format(extra="").replace("max_epochs = 40", "max_epochs = 3")
    (folder / "small.toml").write_text(config)
    number = signal.Signals[name]
    step, networks = Trainer.step, []

    def stepping(self: Trainer, *arguments: Any) -> Any:
        if self not in networks:
            networks.append(self)
        # In the second network, which has an epoch that a trainer would keep.
        if len(networks) == 2 and self.epoch == 2:
            os.kill(os.getpid(), number)
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stepping)
        result = CliRunner().invoke(app, [*words, "--output", "out"])
    assert result.exit_code == 128 + number
    (line,) = [line for line in result.stderr.splitlines() if name in line]
    assert "'out'" in line
    assert "--output out" in line
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    assert len(networks) == 2
    if words is STUDY:
        (fit,) = (folder / "out" / "runs").iterdir()
        assert fit.name[0] != "."


def test_an_interrupt_reaches_the_caller_of_a_study(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.format(extra="").replace("max_epochs = 40", "max_epochs = 3")
    (folder / "small.toml").write_text(config)
    loaded = mt.load_config("small.toml")

    def step(self: Trainer, *_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Trainer, "step", step)
    with pytest.raises(KeyboardInterrupt):
        mt.compare(
            loaded.read(),
            estimator=loaded.make_estimator(),
            n_seeds=1,
            n_jobs=1,
            verbose=0,
        )
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


@pytest.mark.parametrize("in_all", [False, True])
def test_an_interrupt_in_a_refit_ends_a_study_but_not_a_fit(
    monkeypatch: pytest.MonkeyPatch, in_all: bool
) -> None:
    refit, step = Phases._refit, Trainer.step

    def stepping(self: Trainer, *arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return step(self, *arguments)

    def refitting(self: Phases, *arguments: Any) -> Any:
        monkeypatch.setattr(Trainer, "step", stepping)
        return refit(self, *arguments)

    monkeypatch.setattr(Phases, "_refit", refitting)
    estimator = small(training=mt.Training(refit=True), max_epochs=1)
    if in_all:
        with pytest.raises(KeyboardInterrupt), interrupts_end_all():
            estimator.fit(make_samples(40))
    else:
        assert estimator.fit(make_samples(40)).best_epoch_["load"] == 1
