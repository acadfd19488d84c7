"""A second pass over the batch of a step, with the dropout masks of the first."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from makers import make_samples, make_trainer
from multitide.training._lookahead import LookAhead
from multitide.training._trainer import Trainer

ROWS = [torch.arange(16)]
COUNTS = np.array([16, 16])


def training() -> Trainer:
    trainer = make_trainer({"": make_samples(missing=0)})
    trainer.network.train()
    assert any(
        isinstance(each, nn.Dropout) and each.p for each in trainer.network.modules()
    )
    return trainer


def test_the_second_pass_repeats_the_first_and_leaves_the_generator_where_it_is() -> (
    None
):
    trainer = training()
    ahead = LookAhead(trainer, ROWS, COUNTS)
    losses, _ = trainer.task_losses(ROWS, COUNTS)
    norms = {name: buffer.clone() for name, buffer in trainer.network.named_buffers()}
    state = torch.get_rng_state()
    for _ in range(2):
        assert ahead.losses().tolist() == [
            float(loss.detach()) for loss in losses.values()
        ]
    assert torch.equal(torch.get_rng_state(), state)
    for name, buffer in trainer.network.named_buffers():
        assert torch.equal(buffer, norms[name])
    other, _ = trainer.task_losses(ROWS, COUNTS)
    assert not torch.equal(other["state"], losses["state"])


def test_it_measures_at_other_parameters_without_changing_the_network() -> None:
    trainer = training()
    ahead = LookAhead(trainer, ROWS, COUNTS)
    now = ahead.losses()
    before = {
        name: p.detach().clone() for name, p in trainer.network.named_parameters()
    }
    doubled = {id(p): 2 * p.detach() for p in trainer.network.sharing.parameters()}
    moved = ahead.losses(doubled)
    assert not torch.equal(moved, now)
    for name, parameter in trainer.network.named_parameters():
        assert torch.equal(parameter, before[name])
    with torch.no_grad():
        for parameter in trainer.network.sharing.parameters():
            parameter.mul_(2)
    assert torch.equal(ahead.losses(), moved)


def test_generators_are_restored_after_an_error() -> None:
    trainer = training()
    ahead = LookAhead(trainer, [torch.tensor([10**6])], COUNTS)
    torch.rand(3)
    state = torch.get_rng_state()
    try:
        ahead.losses()
    except (IndexError, RuntimeError):
        pass
    else:
        raise AssertionError
    assert torch.equal(torch.get_rng_state(), state)
