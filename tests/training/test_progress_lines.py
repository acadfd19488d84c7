"""A long training tells its progress where there is no terminal; a short one is silent."""

from __future__ import annotations

import io
import logging
import os
import sys

import pytest
from rich.console import Console

from makers import make_samples, make_trainer
from multitide.training import _progress_bar as progress_bar
from multitide.training._gradient_health import GradientHealth


@pytest.mark.parametrize(("seconds", "n_lines"), [(0.0, 3), (60.0, 0)])
def test_a_log_gets_a_line_per_epoch(
    seconds: float, n_lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_bar, "SECONDS", seconds)
    stream = io.StringIO()
    bar = progress_bar.ProgressBar(Console(file=stream))
    make_trainer({"": make_samples(32)}, callbacks=[bar], max_epochs=3).run()
    lines = stream.getvalue().splitlines()
    assert len(lines) == n_lines
    for number, line in enumerate(lines, start=1):
        assert line.startswith(f"epoch {number} of 3: ")
        assert "loss" in line


def test_a_reader_who_leaves_ends_no_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress_bar, "SECONDS", 0.0)
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        trainer = make_trainer(
            {"": make_samples(32)}, callbacks=[progress_bar.ProgressBar()], max_epochs=2
        )
        trainer.run()
    assert trainer.epoch == 2


def test_one_step_with_constant_heads_is_no_vanishing_gradient(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trainer = make_trainer(
        {"": make_samples(16)},
        callbacks=[GradientHealth()],
        max_epochs=3,
        batch_size=64,
    )
    for head in trainer.network.heads:
        for parameter in head.parameters():
            parameter.data.zero_()
    with caplog.at_level(logging.WARNING, "multitide"):
        trainer.run()
    assert caplog.messages == []
