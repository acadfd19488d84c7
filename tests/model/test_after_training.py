"""What is said after training: it ended early, a task is not learned, the test set differs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from torch import nn

from multitide.data._samples import Samples
from multitide.model._after_training import (
    after_training,
    against_test,
    validation_losses,
)
from multitide.tasks import Regression
from multitide.tasks._task import Target

Y = pd.DataFrame({"load": np.r_[np.arange(40.0), np.nan]})

NONE = pd.DataFrame()  # no candidates


class OneTarget(nn.Module):
    """Stands for a fitted model: only its targets are used."""

    def target(self, name: str) -> Target:
        return Regression(name).fit_target(Y)


def history(losses: list[float]) -> pd.DataFrame:
    """Return a history of one task with these validation losses."""
    rows = []
    for epoch, loss in enumerate(losses, start=1):
        rows += [(epoch, "load", "train", 0.1), (epoch, "load", "validation", loss)]
    return pd.DataFrame(rows, columns=["epoch", "task", "side", "loss"])


def said(losses: list[float], y: pd.DataFrame = Y) -> str:
    samples = Samples.from_arrays(np.zeros((len(y), 1, 2), np.float32), y)
    best = {"load": int(np.argmin(losses)) + 1}
    found = after_training(
        OneTarget(),  # type: ignore[arg-type]
        history(losses),
        best,
        NONE,
        [samples],
    )
    return "\n".join(found)


def test_a_good_fit_needs_no_words() -> None:
    assert said([0.9, 0.4, 0.6, 0.7]) == ""


@pytest.mark.parametrize(
    ("best", "lowest", "falls"),
    [(45, 0.2, False), (46, 0.2, True), (50, 0.2, True), (50, 0.895, False)],
)
def test_a_loss_that_still_falls_in_the_last_tenth_is_named(
    best: int, lowest: float, falls: bool
) -> None:
    losses = [0.9] * 50
    losses[best - 1] = lowest
    text = said(losses)
    assert ("The validation loss of 'load' was still falling" in text) == falls
    assert ("Raise `max_epochs`" in text) == falls


def test_one_epoch_says_nothing_about_the_length() -> None:
    assert said([0.5]) == ""


def test_a_task_that_does_not_beat_its_constant_is_named() -> None:
    text = said([1.3, 1.2, 1.4])
    assert "'load' is not better than a constant" in text
    assert "loss 1.2, constant 1)" in text
    # The constant of the training labels may be worse elsewhere, and is then still beaten.
    assert said([1.3, 1.2, 1.4], Y + 100) == ""


def test_nothing_is_said_without_validation_labels() -> None:
    train = history([0.5, 0.4]).query("side == 'train'")
    samples = Samples.from_arrays(np.zeros((3, 1, 2), np.float32))
    model = OneTarget()
    assert after_training(model, train, {"load": 2}, NONE, [samples]) == []  # type: ignore[arg-type]
    assert after_training(model, pd.DataFrame(), {"load": 2}, NONE, []) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("loss", "trivial", "named"),
    [(1.5, 1.0, True), (1.1, 1.0, False), (1.5, 2.0, False), (np.nan, 1.0, False)],
)
def test_a_test_loss_far_above_the_validation_loss_is_named(
    loss: float, trivial: float, named: bool
) -> None:
    metrics = pd.DataFrame(
        {"task": "load", "metric": ["rmse", "loss"], "value": loss, "trivial": trivial}
    )
    found = against_test({"load": 0.4}, metrics)
    assert bool(found) == named
    if named:
        assert "'load' is far worse on the test set (loss 1.5, constant 1)" in found[0]
    of_data = against_test({"load": 0.4}, metrics.assign(data="rig"))
    assert all("of 'rig'" in sentence for sentence in of_data)


def test_the_loss_of_a_mean_counts_where_there_is_one() -> None:
    rows = history([2.0, 1.5])
    means = pd.DataFrame({"task": ["load", "load"], "mean_loss": [0.4, 0.4]})
    assert validation_losses(rows, {"load": 2}, NONE) == {"load": 1.5}
    assert validation_losses(rows, {"load": 2}, means) == {"load": 0.4}
