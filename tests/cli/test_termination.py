"""SIGTERM ends a fit with its best epoch, a whole run folder, and exit code 143."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import multitide as mt
from multitide.cli import app
from multitide.cli._termination import Termination, finishing_on_sigterm
from multitide.training._trainer import Trainer

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
    assert not (folder / "run.partial").exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("at", ["before", "first"])
def test_without_an_epoch_nothing_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    assert fit(folder, monkeypatch, at) == 143
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["data.csv", "small.toml"]


def test_networks_after_the_request_are_trained_for_one_epoch() -> None:
    termination, trainer = Termination(), object.__new__(Trainer)
    trainer.stop = False
    termination.on_epoch_begin(trainer)
    with pytest.raises(KeyboardInterrupt):
        termination.request(signal.SIGTERM, None)
    termination.on_train_end(trainer)
    termination.request(signal.SIGTERM, None)
    termination.on_epoch_end(trainer, [])
    assert trainer.stop


def test_ctrl_c_stays_what_it_is() -> None:
    with pytest.raises(KeyboardInterrupt), finishing_on_sigterm():
        raise KeyboardInterrupt
