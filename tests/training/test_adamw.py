"""The optimiser is torch's AdamW, bit by bit, without the import of torch's compiler."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from multitide.training._adamw import AdamW

FIT = """
import sys
import multitide as mt
samples = mt.simulate_rig(n_runs=20, random_state=0)
mt.MultiTaskEstimator(backbone="gru", max_epochs=1, verbose=0).fit(samples)
print("torch._dynamo" in sys.modules)
"""


def groups_of(network: nn.Sequential, rate: torch.Tensor) -> list[dict[str, Any]]:
    first, _, last = network
    return [
        {"params": list(first.parameters()), "lr": 0.02, "weight_decay": 0.1},
        {"params": list(last.parameters()), "lr": rate, "weight_decay": 0.0},
    ]


def test_steps_have_the_bits_of_torch() -> None:
    """Also of a parameter that has no gradient yet, and with other rates."""
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    theirs = copy.deepcopy(ours)
    optimizers: list[Any] = [
        AdamW(groups_of(ours, torch.tensor(0.01))),
        torch.optim.AdamW(groups_of(theirs, torch.tensor(0.01)), fused=True),
    ]
    for step in range(6):
        x = torch.randn(7, 3)
        for network, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            network(x).square().mean().backward()
            if step < 2:
                network[2].bias.grad = None
            if step == 4:
                optimizer.param_groups[0]["lr"] = 0.001
                optimizer.param_groups[1]["lr"].fill_(0.5)
            optimizer.step()
        for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(own, other)
    states = [optimizer.state.values() for optimizer in optimizers]
    for mine, torchs in zip(*states, strict=True):
        assert mine.keys() == torchs.keys()
        assert all(torch.equal(mine[name], torchs[name]) for name in mine)


def test_a_parameter_that_never_has_a_gradient_stays() -> None:
    parameter = nn.Parameter(torch.ones(2))
    optimizer = AdamW([{"params": [parameter], "lr": 1.0, "weight_decay": 0.5}])
    optimizer.step()
    assert parameter.tolist() == [1, 1]
    assert not optimizer.state


@pytest.mark.slow
def test_a_fit_does_not_import_the_compiler() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False"]
