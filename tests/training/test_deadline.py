"""A fit that must end in time cools its learning rate down first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from multitide.training import _deadline
from multitide.training._deadline import Deadline
from multitide.training._schedule import Schedule


def epochs_until_stop(
    seconds: float, per_epoch: float, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, int | None]:
    """Return the number of epochs of a run of 100, and the epoch after which it cooled down."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(_deadline.time, "perf_counter", lambda: clock.now)
    schedule = Schedule("one_cycle", 100, None)
    trainer: Any = SimpleNamespace(schedule=schedule, epoch=0, stop=False)
    callback = Deadline(seconds)
    while not trainer.stop:
        trainer.epoch += 1
        callback.on_epoch_begin(trainer)
        clock.now += per_epoch
        trainer.stop = schedule.finished(trainer.epoch - 1, True)
        callback.on_epoch_end(trainer, [])
    return trainer.epoch, schedule.cool_down_at


def test_without_a_deadline_all_epochs_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert epochs_until_stop(float("inf"), 1.0, monkeypatch) == (100, None)


def test_the_cool_down_ends_before_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    n_epochs, cool_down_at = epochs_until_stop(50.0, 1.0, monkeypatch)
    assert n_epochs <= 50
    assert cool_down_at is not None
    assert n_epochs - cool_down_at == 10  # the whole cool-down of a tenth of the epochs


def test_an_epoch_longer_than_the_time_is_the_only_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert epochs_until_stop(1.0, 5.0, monkeypatch)[0] == 1
