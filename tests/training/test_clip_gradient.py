"""The gradient is clipped as torch clips it, bit by bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from multitide.training._clip_gradient import clip_gradient


def parameters_with_gradients() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    parameters = []
    for shape in ((7, 3), (5,), (2, 3, 4), ()):
        parameter = nn.Parameter(torch.zeros(shape))
        parameter.grad = torch.randn(shape, generator=generator)
        parameters.append(parameter)
    parameters.append(nn.Parameter(torch.zeros(3)))  # frozen: without a gradient
    return parameters


@pytest.mark.parametrize("max_norm", [0.1, 5.0, 1e6])
def test_gradients_and_norm_are_those_of_torch(max_norm: float) -> None:
    ours, theirs = parameters_with_gradients(), parameters_with_gradients()
    norm = clip_gradient(ours, max_norm)
    assert torch.equal(norm, nn.utils.clip_grad_norm_(theirs, max_norm))
    for own, other in zip(ours, theirs, strict=True):
        if other.grad is None:
            assert own.grad is None
        else:
            assert torch.equal(own.grad, other.grad)


def test_without_gradients_the_norm_is_zero() -> None:
    assert clip_gradient([nn.Parameter(torch.zeros(3))], 1.0) == 0
