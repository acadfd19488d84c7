"""The learning rate follows its curve, and early stopping anneals it to zero."""

from __future__ import annotations

import pytest
import torch

from multitide.training._schedule import SCHEDULES, Schedule


def test_cosine_equals_torch() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    ours = Schedule("cosine", 20, patience=None)
    for epoch in range(20):
        assert ours.factor(epoch) == pytest.approx(
            optimizer.param_groups[0]["lr"], abs=1e-9
        )
        optimizer.step()
        reference.step()


def test_one_cycle_equals_torch() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=1.0,
        total_steps=101,
        pct_start=0.2,
        div_factor=25,
        final_div_factor=1e12,
        cycle_momentum=False,
    )
    ours = Schedule("one_cycle", 100, patience=None)
    for step in range(100):
        # torch counts the warm-up as pct_start * total - 1 steps, one less than ours: compare at
        # the same share.
        share = step / 19 * 20 if step < 19 else 20 + (step - 19) / 81 * 80
        assert ours.factor(share) == pytest.approx(
            optimizer.param_groups[0]["lr"], abs=0.02
        )
        optimizer.step()
        reference.step()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_full_run_ends_with_max_epochs(name: str) -> None:
    schedule = Schedule(name, 12, patience=None)
    ends = [schedule.finished(epoch, improved=False) for epoch in range(12)]
    assert ends == [False] * 11 + [True]


def test_patience_starts_a_cool_down_to_zero_and_then_ends() -> None:
    schedule = Schedule("constant", 100, patience=3)
    ends = [schedule.finished(epoch, improved=epoch <= 4) for epoch in range(18)]
    # The last improvement was in epoch 4; epochs 5, 6 and 7 had none.
    assert schedule.cool_down_at == 8
    assert ends.index(True) == 8 + schedule.cool_down_epochs - 1
    assert schedule.factor(7.9) == 1
    assert schedule.factor(8 + schedule.cool_down_epochs) == pytest.approx(0, abs=1e-12)


def test_an_improvement_in_time_prevents_the_cool_down() -> None:
    schedule = Schedule("constant", 30, patience=3)
    for epoch in range(29):
        assert not schedule.finished(epoch, improved=epoch % 3 == 0)
    assert schedule.cool_down_at is None
