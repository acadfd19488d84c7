"""The kept epoch is the best on the validation set, jointly and on request per task."""

from __future__ import annotations

import torch
from torch import nn

from multitide.training._best_weights import JOINT, Keeper

LOSSES = [
    {"a": 1.0, "b": 0.5},
    {"a": 0.25, "b": 0.75},
    {"a": 0.5, "b": 0.5},
    {"a": 0.5, "b": 0.25},
]


def offer_all(keeper: Keeper) -> list[bool]:
    network = nn.Linear(1, 1)
    improved = []
    for epoch, losses in enumerate(LOSSES, start=1):
        nn.init.constant_(network.weight, epoch)
        improved.append(keeper.offer(epoch, losses, network))
    return improved


def test_joint_keeps_the_lowest_mean_of_the_losses() -> None:
    keeper = Keeper("joint", ["a", "b"])
    assert offer_all(keeper) == [True, True, False, True]
    assert {key: s.epoch for key, s in keeper.best.items()} == {JOINT: 4}
    assert keeper.best[JOINT].state["weight"].item() == 4


def test_per_task_keeps_each_best_epoch_and_the_joint_one() -> None:
    keeper = Keeper("per_task", ["a", "b"])
    offer_all(keeper)
    assert {key: s.epoch for key, s in keeper.best.items()} == {
        JOINT: 4,
        "a": 2,
        "b": 4,
    }
    assert keeper.best["a"].state["weight"].item() == 2


def test_ties_go_to_the_earlier_epoch() -> None:
    keeper = Keeper("joint", ["a"])
    network = nn.Linear(1, 1)
    assert keeper.offer(1, {"a": 0.5}, network)
    assert not keeper.offer(2, {"a": 0.5}, network)
    assert keeper.best[JOINT].epoch == 1


def test_without_validation_the_last_epoch_is_kept() -> None:
    keeper = Keeper("per_task", ["a", "b"])
    for epoch in (1, 2, 3):
        assert keeper.offer(epoch, {}, nn.Linear(1, 1))
    assert {key: s.epoch for key, s in keeper.best.items()} == {
        JOINT: 3,
        "a": 3,
        "b": 3,
    }


def test_a_refit_keeps_the_given_epochs() -> None:
    keeper = Keeper("per_task", ["a", "b"], epochs={JOINT: 3, "a": 1, "b": 3})
    offer_all(keeper)
    assert {key: s.epoch for key, s in keeper.best.items()} == {
        JOINT: 3,
        "a": 1,
        "b": 3,
    }


def test_a_snapshot_does_not_follow_later_training() -> None:
    keeper, network = Keeper("joint", ["a"]), nn.Linear(1, 1)
    keeper.offer(1, {"a": 0.5}, network)
    before = keeper.best[JOINT].state["weight"].clone()
    with torch.no_grad():
        network.weight.add_(1)
    assert torch.equal(keeper.best[JOINT].state["weight"], before)
